/** Which columns hold times, and what may stand in them. */
import type { Connection } from "../engine/sqlite/connection.ts";
import { quoteIdentifier } from "../engine/sqlite/quote.ts";
import { MAX_TIMESTAMP_MS, MIN_TIMESTAMP_MS } from "./checks.ts";

export interface TimeColumn {
  readonly table: string;
  readonly column: string;
  /** Epoch milliseconds, both inclusive. */
  readonly first: number;
  readonly last: number;
  /** Says "none" in this column: what it holds when nothing was written. */
  readonly unset: number | null;
}

/** By name: `timestamp`, `hour`, `day`, `…_at`, `…_since`, `…At`. */
const TIME_COLUMN = /^(?:timestamp|hour|day)$|_(?:at|since)$|[a-z]At$/;
/** Market data goes back before 1973, and before 1970. */
const ANY_AGE = "bars_cache.timestamp";
const FIRST_BAR_MS = -62_135_596_800_000;

/** The columns of every table of the database. */
export function timeColumns(connection: Connection): TimeColumn[] {
  return connection
    .readOnce(
      `SELECT t.name, c.name, c.dflt_value
       FROM pragma_table_list AS t, pragma_table_info(t.name) AS c
       WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
       ORDER BY 1, c.cid`,
    )
    .map(([table, column, unset]) => ({
      table: String(table),
      column: String(column),
      unset: unset === "0" ? 0 : null,
    }))
    .filter(({ column }) => TIME_COLUMN.test(column))
    .map((found) => ({
      ...found,
      first: firstOf(found.table, found.column),
      last: MAX_TIMESTAMP_MS,
    }));
}

/** How many values of a column are no times, and how many lie after a moment; SQL with its values. */
export function timeCheck(
  { table, column, first, last, unset }: TimeColumn,
  futureMs: number,
): { readonly sql: string; readonly values: readonly (number | null)[] } {
  const name = quoteIdentifier(column);
  return {
    sql: `SELECT
        count(*) FILTER (WHERE typeof(${name}) <> 'integer' OR ${name} NOT BETWEEN ? AND ?),
        count(*) FILTER (WHERE typeof(${name}) = 'integer' AND ${name} > ?)
      FROM ${quoteIdentifier(table)}
      WHERE ${name} IS NOT NULL AND ${name} IS NOT ?`,
    values: [first, last, futureMs, unset],
  };
}

/** False for a value that can't be what the column's name says: a number that is no time where times stand. */
export function isPlausibleTime(table: string, column: string, value: unknown): boolean {
  if (!TIME_COLUMN.test(column) || value === null) return true;
  return typeof value === "number" && value >= firstOf(table, column) && value <= MAX_TIMESTAMP_MS;
}

function firstOf(table: string, column: string): number {
  return `${table}.${column}` === ANY_AGE ? FIRST_BAR_MS : MIN_TIMESTAMP_MS;
}
