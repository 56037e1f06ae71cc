/** The WAL: how large it is, and moving it into the database. */
import { statSync } from "node:fs";
import { withBusyTimeout } from "./busy-timeout.ts";
import type { Connection } from "./connection.ts";

export interface CheckpointResult {
  /** True when a reader or writer kept it from finishing: SQLite says so in a row and does not throw. */
  readonly isBusy: boolean;
  readonly walPages: number;
  readonly movedPages: number;
}

/** Checkpoints and shrinks the WAL file, waiting at most `waitMs` for others. */
export function checkpoint(connection: Connection, waitMs: number): CheckpointResult {
  return withBusyTimeout(connection, waitMs, () => {
    return resultOf(connection.readOnce("PRAGMA wal_checkpoint(TRUNCATE)"));
  });
}

function resultOf(rows: readonly (readonly unknown[])[]): CheckpointResult {
  const [isBusy, pages, movedPages] = rows[0] ?? [1, 0, 0];
  return { isBusy: isBusy !== 0, walPages: Number(pages), movedPages: Number(movedPages) };
}

/**
 * Moves what it can without making anybody wait. What it leaves, and a WAL that others go on writing to, is for
 * `checkpoint`; a WAL that was moved whole is begun anew by whoever writes next.
 */
export function checkpointPassively(connection: Connection): CheckpointResult {
  return resultOf(connection.readOnce("PRAGMA wal_checkpoint(PASSIVE)"));
}

/** How many pages the WAL has, and how many of them were moved; nothing is done. Its file may be larger. */
export function walState(connection: Connection): CheckpointResult {
  return resultOf(connection.readOnce("PRAGMA wal_checkpoint(NOOP)"));
}

/** The size of a database's WAL file in bytes; 0 when there is none. Only asks the file system. */
export function walBytes({ path }: Pick<Connection, "path">): number {
  return statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
}
