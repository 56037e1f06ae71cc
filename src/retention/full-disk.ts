/** What maintenance does on a full disk: it gives the ballast up, so that the jobs that make room can run. */
import { freeBytesBeside, keepBallast, releaseBallast } from "../engine/sqlite/ballast.ts";
import { checkpoint } from "../engine/sqlite/checkpoint.ts";
import type { Connection } from "../engine/sqlite/connection.ts";
import { IN_MEMORY } from "../engine/sqlite/open.ts";
import { UsageDbError } from "../errors.ts";

/** A job's first chunk and its checkpoint need about this much. */
const LITTLE_BYTES = 1 << 20;
const CHECKPOINT_WAIT_MS = 20;

/** One for a run of maintenance: `using reserve = new Reserve(connection)` makes the ballast anew at its end. */
export class Reserve implements Disposable {
  readonly #connection: Connection;
  #releasedBytes = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
    if (hasLittleRoom(connection.path)) this.release();
  }

  /** What was given up in this run. */
  get releasedBytes(): number {
    return this.#releasedBytes;
  }

  /**
   * Gives the ballast up when the disk is what is full, and moves the WAL into the database, which is the first thing
   * that lacked room; true when trying again makes sense.
   */
  release(): boolean {
    const { path } = this.#connection;
    if (!hasLittleRoom(path)) return false;
    const bytes = releaseBallast(path);
    this.#releasedBytes += bytes;
    if (bytes > 0) this.#emptyWal();
    return bytes > 0;
  }

  /** Makes the ballast where it is missing and the disk has room for it. */
  [Symbol.dispose](): void {
    keepBallast(this.#connection.path);
  }

  #emptyWal(): void {
    try {
      checkpoint(this.#connection, CHECKPOINT_WAIT_MS);
    } catch (error) {
      // Even that needs more than there is: the jobs delete first.
      if (!(error instanceof Error)) throw error;
    }
  }
}

/** Opens a database for maintenance: on a full disk even the opening needs a little, and then has the ballast. */
export function openWithRoom<Opened>(path: string, open: () => Opened): Opened {
  try {
    return open();
  } catch (error) {
    const isFull = error instanceof UsageDbError && FULL_CODES.has(error.code);
    if (!isFull || !hasLittleRoom(path) || releaseBallast(path) === 0) throw error;
    return open();
  }
}

/** SQLite has several words for a shared-memory file that it cannot make. */
const FULL_CODES: ReadonlySet<string> = new Set([
  "DATABASE_FULL",
  "DATABASE_IO",
  "DATABASE_CANNOT_OPEN",
]);

function hasLittleRoom(path: string): boolean {
  return path !== IN_MEMORY && freeBytesBeside(path) < LITTLE_BYTES;
}
