/** The backup that is made before something is lost: beside the database, verified, the newest few kept. */
import { lstatSync, readdirSync, rmSync, statfsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { OperationError } from "../../errors.ts";
import type { Version } from "../../migration/version.ts";
import { backupDatabase, type BackupReport } from "./backup.ts";
import type { Connection } from "./connection.ts";
import { IN_MEMORY } from "./open.ts";

export interface SafetyBackupOptions {
  /** The version that the database is at; part of the file's name. */
  readonly fromVersion: Version;
  /** Epoch milliseconds; part of the file's name. */
  readonly now: () => number;
  /** Free bytes of the file system that a folder is on; the real ones when left out. */
  readonly freeBytes?: (folder: string) => number;
}

export interface SafetyBackup extends BackupReport {
  /** Older backups of this kind that were deleted to make room. */
  readonly pruned: readonly string[];
}

/** Older backups of this naming go; those made by hand have another name and stay. */
const KEPT_BACKUPS = 5;

/**
 * Backs a database up to `<database>.<time>-v<version>.backup`; null for one in memory, which has no beside.
 * @throws {OperationError} DATABASE_FULL before anything is written, and what `backupDatabase` throws.
 */
export function safetyBackup(
  connection: Connection,
  { fromVersion, now, freeBytes = freeBytesOf }: SafetyBackupOptions,
): SafetyBackup | null {
  if (connection.path === IN_MEMORY) return null;
  refuseFullDisk(connection, freeBytes(dirname(connection.path)));
  const report = backupDatabase(connection, freeName(connection.path, fromVersion, now()));
  return { ...report, pruned: prune(connection.path, report.path) };
}

function freeBytesOf(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

/** A copy has at most as many pages as the database. */
function refuseFullDisk(connection: Connection, free: number): void {
  const number = (pragma: string): number =>
    Number(connection.readOnce(`PRAGMA ${pragma}`)[0]?.[0] ?? 0);
  const needed = number("page_count") * number("page_size");
  if (free >= needed) return;
  throw new OperationError(
    "DATABASE_FULL",
    `Cannot back up ${connection.path}: ${free} bytes are free beside it, expected at least ${needed}`,
    {
      details: { path: connection.path, freeBytes: free, neededBytes: needed },
      hint: "Free some space, or pass `--no-backup` when there is another backup.",
    },
  );
}

/** Two backups in one millisecond get one each. */
function freeName(database: string, version: Version, at: number): string {
  for (let time = at; ; time++) {
    const stamp = new Date(time).toISOString().replace(/[-:.]/g, "");
    const path = `${database}.${stamp}-v${version}.backup`;
    const isFree = [path, `${path}.sha256`].every(
      (name) => lstatSync(name, { throwIfNoEntry: false }) === undefined,
    );
    if (isFree) return path;
  }
}

function prune(database: string, newest: string): string[] {
  const old = safetyBackups(database)
    // Whatever the clock says, the one just made stays.
    .filter((path) => path !== newest)
    .sort()
    .slice(0, -(KEPT_BACKUPS - 1));
  for (const path of old) {
    rmSync(path, { force: true });
    rmSync(`${path}.sha256`, { force: true });
  }
  return old;
}

/** The backups of this kind beside a database. */
export function safetyBackups(database: string): string[] {
  const folder = dirname(database);
  const prefix = `${basename(database)}.`;
  return readdirSync(folder)
    .filter((name) => name.startsWith(prefix) && OURS.test(name.slice(prefix.length)))
    .map((name) => join(folder, name));
}

const OURS = /^\d{8}T\d{9}Z-v\d+\.backup$/;
