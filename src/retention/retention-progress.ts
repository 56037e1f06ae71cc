/** How far rules have come that need not look at everything again. */
import type { Connection } from "../engine/sqlite/connection.ts";

export interface Progress {
  /** Epoch milliseconds: everything before it is done. */
  readonly untilAt: number;
  /** Of the rows up to this id: later ones may be older than `untilAt` all the same. */
  readonly lastId: number;
}

const NONE: Progress = { untilAt: 0, lastId: 0 };

export function readProgress(connection: Connection, rule: string): Progress {
  const [row] = connection
    .prepare("SELECT until_at, last_id FROM retention_progress WHERE rule = ?", "read progress")
    .values(rule);
  return row === undefined ? NONE : { untilAt: Number(row[0]), lastId: Number(row[1]) };
}

export function writeProgress(
  connection: Connection,
  rule: string,
  { untilAt, lastId }: Progress,
): void {
  connection
    .prepare(
      `INSERT INTO retention_progress (rule, until_at, last_id) VALUES (?, ?, ?)
       ON CONFLICT (rule) DO UPDATE SET until_at = excluded.until_at, last_id = excluded.last_id`,
      "write progress",
    )
    .run(rule, untilAt, lastId);
}

/**
 * Takes back what progress says of ids that are free again: SQLite gives the highest ones to the next rows, which would
 * pass for looked at. Call inside the transaction that deleted rows.
 */
export function forgetFreedIds(connection: Connection, table: string): void {
  const prefix = RULES[table];
  if (prefix === undefined) return;
  connection
    .prepare(
      `UPDATE retention_progress
       SET last_id = (SELECT coalesce(max(id), 0) FROM ${table})
       WHERE rule LIKE ? AND last_id > (SELECT coalesce(max(id), 0) FROM ${table})`,
      "write progress",
    )
    .run(`${prefix}.%`);
}

/** The tables that have progress, and how its rules begin. */
const RULES: Readonly<Record<string, string>> = {
  usage_snapshots: "snapshots",
  usage_limit_samples: "limit_samples",
};
