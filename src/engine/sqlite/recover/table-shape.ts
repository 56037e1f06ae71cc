/** What a table's rows look like, in SQL and in the records of its pages. */
import type { Connection } from "../connection.ts";
import { quoteIdentifier } from "../quote.ts";
import type { RecordValue } from "./record.ts";

export interface ColumnShape {
  readonly name: string;
  /** In upper case, as it was declared. */
  readonly type: string;
  readonly isNotNull: boolean;
  /** The value of rows that are older than the column. */
  readonly whenMissing: RecordValue;
}

export interface TableShape {
  readonly name: string;
  readonly columns: readonly ColumnShape[];
  readonly hasRowid: boolean;
  /** The column that is the rowid; null when none is, and in tables without one. */
  readonly rowidColumn: number | null;
  /** Positions of the primary key's columns, in its order; of a table WITHOUT ROWID. */
  readonly key: readonly number[];
  /** Which column stands where in a record. */
  readonly recordOrder: readonly number[];
}

const textColumn = (name: string, isNotNull: boolean): ColumnShape => ({
  name,
  type: "TEXT",
  isNotNull,
  whenMissing: null,
});

/** SQLite's own statistics, which are made anew. */
export const STATISTICS_SHAPE: TableShape = {
  name: "sqlite_stat1",
  columns: [textColumn("tbl", true), textColumn("idx", false), textColumn("stat", true)],
  hasRowid: true,
  rowidColumn: null,
  key: [],
  recordOrder: [0, 1, 2],
};

/** The tables of a database, without SQLite's own, by name. */
export function readShapes(connection: Connection): Map<string, TableShape> {
  const tables = connection.readOnce(
    "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
  );
  return new Map(
    tables.map(([name, isWithout]) => [
      String(name),
      readShape(connection, String(name), Number(isWithout) === 0),
    ]),
  );
}

function readShape(connection: Connection, name: string, hasRowid: boolean): TableShape {
  const rows = connection.readOnce(
    'SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_xinfo(?) WHERE hidden = 0',
    name,
  );
  const columns = rows.map(([column, type, isNotNull, initial]): ColumnShape => ({
    name: String(column),
    type: String(type).toUpperCase(),
    isNotNull: Number(isNotNull) === 1,
    whenMissing: typeof initial === "string" ? constantOf(connection, initial) : null,
  }));
  const key = rows
    .map((row, index) => ({ place: Number(row[4]), index }))
    .filter(({ place }) => place > 0)
    .sort((a, b) => a.place - b.place)
    .map(({ index }) => index);
  const [only] = key;
  const isRowid = hasRowid && key.length === 1 && columns[only ?? 0]?.type === "INTEGER";
  const inOrder = columns.map((_, index) => index);
  return {
    name,
    columns,
    hasRowid,
    rowidColumn: isRowid ? (only ?? null) : null,
    key: hasRowid ? [] : key,
    recordOrder: hasRowid ? inOrder : [...key, ...inOrder.filter((index) => !key.includes(index))],
  };
}

/** Only a constant can be what ADD COLUMN gave to rows that were there. */
function constantOf(connection: Connection, sql: string): RecordValue {
  return (connection.readOnce(`SELECT ${sql}`)[0]?.[0] ?? null) as RecordValue;
}

/** A record as the table's columns have it; null when it can't be a row of this table. */
export function rowOfRecord(
  shape: TableShape,
  rowid: number | bigint | null,
  record: readonly RecordValue[],
): RecordValue[] | null {
  if ((rowid !== null) !== shape.hasRowid || record.length > shape.columns.length) return null;
  const row: RecordValue[] = shape.columns.map(({ whenMissing }) => whenMissing);
  for (const [place, value] of record.entries()) row[shape.recordOrder[place] ?? 0] = value;
  if (shape.rowidColumn !== null) {
    if (row[shape.rowidColumn] !== null) return null;
    row[shape.rowidColumn] = rowid;
  }
  const isFitting = shape.columns.every((column, index) => isOfType(column, row[index] ?? null));
  return isFitting ? row : null;
}

/** By the rules of STRICT tables, as the value is stored. */
export function isOfType({ type, isNotNull }: ColumnShape, value: RecordValue): boolean {
  if (value === null) return !isNotNull;
  const isInteger =
    typeof value === "bigint" || (typeof value === "number" && Number.isInteger(value));
  if (type === "INTEGER" || type === "INT") return isInteger;
  // Whole numbers are stored as integers in columns of REAL.
  if (type === "REAL") return typeof value === "number" || typeof value === "bigint";
  if (type === "TEXT") return typeof value === "string";
  if (type === "BLOB") return value instanceof Uint8Array;
  return true;
}

export function columnList({ columns }: TableShape): string {
  return columns.map(({ name }) => quoteIdentifier(name)).join(", ");
}
