/**
 * A note beside the database in which a migrating process says what it is doing; whoever waits reads it.
 *
 * It is no lock: SQLite's own is the only one, so a note that a killed process left behind keeps nobody out. It is
 * written inside the lock, so what it says of its writer is true as long as the lock is held.
 */
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { pid as ownPid } from "node:process";
import { describeLink } from "./file-links.ts";
import { IN_MEMORY } from "./open.ts";

export interface LockNote {
  readonly pid: number;
  readonly actor: string | null;
  /** Epoch milliseconds: when the lock was taken for this step. */
  readonly since: number;
  /** The words after "Cannot": `apply 003_add_users`. */
  readonly step: string;
}

export function lockNotePath(database: string): string {
  return `${database}-migrating`;
}

/** Longer than most notes, so that one of another process is covered too. */
const MIN_NOTE_LENGTH = 512;

/** Writes the notes of one run; a note that cannot be written is left out, as it only informs. */
export class LockNoteWriter {
  readonly #path: string | null;
  #descriptor: number | null = null;
  /** A shorter note covers all of a longer one; cutting the file instead costs as much as a small step. */
  #longest = MIN_NOTE_LENGTH;

  constructor(database: string) {
    this.#path = database === IN_MEMORY ? null : lockNotePath(database);
  }

  write(note: Omit<LockNote, "pid">): void {
    if (this.#path === null) return;
    try {
      // Never through a planted link: the file is overwritten.
      const { O_CREAT, O_RDWR, O_NOFOLLOW } = constants;
      this.#descriptor ??= openOwn(this.#path, O_CREAT | O_RDWR | O_NOFOLLOW);
      const text = Buffer.from(JSON.stringify({ pid: ownPid, ...note }));
      const padding = Buffer.alloc(Math.max(0, this.#longest - text.length), " ");
      const whole = Buffer.concat([text, padding]);
      writeSync(this.#descriptor, whole, 0, whole.length, 0);
      this.#longest = Math.max(this.#longest, text.length);
    } catch (error) {
      if (!isFileError(error)) throw error;
    }
  }

  /** Removes the note, unless another process has written over it. */
  end(): void {
    const descriptor = this.#descriptor;
    if (descriptor === null || this.#path === null) return;
    this.#descriptor = null;
    try {
      if (readLockNote(this.#path)?.pid === ownPid) unlinkSync(this.#path);
    } catch (error) {
      // Somebody else took it away first.
      if (!isFileError(error)) throw error;
    } finally {
      closeSync(descriptor);
    }
  }
}

/** Refuses a link before a byte of it is written, in the file system's own words. */
function openOwn(path: string, flags: number): number {
  const descriptor = openSync(path, flags, 0o600);
  const observed = describeLink(fstatSync(descriptor));
  if (observed === null) return descriptor;
  closeSync(descriptor);
  throw Object.assign(new Error(observed), { syscall: "open" });
}

/** The note at a path; null when there is none, or none that can be read. */
export function readLockNote(path: string): LockNote | null {
  try {
    const note: unknown = JSON.parse(readFileSync(path, "utf8"));
    return isLockNote(note) ? note : null;
  } catch (error) {
    if (isFileError(error) || error instanceof SyntaxError) return null;
    throw error;
  }
}

function isLockNote(note: unknown): note is LockNote {
  if (typeof note !== "object" || note === null) return false;
  const { pid, actor, since, step } = note as Record<string, unknown>;
  return (
    Number.isSafeInteger(pid) &&
    (actor === null || typeof actor === "string") &&
    Number.isSafeInteger(since) &&
    typeof step === "string"
  );
}

const isFileError = (error: unknown): boolean => error instanceof Error && "syscall" in error;
