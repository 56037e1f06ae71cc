/**
 * The lock that lets one process at a time do maintenance: a lock of the operating system on a file beside the
 * database, which ends with its holder however that ends. There is no lock row or note to be left behind.
 */
import { Database } from "bun:sqlite";
import { Connection } from "./connection.ts";
import { IN_MEMORY, prepareFile } from "./open.ts";
import { isSqliteError, SQLITE_BUSY, toUsageDbError } from "./sqlite-errors.ts";

export interface JobLock extends Disposable {
  release(): void;
}

/** The lock's file: empty, and never opened by anything but this module, because closing a file ends its locks. */
export function jobLockPath(database: string): string {
  return `${database}-maintenance`;
}

/** Databases in memory have no file; only their own connection can reach them. */
const lockedInMemory = new WeakSet<Connection>();

/**
 * Takes the job lock of a connection's database without waiting; null when another connection, of whichever process,
 * holds it.
 * @throws {InputError} DATABASE_PATH_INVALID when a link or a folder stands where the lock's file belongs.
 * @throws {OperationError} when the file cannot be created or locked.
 */
export function takeJobLock(connection: Connection): JobLock | null {
  if (connection.path === IN_MEMORY) return takeInMemory(connection);
  const path = jobLockPath(connection.path);
  prepareFile(path, "create");
  const holder = new Connection(openLockFile(path), path);
  try {
    holder.runOnce("PRAGMA busy_timeout = 0");
    // Without it a journal stands beside the lock for as long as it is held, and is left by a killed holder.
    holder.runOnce("PRAGMA journal_mode = MEMORY");
    holder.runOnce("BEGIN EXCLUSIVE");
  } catch (error) {
    holder.close();
    if (isSqliteError(error) && (error.errno & 0xff) === SQLITE_BUSY) return null;
    throw toUsageDbError(error, "take the maintenance lock", { path });
  }
  return lockOf(() => {
    if (holder.isClosed) return;
    // Not COMMIT: that would make a database of the empty file.
    holder.runOnce("ROLLBACK");
    holder.close();
  });
}

function openLockFile(path: string): Database {
  try {
    return new Database(path, { create: false, readwrite: true });
  } catch (error) {
    throw toUsageDbError(error, "take the maintenance lock", { path });
  }
}

function takeInMemory(connection: Connection): JobLock | null {
  if (lockedInMemory.has(connection)) return null;
  lockedInMemory.add(connection);
  return lockOf(() => lockedInMemory.delete(connection));
}

const lockOf = (release: () => void): JobLock => ({ release, [Symbol.dispose]: release });
