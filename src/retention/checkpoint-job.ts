/** The job that moves the WAL into the database and shrinks it. */
import { checkpoint, walBytes } from "../engine/sqlite/checkpoint.ts";
import type { MaintenanceJob } from "./job.ts";

const WAIT_MS = 20;
const ATTEMPTS = 5;
/** Moving the WAL of 64 MB took a quarter of a second. */
const BYTES_PER_MS = 256_000;

export const checkpointJob: MaintenanceJob = {
  name: "checkpoint",
  description: "move the write-ahead log into the database, and shrink its file",

  estimate({ connection }) {
    const bytes = walBytes(connection);
    return {
      rows: 0,
      bytes,
      expectedMs: Math.ceil(bytes / BYTES_PER_MS),
      staysAnswerable: "Everything: no row is changed.",
    };
  },

  /** SQLite answers `busy` in a row instead of failing; what a long reader holds back is reported in frames. */
  async run({ store: { connection }, pace }) {
    const before = walBytes(connection);
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
