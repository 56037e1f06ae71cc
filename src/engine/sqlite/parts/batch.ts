/** The rows of one chunk, as a batched migration sees them. */
import type { Batch } from "../../../migration/batched.ts";
import type { MigrationDatabase, SqlValue } from "../../../migration/migration.ts";
import { quoteIdentifier } from "../quote.ts";
import { conditionOf, type KeyRange, type TableKey } from "./key-range.ts";

export function batchOf(db: MigrationDatabase, key: TableKey, range: KeyRange): Batch {
  const where = conditionOf(key, range);
  return {
    where,
    rowCount: range.rowCount,
    rows: <Row = Record<string, SqlValue>>(columns = "*") =>
      db
        .query<Row>(
          `SELECT ${columns} FROM ${quoteIdentifier(key.table)} WHERE ${where} ORDER BY ${key.columns.join(", ")}`,
        )
        .all(),
  };
}

/**
 * A chunk for looking at what the work would do: its condition is true for every row, as all of them come in their
 * turn, but it is given none.
 */
export function emptyBatch(db: MigrationDatabase, table: string): Batch {
  const [row] = db
    .query<{ readonly wr: number }>("SELECT wr FROM pragma_table_list WHERE name = ?")
    .all(table);
  const [key] =
    row?.wr === 1
      ? db
          .query<{ readonly name: string }>("SELECT name FROM pragma_table_info(?) WHERE pk = 1")
          .all(table)
      : [];
  const where =
    key === undefined
      ? "rowid >= -9223372036854775808"
      : `${quoteIdentifier(key.name)} IS NOT NULL`;
  return {
    where,
    rowCount: 0,
    rows: <Row = Record<string, SqlValue>>(columns = "*") =>
      db
        .query<Row>(`SELECT ${columns} FROM ${quoteIdentifier(table)} WHERE ${where} LIMIT 0`)
        .all(),
  };
}
