/** From when on rows may stay so that they need no more than some space. */
import type { Connection } from "../engine/sqlite/connection.ts";

/** Indexes, the row's own header and its other columns, roughly. */
const ROW_OVERHEAD_BYTES = 200;
const PAGE_ROWS = 500;
/** How long the walk may hold the thread. */
const STEP_MS = 10;

export interface SizedTable {
  readonly table: "events" | "usage_snapshots";
  /** The columns that make rows large; those that the table has not got are left out. */
  readonly columns: readonly string[];
  readonly overheadBytes: number;
}

export const EVENT_SIZE: SizedTable = {
  table: "events",
  columns: ["payload", "payload_zstd", "chat", "chat_zstd", "summary"],
  overheadBytes: ROW_OVERHEAD_BYTES,
};

export const EVENT_PAYLOAD_SIZE: SizedTable = {
  table: "events",
  columns: ["payload", "payload_zstd"],
  overheadBytes: 0,
};

export const SNAPSHOT_SIZE: SizedTable = {
  table: "usage_snapshots",
  columns: ["snapshot_data", "snapshot_data_zstd"],
  overheadBytes: ROW_OVERHEAD_BYTES,
};

/** Bytes of a database that hold something; its file is larger by what is free. */
export function usedBytes(connection: Connection): number {
  const pragma = (name: string): number =>
    Number(connection.readOnce(`PRAGMA ${name}`)[0]?.[0] ?? 0);
  return (pragma("page_count") - pragma("freelist_count")) * pragma("page_size");
}

/** The bytes of a row, as SQL; what is in overflow pages is not read for it. */
export function rowBytes(
  connection: Connection,
  { table, columns, overheadBytes }: SizedTable,
): string {
  const known = new Set(
    connection
      .prepare(`SELECT name FROM pragma_table_info('${table}')`, "measure a table")
      .values()
      .map(([name]) => String(name)),
  );
  const parts = columns
    .filter((column) => known.has(column))
    .map((column) => `coalesce(octet_length(${column}), 0)`);
  return [...parts, String(overheadBytes)].join(" + ");
}

/**
 * The moment before which rows have to go so that those since then need at most `maxBytes`; null when all fit.
 * Walks from the newest on and leaves the thread free in between.
 */
export async function cutoffOfNewest(
  connection: Connection,
  size: SizedTable,
  maxBytes: number,
): Promise<number | null> {
  for await (const { at, sum } of sums(connection, size, "DESC")) if (sum > maxBytes) return at + 1;
  return null;
}

/** The moment before which rows need at least `bytes`; when all of them do not, what they need and no moment. */
export async function cutoffOfOldest(
  connection: Connection,
  size: SizedTable,
  bytes: number,
): Promise<{ readonly cutoff: number | null; readonly bytes: number }> {
  let last = { at: 0, sum: 0 };
  for await (const row of sums(connection, size, "ASC")) {
    last = row;
    if (row.sum >= bytes) return { cutoff: row.at + 1, bytes: row.sum };
  }
  return { cutoff: null, bytes: last.sum };
}

/** The rows by time, each with what it and those before it need. */
async function* sums(
  connection: Connection,
  size: SizedTable,
  direction: "ASC" | "DESC",
): AsyncGenerator<{ readonly at: number; readonly sum: number }> {
  const isAfter = direction === "ASC" ? ">" : "<";
  const page = connection.prepare(
    `SELECT timestamp, id, ${rowBytes(connection, size)}
     FROM ${size.table}
     WHERE timestamp ${isAfter}= ?1 AND (timestamp ${isAfter} ?1 OR id ${isAfter} ?2)
     ORDER BY timestamp ${direction}, id ${direction}
     LIMIT ${PAGE_ROWS}`,
    "measure a table",
  );
  let [at, id] = direction === "ASC" ? [0, 0] : [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER];
  let sum = 0;
  let startedAt = performance.now();
  for (;;) {
    const rows = page.values(at, id);
    for (const row of rows) {
      [at, id] = [Number(row[0]), Number(row[1])];
      sum += Number(row[2]);
      yield { at, sum };
    }
    if (rows.length < PAGE_ROWS) return;
    if (performance.now() - startedAt < STEP_MS) continue;
    await Bun.sleep(0);
    startedAt = performance.now();
  }
}
