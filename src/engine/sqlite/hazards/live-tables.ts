/** Facts about the rows that are there, read when first asked for and kept: an analysis asks often. */
import type { Binding, Connection } from "../connection.ts";
import { ENGINE_TABLES } from "../ledger-tables.ts";
import { quoteIdentifier } from "../quote.ts";
import { isSqliteError, operationalCode } from "../sqlite-errors.ts";
import { type ForeignKey, foreignKeysOf } from "./table-rules.ts";

export class LiveTables {
  readonly #connection: Connection;
  readonly #names: ReadonlyMap<string, string>;
  readonly #rowCounts = new Map<string, number>();
  readonly #columns = new Map<string, readonly string[]>();
  readonly #foreignKeys = new Map<string, readonly ForeignKey[]>();

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#names = new Map(tableNames(connection).map((name) => [name.toLowerCase(), name]));
  }

  get names(): readonly string[] {
    return [...this.#names.values()];
  }

  has(table: string): boolean {
    return this.#names.has(table.toLowerCase());
  }

  rowCount(table: string): number {
    const key = table.toLowerCase();
    const known = this.#rowCounts.get(key);
    if (known !== undefined) return known;
    const count = this.has(table)
      ? this.#count(`SELECT count(*) FROM main.${quoteIdentifier(table)}`)
      : 0;
    this.#rowCounts.set(key, count);
    return count;
  }

  /** Columns that hold values of their own, generated ones left out. */
  columns(table: string): readonly string[] {
    const key = table.toLowerCase();
    const known = this.#columns.get(key);
    if (known !== undefined) return known;
    const columns = this.#connection
      .readOnce("SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0", table)
      .map(([name]) => String(name));
    this.#columns.set(key, columns);
    return columns;
  }

  foreignKeys(table: string): readonly ForeignKey[] {
    const key = table.toLowerCase();
    const known =
      this.#foreignKeys.get(key) ?? foreignKeysOf((sql, name) => this.all(sql, name), table);
    this.#foreignKeys.set(key, known);
    return known;
  }

  /** How many rows have a value in the column; 0 when there is no such column. */
  valueCount(table: string, column: string): number {
    if (!this.#hasColumn(table, column)) return 0;
    return this.#count(
      `SELECT count(${quoteIdentifier(column)}) FROM main.${quoteIdentifier(table)}`,
    );
  }

  /** Any row, as the engine would find it; null when there is none. */
  sampleRow(table: string): Readonly<Record<string, Binding>> | null {
    const columns = this.columns(table);
    const names = columns.map(quoteIdentifier).join(", ");
    const row = this.#connection.readOnce(
      `SELECT ${names} FROM main.${quoteIdentifier(table)} LIMIT 1`,
    )[0];
    if (row === undefined) return null;
    return Object.fromEntries(columns.map((column, index) => [column, row[index] ?? null]));
  }

  /** Pages of the table and its indexes, read page by page; null where SQLite has no dbstat. */
  sizeBytes(table: string): number | null {
    try {
      return this.#count(
        `SELECT coalesce(sum(pgsize), 0) FROM dbstat
         WHERE name IN (SELECT name FROM sqlite_schema WHERE tbl_name = ? COLLATE NOCASE)`,
        table,
      );
    } catch (error) {
      if (!isSqliteError(error)) throw error;
      return null;
    }
  }

  /** Rows of a query about the schema, as objects. */
  all(sql: string, table: string): Record<string, Binding>[] {
    return this.#connection.prepare(sql, "read the schema").all(table);
  }

  /** The number of rows of a query over live tables; null when it does not fit them, or is none. */
  count(select: string | null): number | null {
    if (select === null) return null;
    try {
      return this.#count(`SELECT count(*) FROM (${select})`);
    } catch (error) {
      if (!isSqliteError(error) || operationalCode(error) !== undefined) throw error;
      return null;
    }
  }

  #hasColumn(table: string, column: string): boolean {
    const wanted = column.toLowerCase();
    return this.columns(table).some((name) => name.toLowerCase() === wanted);
  }

  #count(sql: string, ...values: Binding[]): number {
    return Number(this.#connection.readOnce(sql, ...values)[0]?.[0] ?? 0);
  }
}

/** True as soon as any table but the engine's own has a row: without rows there is nothing to lose. */
export function hasRows(connection: Connection): boolean {
  return tableNames(connection).some(
    (name) =>
      !ENGINE_TABLES.has(name) &&
      connection.readOnce(`SELECT 1 FROM main.${quoteIdentifier(name)} LIMIT 1`).length > 0,
  );
}

/** A virtual table whose module is not loaded here can't be read by anybody: it is left out. */
function tableNames(connection: Connection): string[] {
  return connection
    .readOnce(
      `SELECT name, type FROM pragma_table_list
       WHERE schema = 'main' AND type IN ('table', 'virtual') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
       ORDER BY name`,
    )
    .filter(([name, type]) => type === "table" || isReadable(connection, String(name)))
    .map(([name]) => String(name));
}

function isReadable(connection: Connection, table: string): boolean {
  try {
    connection.readOnce(`SELECT 1 FROM ${quoteIdentifier(table)} LIMIT 1`);
    return true;
  } catch (error) {
    if (!isSqliteError(error) || operationalCode(error) !== undefined) throw error;
    return false;
  }
}
