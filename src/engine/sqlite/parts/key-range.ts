/** The rows of a table, range by range in the order of their key. */
import { MigrationError } from "../../../errors.ts";
import type { Connection } from "../connection.ts";
import { quoteIdentifier } from "../quote.ts";

/** What orders the rows: the hidden rowid, or the primary key of a table WITHOUT ROWID. */
export interface TableKey {
  readonly table: string;
  /** Quoted, ready for SQL. */
  readonly columns: readonly string[];
}

/** A key as SQL literals: exact for every value, however large. */
export type KeyValue = readonly string[];

export interface KeyRange {
  /** Exclusive; null from the first row on. */
  readonly after: KeyValue | null;
  /** Inclusive. */
  readonly last: KeyValue;
  readonly rowCount: number;
}

/** @throws {MigrationError} MIGRATION_FAILED when there is no such table, or no key to go by. */
export function tableKey(connection: Connection, table: string): TableKey {
  const [row] = connection.readOnce(
    "SELECT type, wr FROM pragma_table_list WHERE schema = 'main' AND name = ? COLLATE NOCASE",
    table,
  );
  if (row === undefined || row[0] !== "table")
    return refuse(
      table,
      row === undefined ? "there is no such table" : `it is a ${String(row[0])}`,
    );
  if (row[1] === 1) return { table, columns: primaryKey(connection, table) };
  const columns = connection
    .readOnce("SELECT lower(name) FROM pragma_table_xinfo(?)", table)
    .map(([name]) => name);
  const rowid = ["rowid", "_rowid_", "oid"].find((name) => !columns.includes(name));
  return rowid === undefined
    ? refuse(table, "its columns hide the rowid")
    : { table, columns: [rowid] };
}

function primaryKey(connection: Connection, table: string): string[] {
  const key = connection.readOnce(
    `SELECT x.name, x.desc
     FROM pragma_index_list(?) AS l, pragma_index_xinfo(l.name) AS x
     WHERE l.origin = 'pk' AND x.key = 1
     ORDER BY x.seqno`,
    table,
  );
  // Without an index in one direction, every chunk would sort the rest of the table.
  if (new Set(key.map(([, desc]) => desc)).size > 1)
    refuse(table, "its primary key is ascending in one column and descending in another");
  return key.map(([name]) => quoteIdentifier(String(name)));
}

/** The next `rowCount` rows behind `after`; null when there is none. Throws SQLite's own error. */
export function nextRange(
  connection: Connection,
  key: TableKey,
  after: KeyValue | null,
  rowCount: number,
): KeyRange | null {
  const { columns } = key;
  const behind = after === null ? "" : `WHERE ${comparison(columns, ">", after)}`;
  const aliases = columns.map((_, index) => `k${index}`);
  const chunk = `SELECT ${columns.map((column, index) => `${column} AS k${index}`).join(", ")}
     FROM ${quoteIdentifier(key.table)} ${behind}
     ORDER BY ${columns.join(", ")}
     LIMIT ${rowCount}`;
  const descending = aliases.map((alias) => `${alias} DESC`).join(", ");
  const last =
    aliases.length === 1
      ? `SELECT count(*) AS size, max(k0) AS k0 FROM (${chunk})`
      : `SELECT count(*) OVER () AS size, * FROM (${chunk}) ORDER BY ${descending} LIMIT 1`;
  const nul = aliases
    .map((alias) => `(typeof(${alias}) = 'text' AND instr(${alias}, char(0)) > 0)`)
    .join(" OR ");
  const literals = aliases.map((alias) => `quote(${alias})`).join(", ");
  const [row] = connection.readOnce(`SELECT size, ${literals}, ${nul} FROM (${last})`);
  if (row === undefined || row[0] === 0) return null;
  // Such a text cannot be written down as a literal, and a shortened one would be another row's.
  if (row.at(-1) === 1) refuse(key.table, "a key has a NUL character");
  return { after, last: row.slice(1, -1).map(String), rowCount: Number(row[0]) };
}

/** True when a row stands behind `last`. */
export function hasRowsBehind(
  connection: Connection,
  { table, columns }: TableKey,
  last: KeyValue,
): boolean {
  const sql = `SELECT 1 FROM ${quoteIdentifier(table)} WHERE ${comparison(columns, ">", last)} LIMIT 1`;
  return connection.readOnce(sql).length > 0;
}

/** The condition for exactly the rows of a range. */
export function conditionOf({ columns }: TableKey, { after, last }: KeyRange): string {
  const until = comparison(columns, "<=", last);
  return after === null ? until : `${comparison(columns, ">", after)} AND ${until}`;
}

function comparison(columns: readonly string[], operator: string, value: KeyValue): string {
  const list = (items: readonly string[]): string =>
    items.length === 1 ? (items[0] as string) : `(${items.join(", ")})`;
  return `${list(columns)} ${operator} ${list(value)}`;
}

function refuse(table: string, observed: string): never {
  throw new MigrationError(
    "MIGRATION_FAILED",
    `Cannot go through table ${table}: ${observed}, expected a table with a key to go by`,
    { details: { table, reason: observed } },
  );
}
