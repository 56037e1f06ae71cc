/**
 * The spool: a file beside the database that takes hook events while the database cannot, one JSON document a line.
 *
 * Many processes append at once and one takes the file away to bring it in, without a lock among them:
 * - a record is one write to a file opened for appending, so records never mix; it begins with a line feed of its own,
 *   so one that a full disk cut short spoils only itself;
 * - who takes the file renames it to a name that is never used again, then reads it;
 * - who appends looks after its write whether the name still means the file that it wrote to. If not, the file may
 *   have been read before the write, so the record is written once more, into the new one. It may then be read twice,
 *   and is stored once: an event is known by its fingerprint and its time.
 * A taken file that its process did not live to bring in is found by its name and brought in by the next.
 */
import {
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  openSync,
  readdirSync,
  renameSync,
  type Stats,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { pid } from "node:process";
import { OperationError } from "../../errors.ts";

/** Beside the database, as its `-wal` is. */
export function spoolPath(database: string): string {
  return `${database}-spool`;
}

/** Nobody takes a file this often while one process tries to append to it. */
const MAX_TRIES = 100;
const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = constants;
const APPENDING = O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_WRONLY;

export class Spool implements Disposable {
  readonly path: string;
  #descriptor: number | null = null;

  /** @param path where it is, or will be: `spoolPath(database)`. */
  constructor(path: string) {
    this.path = path;
  }

  /**
   * Appends records; when it returns, they outlive this process. `flush` makes them outlive a power cut too, which
   * the database's own newest commits do not.
   * @throws {OperationError} SPOOL_FAILED when they were not all written.
   */
  append(records: readonly unknown[], { flush = false }: { readonly flush?: boolean } = {}): void {
    const bytes = Buffer.from(records.map((record) => `\n${JSON.stringify(record)}\n`).join(""));
    try {
      for (let tries = 0; tries < MAX_TRIES; tries++) {
        const descriptor = (this.#descriptor ??= openForAppending(this.path));
        writeWhole(descriptor, bytes);
        if (flush) fdatasyncSync(descriptor);
        if (isAt(this.path, fstatSync(descriptor))) return;
        this.close();
      }
      throw new Error("it was taken away again and again");
    } catch (cause) {
      this.close();
      throw failed("append to", this.path, cause);
    }
  }

  /**
   * Takes what is spooled and returns the files that hold it, oldest first: that of this call, and those of processes
   * that did not live to bring theirs in. A file is released when all of it was stored.
   * @throws {OperationError} SPOOL_FAILED.
   */
  take(now: number): string[] {
    // The next record of this process would go to the file that is taken, and be written once more.
    this.close();
    const random = Math.random().toString(36).slice(2, 10);
    try {
      renameSync(this.path, `${this.path}-${now}-${pid}-${random}`);
    } catch (cause) {
      if (codeOf(cause) !== "ENOENT") throw failed("take", this.path, cause);
    }
    return this.taken();
  }

  /** The files that were taken and not released, oldest first. */
  taken(): string[] {
    const folder = dirname(this.path);
    const start = `${basename(this.path)}-`;
    try {
      const names = readdirSync(folder).filter((name) => name.startsWith(start));
      return names.sort().map((name) => join(folder, name));
    } catch (cause) {
      if (codeOf(cause) === "ENOENT") return [];
      throw failed("look for", this.path, cause);
    }
  }

  /** Bytes that wait to be brought in. */
  sizeBytes(): number {
    const paths = [this.path, ...this.taken()];
    return paths.reduce(
      (sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0),
      0,
    );
  }

  /** Removes a taken file; another process may have been first. */
  release(file: string): void {
    try {
      unlinkSync(file);
    } catch (cause) {
      if (codeOf(cause) !== "ENOENT") throw failed("remove", file, cause);
    }
  }

  close(): void {
    if (this.#descriptor !== null) closeSync(this.#descriptor);
    this.#descriptor = null;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function openForAppending(path: string): number {
  const descriptor = openSync(path, APPENDING, 0o600);
  const stat = fstatSync(descriptor);
  // A hard link would be another file's end.
  if (stat.isFile() && stat.nlink <= 1) return descriptor;
  closeSync(descriptor);
  throw new Error(stat.isFile() ? `it has ${stat.nlink} names` : "it is not a regular file");
}

function writeWhole(descriptor: number, bytes: Buffer): void {
  const written = writeSync(descriptor, bytes);
  if (written !== bytes.length) throw new Error(`${written} of ${bytes.length} bytes were written`);
}

function isAt(path: string, { dev, ino }: Stats): boolean {
  const there = statSync(path, { throwIfNoEntry: false });
  return there !== undefined && there.ino === ino && there.dev === dev;
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}

function failed(action: string, path: string, cause: unknown): OperationError {
  const observed = codeOf(cause) ?? (cause instanceof Error ? cause.message : "it failed");
  return new OperationError(
    "SPOOL_FAILED",
    `Cannot ${action} ${path}: ${observed}, expected a regular file in a folder that may be written`,
    { details: { path, observed }, cause },
  );
}
