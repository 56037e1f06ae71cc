/** The counters of AUTOINCREMENT: a rebuild starts them anew, and ids of deleted rows are given out again. */
import type { Connection } from "./connection.ts";

/** The highest id ever given out, by table; empty when no table counts. */
export function readSequences(
  connection: Connection,
  schema: "main" | "before" = "main",
): Map<string, number> {
  const has = connection.readOnce(
    `SELECT 1 FROM ${schema}.sqlite_schema WHERE name = 'sqlite_sequence'`,
  );
  if (has.length === 0) return new Map();
  // NULL or a text can stand there too: anybody may write to it.
  return new Map(
    connection
      .readOnce(`SELECT name, CAST(seq AS INTEGER) FROM ${schema}.sqlite_sequence`)
      .map(([name, seq]) => [String(name), Number(seq)]),
  );
}

/** Tables that still count, but from a lower number than before. */
export function loweredSequences(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
  counting: ReadonlySet<string>,
): { readonly table: string; readonly from: number; readonly to: number }[] {
  return [...before].flatMap(([table, from]) => {
    const to = after.get(table) ?? 0;
    return counting.has(table) && to < from ? [{ table, from, to }] : [];
  });
}

/** Tables whose definition says AUTOINCREMENT. */
export function countingTables(connection: Connection): ReadonlySet<string> {
  return new Set(
    connection
      .readOnce(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%AUTOINCREMENT%'",
      )
      .map(([name]) => String(name)),
  );
}
