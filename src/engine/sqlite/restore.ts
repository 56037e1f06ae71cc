/** The way back from a backup. */
import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { InputError, OperationError } from "../../errors.ts";
import { type BackupReport, refuseMissing, verifiedHash, verifyCopy } from "./backup.ts";
import type { Connection } from "./connection.ts";
import { DEFAULT_BUSY_TIMEOUT_MS, openConnection } from "./open.ts";

export interface RestoreReport extends BackupReport {
  /** The file that was restored into. */
  readonly restoredTo: string;
}

/**
 * Puts a backup in the place of a database: in one transaction of SQLite's own, so that a kill at any moment leaves
 * the old or the new content, a stale WAL beside the file cannot blend in, and processes that have it open go on.
 * @throws {InputError} BACKUP_TARGET_INVALID when there is no such backup.
 * @throws {OperationError} BACKUP_UNVERIFIED when its hash or its pages are wrong; the database is left as it is.
 */
export async function restoreDatabase(
  backup: string,
  database: string,
  busyTimeoutMs = DEFAULT_BUSY_TIMEOUT_MS,
): Promise<RestoreReport> {
  const path = resolve(backup);
  const restoredTo = resolve(database);
  if (!existsSync(path)) refuseMissing(path);
  if (path === restoredTo) {
    throw new InputError(
      "BACKUP_TARGET_INVALID",
      `Cannot restore ${path}: it is the database itself, expected another file`,
      {
        details: { path },
      },
    );
  }
  const sha256 = verifiedHash(path);
  const { rows, brokenRows } = verifyCopy(path);
  // Opened first for its rules (no link, no folder, private when new) and for the lock, which node:sqlite's
  // backup reports as "not an error" when somebody else has it.
  using live = openForRestore(restoredTo, busyTimeoutMs);
  live.transaction(() => undefined, `restore ${restoredTo}`);
  await replaceContent(path, restoredTo, busyTimeoutMs);
  return { path, sizeBytes: statSync(path).size, sha256, rows, brokenRows, restoredTo };
}

/**
 * Opens the database that a backup is to replace, creating it when it is gone.
 * @throws {OperationError} what `openConnection` throws; for a damaged file with the way out.
 */
export function openForRestore(
  database: string,
  busyTimeoutMs = DEFAULT_BUSY_TIMEOUT_MS,
): Connection {
  try {
    return openConnection(database, { busyTimeoutMs });
  } catch (error) {
    const isDamaged =
      error instanceof OperationError &&
      (error.code === "DATABASE_CORRUPT" || error.code === "DATABASE_NOT_SQLITE");
    if (!isDamaged) throw error;
    throw new OperationError(error.code, error.message, {
      details: error.details,
      cause: error,
      hint: "Move the damaged file and its -wal aside, keep them, and restore again.",
    });
  }
}

async function replaceContent(
  path: string,
  restoredTo: string,
  busyTimeoutMs: number,
): Promise<void> {
  const sqlite = await import("node:sqlite");
  const source = new sqlite.DatabaseSync(path, { readOnly: true, timeout: busyTimeoutMs });
  try {
    await sqlite.backup(source, restoredTo, { rate: -1 });
  } catch (error) {
    throw new OperationError(
      "DATABASE_BUSY",
      `Cannot restore ${restoredTo}: another process came in between, expected it for itself`,
      { details: { path: restoredTo }, cause: error },
    );
  } finally {
    source.close();
  }
}
