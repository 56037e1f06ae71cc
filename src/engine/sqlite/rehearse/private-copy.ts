/**
 * A private copy of a live database, to do with what one likes, and a look at what it was before.
 *
 * Everything that is written to the copy stays in its WAL: its main file is the database as it was, for as long as
 * nobody checkpoints. Opened as immutable, which ignores the WAL, it is a second database to compare with at no cost.
 */
import {
  closeSync,
  constants as fsConstants,
  copyFileSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statfsSync,
  statSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { constants, Database } from "bun:sqlite";
import { InputError, OperationError } from "../../../errors.ts";
import { Connection } from "../connection.ts";
import {
  checkPath,
  DEFAULT_BUSY_TIMEOUT_MS,
  IN_MEMORY,
  openConnection,
  prepareFile,
} from "../open.ts";
import { toUsageDbError } from "../sqlite-errors.ts";

export interface PrivateCopyOptions {
  /** An existing folder for the temporary one; the database's own when left out. */
  readonly folder?: string;
  /** Free bytes of the file system that a folder is on; the real ones when left out. */
  readonly freeBytes?: (folder: string) => number;
  readonly onCopying?: (sizeBytes: number) => void;
}

/** Rows are looked up in indexes in no order; the cache that SQLite takes for itself holds 2 MB. */
const COMPARE_CACHE_KIB = 128 * 1024;

/** The schema name under which the database as it was is attached. */
export const BEFORE = "before";

export class PrivateCopy implements Disposable {
  readonly path: string;
  readonly sizeBytes: number;
  readonly durationMs: number;
  /** Configured like any other; what it writes is never checkpointed by itself. */
  readonly connection: Connection;
  readonly #folder: string;

  private constructor(folder: string, path: string, durationMs: number) {
    this.#folder = folder;
    this.path = path;
    this.durationMs = durationMs;
    this.sizeBytes = statSync(path).size;
    this.connection = openConnection(path, { mode: "existing" });
    this.connection.runOnce("PRAGMA wal_autocheckpoint = 0");
  }

  /**
   * Copies a database that others go on writing; it is opened without the right to write.
   * @throws {InputError} DATABASE_PATH_INVALID.
   * @throws {OperationError} DATABASE_NOT_FOUND, DATABASE_NOT_SQLITE, DATABASE_FULL before anything is written,
   *   DATABASE_CANNOT_OPEN when the folder cannot be written.
   */
  static of(databasePath: string, options: PrivateCopyOptions = {}): PrivateCopy {
    const { freeBytes = freeBytesOf } = options;
    using live = openLive(databasePath);
    const parent = options.folder ?? dirname(live.path);
    const sizeBytes = numberOf(live, "page_count") * numberOf(live, "page_size");
    refuseFullDisk(live.path, parent, { neededBytes: sizeBytes, free: freeBytes(parent) });
    options.onCopying?.(sizeBytes);
    const folder = makeFolder(parent, `${basename(live.path)}.rehearsal-`);
    try {
      const path = join(folder, "copy.db");
      // VACUUM INTO accepts an empty file and keeps its mode; left to itself it would make one that all may read.
      closeSync(openSync(path, "wx", 0o600));
      const startedAt = performance.now();
      live.prepare("VACUUM INTO ?", `copy ${live.path}`).run(path);
      return new PrivateCopy(folder, path, performance.now() - startedAt);
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw toUsageDbError(error, `copy ${live.path}`, { path: live.path });
    }
  }

  get walPath(): string {
    return `${this.path}-wal`;
  }

  /** Opens a second connection that sees the copy as `main` and the database as it was as `before`. */
  compare<T>(work: (both: Connection) => T): T {
    const flags = constants.SQLITE_OPEN_READWRITE | constants.SQLITE_OPEN_URI;
    using both = new Connection(new Database(this.path, flags), this.path);
    both.runOnce("PRAGMA trusted_schema = OFF");
    both.runOnce("PRAGMA query_only = ON");
    both.runOnce(`PRAGMA cache_size = -${COMPARE_CACHE_KIB}`);
    const before = `${pathToFileURL(this.path).href}?immutable=1`;
    both.prepare(`ATTACH ? AS ${BEFORE}`, "compare with what was before").run(before);
    return work(both);
  }

  /**
   * Opens the database as it was with the right to write, which nobody uses: without it SQLite's checks leave the
   * constraints of rows out. It takes a second copy, because the WAL of the first belongs to the file, not to its name.
   */
  checkBefore<T>(work: (before: Connection) => T): T {
    const path = join(this.#folder, "before.db");
    try {
      copyFileSync(this.path, path, fsConstants.COPYFILE_FICLONE);
      using before = new Connection(new Database(path, { readwrite: true, create: false }), path);
      before.runOnce("PRAGMA trusted_schema = OFF");
      before.runOnce("PRAGMA query_only = ON");
      return work(before);
    } finally {
      for (const suffix of ["", "-wal", "-shm"]) rmSync(`${path}${suffix}`, { force: true });
    }
  }

  /** From here on the copy as it is now is what it was before. */
  settle(): void {
    const [row] = this.connection.readOnce("PRAGMA wal_checkpoint(TRUNCATE)");
    if (row?.[0] === 0) return;
    throw new OperationError(
      "DATABASE_BUSY",
      `Cannot rehearse: the copy ${this.path} is busy, expected nobody else to have it open`,
      { details: { path: this.path } },
    );
  }

  [Symbol.dispose](): void {
    // First: closing a database whose file is gone leaves out the checkpoint, a second write of all that was written.
    const isGone = this.#remove();
    try {
      this.connection.close();
    } finally {
      // Where an open file cannot be removed, it can be now.
      if (!isGone) rmSync(this.#folder, { recursive: true, force: true });
    }
  }

  #remove(): boolean {
    try {
      rmSync(this.#folder, { recursive: true, force: true });
      return true;
    } catch {
      return false;
    }
  }
}

/** Folders that rehearsals of this database left in `folder` because they were killed; one that runs now is among them. */
export function leftCopies(databasePath: string, folder = dirname(databasePath)): string[] {
  const prefix = `${basename(databasePath)}.rehearsal-`;
  // A folder that is not there has the copy's own words coming.
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.startsWith(prefix))
    .map((name) => join(folder, name));
}

/** Without the right to write: closing it does not even checkpoint a WAL that another program left. */
function openLive(databasePath: string): Connection {
  const path = checkPath(databasePath);
  if (path === IN_MEMORY) {
    throw new InputError(
      "DATABASE_PATH_INVALID",
      "Cannot rehearse on :memory:: it is no file, expected a database that can be copied",
      { details: { path } },
    );
  }
  prepareFile(path, "existing");
  let live: Connection | null = null;
  try {
    live = new Connection(new Database(path, { readonly: true }), path);
    live.runOnce(`PRAGMA busy_timeout = ${DEFAULT_BUSY_TIMEOUT_MS}`);
    live.runOnce("PRAGMA trusted_schema = OFF");
    // Opening is lazy: the first read says whether this is a database at all.
    live.readOnce("SELECT count(*) FROM sqlite_schema");
    return live;
  } catch (error) {
    live?.close();
    throw toUsageDbError(error, `open ${path}`, { path });
  }
}

function makeFolder(parent: string, prefix: string): string {
  try {
    // Mode 0700, whatever the umask allows.
    return mkdtempSync(join(parent, prefix));
  } catch (cause) {
    const observed = cause instanceof Error && "code" in cause ? String(cause.code) : "it failed";
    throw new OperationError(
      "DATABASE_CANNOT_OPEN",
      `Cannot rehearse in ${parent}: ${observed}, expected a folder that may be written`,
      {
        details: { path: parent, observed },
        cause,
        hint: "Name a folder for the copy with `--tmp`.",
      },
    );
  }
}

/** @throws {OperationError} DATABASE_FULL when a copy would not fit. */
export function refuseFullDisk(
  database: string,
  folder: string,
  { neededBytes, free }: { readonly neededBytes: number; readonly free: number },
): void {
  if (free >= neededBytes) return;
  throw new OperationError(
    "DATABASE_FULL",
    `Cannot rehearse on a copy of ${database}: ${free} bytes are free in ${folder}, expected at least ${neededBytes}`,
    {
      details: { path: database, folder, freeBytes: free, neededBytes },
      hint: "Free some space, or name a folder with room with `--tmp`.",
    },
  );
}

export function freeBytesOf(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    // Making the folder comes next, and has the words for one that is not there.
    return Number.POSITIVE_INFINITY;
  }
}

function numberOf(connection: Connection, pragma: string): number {
  return Number(connection.readOnce(`PRAGMA ${pragma}`)[0]?.[0] ?? 0);
}
