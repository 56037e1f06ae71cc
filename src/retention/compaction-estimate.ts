/** What a compaction would save: lengths summed beside the program, and the ratio of a few texts tried. */
import { readAside } from "../engine/sqlite/side/read-aside.ts";
import { COMPACT_LEVEL, COMPACT_MIN_BYTES } from "../store/compacted-text.ts";
import type { UsageStore } from "../store/usage-store.ts";
import { type Compactable, CompactableTable } from "./compactable.ts";
import type { Bookmark } from "./compaction.ts";
import type { JobEstimate } from "./job.ts";

/** How many texts are tried, from all over what would be compacted. */
const SAMPLES = 48;
/** Measured beside a writer: 250 payloads of 5 kB in 28 ms, the pause included. */
const BYTES_PER_MS = 40_000;

export interface DueTable {
  readonly target: Compactable;
  readonly since: Bookmark;
  readonly cutoff: number;
}

export async function estimateCompaction(
  store: UsageStore,
  tables: readonly DueTable[],
): Promise<JobEstimate> {
  let [rows, before, after] = [0, 0, 0];
  for (const table of tables) {
    const sums = await readAside(store.connection, sumStatements(table));
    for (const [index, column] of table.target.columns.entries()) {
      const [count, bytes, first, last] = (sums[index]?.[0] ?? []).map(Number);
      if (count === undefined || count === 0) continue;
      rows += count;
      before += bytes ?? 0;
      after += (bytes ?? 0) * ratioOf(store, table, { column, first: first ?? 0, last: last ?? 0 });
    }
  }
  return {
    rows,
    bytes: Math.round(before - after),
    expectedMs: Math.ceil(before / BYTES_PER_MS),
    staysAnswerable: "Everything: payloads are read as before, byte for byte.",
  };
}

function sumStatements({ target, since, cutoff }: DueTable): { sql: string; values: number[] }[] {
  return target.columns.map((column) => ({
    sql: `SELECT count(*), coalesce(sum(octet_length(${column})), 0), min(id), max(id)
          FROM ${target.table}
          WHERE timestamp < ?1 AND (timestamp >= ?2 OR id > ?3)
            AND ${column}_zstd IS NULL AND octet_length(${column}) >= ${COMPACT_MIN_BYTES}`,
    values: [cutoff, since.throughMs, since.throughId],
  }));
}

/** Bytes after by bytes before, of some texts between two ids; 1 when there is none to try. */
function ratioOf(
  store: UsageStore,
  { target, cutoff }: DueTable,
  {
    column,
    first,
    last,
  }: { readonly column: string; readonly first: number; readonly last: number },
): number {
  const table = new CompactableTable(store, target);
  let [before, after] = [0, 0];
  for (let sample = 0; sample < SAMPLES; sample++) {
    const near = first + Math.floor(((last - first) * sample) / SAMPLES);
    const text = table.sampleText(column, near, cutoff);
    if (text === null) continue;
    before += text.length;
    after += Math.min(text.length, Bun.zstdCompressSync(text, { level: COMPACT_LEVEL }).length);
  }
  return before === 0 ? 1 : after / before;
}
