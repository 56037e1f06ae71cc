/** Moving the WAL into the database. */
import type { Connection } from "./connection.ts";

export interface CheckpointResult {
  /** True when a reader or writer kept it from finishing: SQLite says so in a row and does not throw. */
  readonly isBusy: boolean;
  readonly walPages: number;
  readonly movedPages: number;
}

/** Checkpoints and shrinks the WAL file, waiting at most `waitMs` for others. */
export function checkpoint(connection: Connection, waitMs: number): CheckpointResult {
  const busyTimeoutMs = Number(connection.readOnce("PRAGMA busy_timeout")[0]?.[0] ?? 0);
  connection.runOnce(`PRAGMA busy_timeout = ${waitMs}`);
  try {
    const [isBusy, walPages, movedPages] = connection.readOnce(
      "PRAGMA wal_checkpoint(TRUNCATE)",
    )[0] ?? [1, 0, 0];
    return { isBusy: isBusy !== 0, walPages: Number(walPages), movedPages: Number(movedPages) };
  } finally {
    connection.runOnce(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
  }
}
