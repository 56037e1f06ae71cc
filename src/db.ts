/** The functions of the earlier usage database, name for name, over one default handle. */
import { resolve } from "node:path";
import { InputError, refuseValue } from "./errors.ts";
import { pruneSnapshotsSync } from "./retention/prune.ts";
import { DAY_MS } from "./retention/clock.ts";
import { checkInteger, checkNumber } from "./store/checks.ts";
import type { UsageConfig } from "./store/usage-config.ts";
import type { UsageSnapshot } from "./store/usage-snapshots.ts";
import { openUsageDb, type UsageDb, type UsageDbOptions } from "./usage-db.ts";
import type { UsageDbMigrations } from "./usage-db-migrations.ts";

export type { UsageConfig, UsageSnapshot };
export type MigrationRunner = UsageDbMigrations;

export interface MigrationStatus {
  readonly currentVersion: number;
  readonly latestVersion: number;
  readonly pendingCount: number;
  readonly appliedMigrations: readonly {
    readonly version: number;
    readonly name: string;
    readonly applied_at: number;
  }[];
  readonly pendingMigrations: readonly { readonly version: number; readonly name: string }[];
}

const HOUR_MS = 3_600_000;

let handle: UsageDb | null = null;

/**
 * Opens and migrates the default handle; a second call for the same file does nothing.
 * @param path `usage.db` in the current folder when left out.
 * @throws {InputError} VALUE_INVALID when another file is open: its rows would end up in the first one.
 */
export function initDatabase(path = "usage.db", options: UsageDbOptions = {}): void {
  if (handle === null || handle.connection.isClosed) {
    handle = openUsageDb(path, options);
    return;
  }
  const open = handle.connection.path;
  if (path === open || resolve(path) === open) return;
  refuseValue(
    "path",
    "another file than the one that is open",
    `${open}, or closeDatabase() first`,
  );
}

/** Closes the default handle; `initDatabase` opens it again. */
export function closeDatabase(): void {
  handle?.close();
  handle = null;
}

/** The active settings; null when every row was deactivated. */
export function getUsageConfig(): UsageConfig | null {
  return database().config.get();
}

/** Changes the settings named; false for an empty update. @throws {InputError} VALUE_INVALID or OPTION_UNKNOWN. */
export function updateUsageConfig(updates: Partial<UsageConfig>): boolean {
  return database().config.update(updates);
}

/** Puts every setting back to its default. */
export function resetUsageConfig(): boolean {
  return database().config.reset();
}

/** Stores a snapshot; `snapshot_data` is JSON text. @throws {InputError} VALUE_INVALID. */
export function insertUsageSnapshot(snapshot: Omit<UsageSnapshot, "id">): UsageSnapshot | null {
  return database().snapshots.insert(snapshot);
}

/** Snapshots of the last `hoursBack` hours, newest first, of one session or of all. */
export function getUsageSnapshots(
  sessionId?: string,
  limit = 100,
  hoursBack = 24,
): UsageSnapshot[] {
  const db = database();
  const sinceMs = db.now() - checkNumber("hoursBack", hoursBack, 0, 1_000_000) * HOUR_MS;
  return db.snapshots.list({ ...(sessionId === undefined ? {} : { sessionId }), limit, sinceMs });
}

/** Every snapshot of a session, newest first. */
export function getUsageSnapshotsBySession(sessionId: string): UsageSnapshot[] {
  return database().snapshots.listBySession(sessionId);
}

/**
 * Deletes snapshots older than `daysOld` days and returns how many; blocks the thread while it pauses for other
 * writers, so prefer `openUsageDb(...).prune` for many rows. @throws {OperationError} CLOCK_JUMPED.
 */
export function deleteOldUsageSnapshots(daysOld = 30): number {
  return pruneSnapshotsSync(database(), {
    olderThanMs: checkInteger("daysOld", daysOld, 1, 36_500) * DAY_MS,
  }).deleted;
}

export function getMigrationRunner(): MigrationRunner {
  return database().migrations;
}

export function getMigrationStatus(): MigrationStatus {
  const { currentVersion, latestVersion, pendingCount, appliedMigrations, pendingMigrations } =
    database().migrations.status();
  return { currentVersion, latestVersion, pendingCount, appliedMigrations, pendingMigrations };
}

/** Applies what is pending. */
export async function runMigrations(): Promise<void> {
  database().migrations.up();
}

/** Goes back to `targetVersion`; one version back when left out. */
export async function rollbackMigrations(targetVersion?: number): Promise<void> {
  database().migrations.rollback(targetVersion === undefined ? {} : { target: targetVersion });
}

/** True when pages, rows, keys, ledger and schema are sound. */
export function validateDatabase(): boolean {
  return database().migrations.validate().isValid;
}

function database(): UsageDb {
  if (handle !== null) return handle;
  throw new InputError(
    "DATABASE_CLOSED",
    "Cannot use the default database: it is not open, expected initDatabase() first",
    {
      hint: "Call initDatabase() first.",
    },
  );
}
