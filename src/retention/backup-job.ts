/** The job that makes a verified backup a day, and lets old ones go. */
import { statfsSync } from "node:fs";
import { OperationError } from "../errors.ts";
import { backupAside } from "../engine/sqlite/backup-aside.ts";
import {
  type BackupFolder,
  deleteBackup,
  newBackupPath,
  openBackupFolder,
  sweepDrafts,
} from "../engine/sqlite/backup-folder.ts";
import type { Connection } from "../engine/sqlite/connection.ts";
import { IN_MEMORY } from "../engine/sqlite/open.ts";
import { SideProcess } from "../engine/sqlite/side/side-process.ts";
import type { JobContext, JobResult, MaintenanceJob } from "./job.ts";
import { expendable } from "./rotation.ts";
import { withinTime } from "./within-time.ts";

const DAY_MS = 86_400_000;
/** A little less than a day, so that a daily run does not slip by one each day. */
const EVERY_MS = DAY_MS - 3_600_000;
/** Copying, checking and hashing. */
const BYTES_PER_MS = 250_000;
/** Left free on the disk for those who write meanwhile: as much again, within these. */
const SPARE_BYTES = { min: 1 << 20, max: 16 << 20 };

export const backupJob: MaintenanceJob = {
  name: "backup",
  description: "make a verified backup in `backups` beside the database; keep 7 days and 4 weeks",
  everyMs: EVERY_MS,

  estimate({ connection }) {
    const bytes = connection.path === IN_MEMORY ? 0 : liveBytes(connection);
    return {
      rows: 0,
      bytes: 0,
      expectedMs: Math.ceil(bytes / BYTES_PER_MS),
      staysAnswerable: `Everything; the backup takes about ${bytes} bytes.`,
    };
  },

  run: (context) => withinTime(context.pace, (signal) => backUp(context, signal)),
};

async function backUp({ store, progress }: JobContext, signal: AbortSignal): Promise<JobResult> {
  const { connection } = store;
  if (connection.path === IN_MEMORY)
    return { outcome: "done", rows: 0, bytes: 0, detail: { skipped: "a database in memory" } };
  const folder = openBackupFolder(connection.path);
  const swept = sweepDrafts(folder, connection.path);
  refuseFullDisk(folder, liveBytes(connection));
  const target = newBackupPath(folder, connection.path, store.now());
  const made = await backupAside(connection.path, target, {
    signal,
    onProgress: progress,
  });
  const { deleted, kept } = await rotate(folder, { ...made, at: store.now() }, signal);
  return {
    outcome: "done",
    rows: Object.values(made.rows).reduce((sum, count) => sum + count, 0),
    bytes: made.sizeBytes,
    detail: {
      path: made.path,
      sha256: made.sha256,
      brokenRows: made.brokenRows,
      deleted,
      // Named, never deleted: only what this job made, and is still what it made, may go.
      leftAlone: [...folder.strange, ...kept],
      swept,
    },
  };
}

interface Made {
  readonly path: string;
  readonly at: number;
  readonly sizeBytes: number;
}

/** Only after a new backup is whole, and each old one only when it still is what its hash says. */
async function rotate(
  folder: BackupFolder,
  made: Made,
  signal: AbortSignal,
): Promise<{ deleted: string[]; kept: { path: string; observed: string }[] }> {
  const deleted: string[] = [];
  const kept: { path: string; observed: string }[] = [];
  const old = expendable(folder.backups, made);
  if (old.length === 0) return { deleted, kept };
  await using hasher = new SideProcess(signal);
  for (const { path } of old) {
    const expected = folder.backups.find((backup) => backup.path === path)?.sha256;
    if ((await hasher.ask("hash", { path })) === expected) {
      deleteBackup(path);
      deleted.push(path);
    } else {
      kept.push({ path, observed: "its SHA-256 is not the one written beside it" });
    }
  }
  return { deleted, kept };
}

function liveBytes(connection: Connection): number {
  const number = (pragma: string): number =>
    Number(connection.readOnce(`PRAGMA ${pragma}`)[0]?.[0] ?? 0);
  return (number("page_count") - number("freelist_count")) * number("page_size");
}

function refuseFullDisk(folder: BackupFolder, neededBytes: number): void {
  const { bavail, bsize } = statfsSync(folder.path);
  const freeBytes = bavail * bsize;
  const spareBytes = Math.min(SPARE_BYTES.max, Math.max(SPARE_BYTES.min, neededBytes));
  if (freeBytes >= neededBytes + spareBytes) return;
  throw new OperationError(
    "DATABASE_FULL",
    `Cannot back up to ${folder.path}: ${freeBytes} bytes are free, expected ${neededBytes} and ${spareBytes} to spare`,
    {
      details: { path: folder.path, freeBytes, neededBytes },
      hint: "Free some space, or back up to another disk with `usagedb backup FILE`.",
    },
  );
}
