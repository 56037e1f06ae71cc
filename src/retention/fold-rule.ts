/** What is added up of rows before they are deleted, and into which table. */

export interface FoldRule {
  readonly table: string;
  /** The column with the row's time. */
  readonly at: string;
  readonly rollup: string;
  /** The unit of time that a sum is of: its column, and its length in milliseconds. */
  readonly bucket: { readonly column: string; readonly ms: number };
  /** What sums are told apart by beside the time: the rollup's column, and what is in it. */
  readonly keys: Readonly<Record<string, string>>;
  readonly count: string;
  /** Added up as well, and compared. */
  readonly bytes: { readonly column: string; readonly expression: string } | null;
  /** The least and the most of a figure. */
  readonly extremes?: { readonly lowest: string; readonly highest: string; readonly of: string };
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** The bytes of a JSON text as it was written; a compacted one says in its place how long it was. */
export const writtenBytes = (column: string): string =>
  `CASE WHEN octet_length(${column}) < 48 AND ${column} GLOB '{"usagedb_compacted":[1-9]*}'
     THEN CAST(${column} ->> '$.usagedb_compacted' AS INTEGER) ELSE octet_length(${column}) END`;

export const EVENT_FOLD: FoldRule = {
  table: "events",
  at: "timestamp",
  rollup: "event_rollups",
  bucket: { column: "hour", ms: HOUR_MS },
  keys: {
    source_app: "source_app",
    hook_event_type: "hook_event_type",
    model_name: "coalesce(model_name, '')",
  },
  count: "event_count",
  bytes: { column: "payload_bytes", expression: writtenBytes("payload") },
};

export const SNAPSHOT_FOLD: FoldRule = {
  table: "usage_snapshots",
  at: "timestamp",
  rollup: "usage_snapshot_rollups",
  bucket: { column: "day", ms: DAY_MS },
  keys: { session_id: "session_id", snapshot_type: "snapshot_type" },
  count: "snapshot_count",
  bytes: { column: "data_bytes", expression: writtenBytes("snapshot_data") },
};

export const LIMIT_SAMPLE_FOLD: FoldRule = {
  table: "usage_limit_samples",
  at: "observed_at",
  rollup: "usage_limit_sample_rollups",
  bucket: { column: "hour", ms: HOUR_MS },
  keys: { agent: "agent", limit_name: "limit_name" },
  count: "sample_count",
  bytes: null,
  extremes: { lowest: "lowest_percent", highest: "highest_percent", of: "used_percent" },
};
