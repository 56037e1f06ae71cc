/** The SELECT that fills a table, and whether it takes another table's columns as they are. */
import { piecesOf } from "./pieces.ts";

/** The SELECT of `CREATE TABLE … AS SELECT`; null for a table that begins empty. */
export function copiedSelectOf(sql: string): string | null {
  const as = piecesOf(sql).find(({ word, depth }) => word === "AS" && depth === 0);
  return as === undefined ? null : sql.slice(as.end);
}

/** The table and the columns, `*` among them, of a SELECT that takes columns as they are; null for any other. */
export function plainSelectOf(
  sql: string,
): { readonly table: string; readonly columns: readonly string[] } | null {
  const pieces = piecesOf(sql);
  const from = pieces.findIndex(({ word, depth }) => word === "FROM" && depth === 0);
  const table = pieces[from + 1];
  const isJoined = pieces.slice(from + 2).some(({ word, depth }) => depth === 0 && JOINS.has(word));
  if (pieces[0]?.word !== "SELECT" || from < 0 || table === undefined || isJoined) return null;
  const items = pieces.slice(1, from).map(({ word, name }) => (name === "" ? word : name));
  const columns = items
    .join("\0")
    .split("\0,\0")
    .map((item) => item.split("\0"));
  // `a`, `t.a`, `a AS b`, `*`; the column is in front of AS and behind the point.
  const names = columns.map((item) => {
    const end = item.findIndex((word) => word.toUpperCase() === "AS");
    const bare = end < 0 ? item : item.slice(0, end);
    return bare.length === 1 ? bare[0] : bare.length === 3 && bare[1] === "." ? bare[2] : undefined;
  });
  const known = names.filter((name) => name !== undefined);
  return known.length === names.length ? { table: table.name, columns: known } : null;
}

const JOINS: ReadonlySet<string> = new Set([",", ".", "JOIN", "UNION", "EXCEPT", "INTERSECT"]);
