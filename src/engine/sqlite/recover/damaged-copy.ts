/**
 * A private copy of a damaged database and its WAL, to be read by whatever means: SQLite is never let near the file
 * itself, because even a reader of it may make, recover or remove what stands beside it.
 */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  writeSync,
} from "node:fs";
import { basename, join } from "node:path";
import { OperationError } from "../../../errors.ts";
import { checkPath, prepareFile } from "../open.ts";
import { refuseOpenHere } from "../own-descriptors.ts";

const TRIES = 3;
const CHUNK_BYTES = 1 << 20;

export class DamagedCopy implements Disposable {
  readonly path: string;
  /** Null when there was none. */
  readonly walPath: string | null;
  readonly #folder: string;

  private constructor(folder: string, hasWal: boolean) {
    this.#folder = folder;
    this.path = join(folder, "damaged.db");
    this.walPath = hasWal ? `${this.path}-wal` : null;
  }

  /**
   * Copies a database as it stands, in a folder of mode 0700 below `parent`.
   * @throws {InputError} DATABASE_PATH_INVALID for anything but a regular file.
   * @throws {OperationError} DATABASE_NOT_FOUND; DATABASE_BUSY when it goes on changing, or when this very process
   *   has it open: reading it here would take the locks of that connection away; DATABASE_IO.
   */
  static of(source: string, parent: string): DamagedCopy {
    const path = checkPath(source);
    prepareFile(path, "existing");
    refuseOpenHere(path, "copy");
    const folder = mkdtempSync(join(parent, `.${basename(path)}.recover-`));
    try {
      for (let tries = 0; tries < TRIES; tries++) {
        const before = stampsOf(path);
        copyFile(path, join(folder, "damaged.db"));
        const hasWal = isRegular(`${path}-wal`);
        if (hasWal) copyFile(`${path}-wal`, join(folder, "damaged.db-wal"));
        if (before === stampsOf(path)) return new DamagedCopy(folder, hasWal);
        rmSync(join(folder, "damaged.db-wal"), { force: true });
        Bun.sleepSync(100);
      }
      throw new OperationError(
        "DATABASE_BUSY",
        `Cannot copy ${path}: it was written to at each of ${TRIES} tries, expected it to rest`,
        {
          details: { path },
          hint: "Stop the programs that write to the database, and run the command again.",
        },
      );
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Folders of this kind that a killed process left, or one that is at work has. */
export function abandonedCopies(parent: string): string[] {
  return readdirSync(parent)
    .filter((name) => /^\..+\.recover-[A-Za-z0-9]{6}$/.test(name))
    .map((name) => join(parent, name));
}

const isRegular = (path: string): boolean =>
  lstatSync(path, { throwIfNoEntry: false })?.isFile() === true;

function stampsOf(path: string): string {
  return [path, `${path}-wal`]
    .map((name) => lstatSync(name, { throwIfNoEntry: false, bigint: true }))
    .map((stats) => `${stats?.ino}:${stats?.size}:${stats?.mtimeNs}`)
    .join("|");
}

/** What a failing disk cannot give is left as zeros, so that the rest keeps its place. */
function copyFile(from: string, to: string): void {
  const { O_NOFOLLOW, O_RDONLY } = constants;
  const source = openSync(from, O_RDONLY | O_NOFOLLOW);
  try {
    const target = openSync(to, "w", 0o600);
    try {
      const { size } = fstatSync(source);
      const chunk = Buffer.alloc(CHUNK_BYTES);
      for (let at = 0; at < size;) {
        const length = Math.min(CHUNK_BYTES, size - at);
        const read = readChunk(source, chunk, { length, at });
        if (read === 0) break;
        for (let written = 0; written < read;)
          written += writeSync(target, chunk, written, read - written, at + written);
        at += read;
      }
    } finally {
      closeSync(target);
    }
  } finally {
    closeSync(source);
  }
}

const SECTOR_BYTES = 4096;

function readChunk(
  descriptor: number,
  chunk: Buffer,
  { length, at }: { readonly length: number; readonly at: number },
): number {
  try {
    return readSync(descriptor, chunk, 0, length, at);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EIO")) throw error;
  }
  const part = Math.min(length, SECTOR_BYTES);
  try {
    return readSync(descriptor, chunk, 0, part, at);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EIO")) throw error;
    chunk.fill(0, 0, part);
    return part;
  }
}
