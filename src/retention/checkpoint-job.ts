/** The job that moves the WAL into the database and shrinks it. */
import { checkpoint, walBytes } from "../engine/sqlite/checkpoint.ts";
import type { Connection } from "../engine/sqlite/connection.ts";
import { SideProcess } from "../engine/sqlite/side/side-process.ts";
import type { MaintainOptions, MaintenanceJob } from "./job.ts";

/** A smaller WAL is no burden, and SQLite itself moves it every 4 MB; to sync the disk for it every minute would be. */
const WORTHWHILE_BYTES = 1 << 20;
/** To move more than this takes longer than an event loop may wait. */
const LARGE_BYTES = 8 << 20;
const WAIT_MS = 20;
const ATTEMPTS = 5;
/** Moving the WAL of 64 MB took a quarter of a second. */
const BYTES_PER_MS = 256_000;

export const checkpointJob: MaintenanceJob = {
  name: "checkpoint",
  description: "move the write-ahead log into the database, and shrink its file",

  estimate({ connection }, options) {
    const bytes = isWorthwhile(connection, options) ? walBytes(connection) : 0;
    return {
      rows: 0,
      bytes,
      expectedMs: Math.ceil(bytes / BYTES_PER_MS),
      staysAnswerable: "Everything: no row is changed.",
    };
  },

  /** SQLite answers `busy` in a row instead of failing; what a long reader holds back is reported in frames. */
  async run({ store: { connection }, pace, options }) {
    const before = walBytes(connection);
    if (!isWorthwhile(connection, options))
      return { outcome: "done", rows: 0, bytes: 0, detail: { walBytes: before } };
    if (before > LARGE_BYTES) await moveAside(connection, pace.signal);
    let result = checkpoint(connection, WAIT_MS);
    for (let attempt = 1; result.isBusy && attempt < ATTEMPTS; attempt++) {
      if (!(await pace.after(WAIT_MS))) break;
      result = checkpoint(connection, WAIT_MS);
    }
    // -1 where there is no WAL at all.
    const framesLeft = Math.max(0, result.walPages - result.movedPages);
    return {
      outcome: result.isBusy ? "partial" : "done",
      rows: 0,
      bytes: Math.max(0, before - walBytes(connection)),
      detail: { isBusy: result.isBusy, framesLeft, walBytes: walBytes(connection) },
    };
  },
};

/**
 * Moves what can be moved while others go on writing, in a process of its own; what is left for the checkpoint that
 * shrinks the file is what was written meanwhile. Killed on the way, it leaves the WAL as good as it was.
 */
async function moveAside({ path }: Connection, signal: AbortSignal | undefined): Promise<void> {
  await using side = new SideProcess(signal);
  await side.ask("sql", {
    path,
    isReader: false,
    busyTimeoutMs: WAIT_MS,
    statements: [{ sql: "PRAGMA wal_checkpoint(PASSIVE)" }],
  });
}

/** Whoever asks for this job by name gets it. */
function isWorthwhile(connection: Connection, { jobs }: MaintainOptions): boolean {
  return jobs?.includes("checkpoint") === true || walBytes(connection) >= WORTHWHILE_BYTES;
}
