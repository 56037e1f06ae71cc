/** Names inside compacted texts, where a search of a file's bytes cannot see them. */
import type { Connection } from "../../engine/sqlite/connection.ts";
import { expandFrame } from "../../store/compacted-text.ts";
import { COMPACTABLES } from "../compactable.ts";
import type { ByteSearch } from "./find-bytes.ts";

export interface CompactedSearch {
  /** Texts that were expanded and looked at. */
  readonly searched: number;
  readonly found: readonly FoundCompacted[];
}

export interface FoundCompacted {
  readonly table: string;
  readonly column: string;
  /** Rows whose text has one of those searched for. */
  readonly rows: number;
  readonly firstId: number;
}

const BATCH_ROWS = 200;

/**
 * Expands every compacted text and looks for the texts; reads only.
 * @throws {OperationError} DATABASE_CORRUPT when one cannot be expanded.
 */
export function searchCompacted(connection: Connection, search: ByteSearch): CompactedSearch {
  let searched = 0;
  const found: FoundCompacted[] = [];
  for (const { table, columns } of COMPACTABLES) {
    for (const column of columns) {
      if (!hasFrames(connection, table, column)) continue;
      let rows = 0;
      let firstId = 0;
      for (const { id, text } of compactedTexts(connection, table, column)) {
        searched++;
        if (!search.isIn(text)) continue;
        if (rows === 0) firstId = id;
        rows++;
      }
      if (rows > 0) found.push({ table, column, rows, firstId });
    }
  }
  return { searched, found };
}

/** Every compacted text of a column, by the id of its row; rows may be changed meanwhile. */
export function* compactedTexts(
  connection: Connection,
  table: string,
  column: string,
): Generator<{ readonly id: number; readonly text: Uint8Array }> {
  const read = connection.prepare(
    `SELECT id, ${column}_zstd FROM ${table} WHERE id > ? AND ${column}_zstd IS NOT NULL ORDER BY id LIMIT ?`,
    "read compacted texts",
  );
  for (let last = -1; ;) {
    const rows = read.values(last, BATCH_ROWS);
    for (const [id, frame] of rows) {
      last = Number(id);
      if (frame instanceof Uint8Array) yield { id: last, text: expandFrame(frame) };
    }
    if (rows.length < BATCH_ROWS) return;
  }
}

/** A backup may be older than compaction. */
function hasFrames(connection: Connection, table: string, column: string): boolean {
  const sql = "SELECT 1 FROM pragma_table_info(?) WHERE name = ?";
  return connection.readOnce(sql, table, `${column}_zstd`).length > 0;
}
