/** Snapshots to write, and large tables of them. */
import type { Database } from "bun:sqlite";

/** An object of about 500 bytes of JSON, like the state that a monitoring agent stores. */
export function snapshotData(index: number): Record<string, unknown> {
  return {
    version: 1,
    current_session: {
      session_id: `session-${index % 100}`,
      agent: "claude-code",
      project: "/home/somebody/projects/usage",
      started_at: 1_760_000_000_000,
      last_seen_at: 1_760_000_000_000 + index,
      message_count: index,
      models: ["claude-opus-4-5-20251101", "claude-sonnet-4-5-20250929"],
    },
    totals: {
      input_tokens: index * 17,
      output_tokens: index * 5,
      cache_creation_tokens: index * 311,
      cache_read_tokens: index * 4093,
      total_tokens: index * 4426,
    },
    burn_rate: { tokens_per_minute: 1234.5678, cost_per_hour: 1.25 },
  };
}

export interface TableOptions {
  readonly rows: number;
  /** Every n-th row belongs to the session `large`; the others to one of a thousand. */
  readonly everyNthIsLarge: number;
  /** How many of the thousand write in turn before others do; all of them when left out. */
  readonly sessionsAtOnce?: number;
  /** Epoch milliseconds of the first row, and between two. */
  readonly startsAt: number;
  readonly stepMs: number;
}

/** Fills `usage_snapshots` by SQL: a million rows in seconds. */
export function fillSnapshots(
  database: Database,
  { rows, everyNthIsLarge, sessionsAtOnce = 1000, startsAt, stepMs }: TableOptions,
): void {
  const sessionOf = `CASE WHEN n % ${everyNthIsLarge} = 0 THEN 'large' ELSE 'session-' || (
    n * 1000 / ${rows} / ${sessionsAtOnce} * ${sessionsAtOnce} + n % ${sessionsAtOnce}
  ) END`;
  const data = JSON.stringify(snapshotData(1));
  database.run("BEGIN IMMEDIATE");
  database.run(
    `WITH RECURSIVE s (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < 1000)
     INSERT OR IGNORE INTO sessions (session_id, created_at, updated_at)
     SELECT CASE n WHEN 1000 THEN 'large' ELSE 'session-' || n END, ${startsAt}, ${startsAt} FROM s`,
  );
  database.run(
    `WITH RECURSIVE s (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < ${rows - 1})
     INSERT INTO usage_snapshots (session_id, snapshot_data, snapshot_type, timestamp)
     SELECT ${sessionOf}, ?, 'stats', ${startsAt} + n * ${stepMs} FROM s`,
    [data],
  );
  database.run("COMMIT");
  database.run("PRAGMA wal_checkpoint(TRUNCATE)");
}
