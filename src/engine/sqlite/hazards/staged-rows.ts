/** The rows that an INSERT brings, before they are in their table. */
import { quoteIdentifier } from "../quote.ts";
import type { Shadow } from "./shadow.ts";
import { plainSelectOf } from "./copied-select.ts";
import type { WriteParts } from "./write-parts.ts";

/** The rows that an INSERT brings, with every column of its table; null when its text does not say. */
export function stagedSql(
  shadow: Shadow,
  parts: WriteParts,
  columns: readonly string[],
): string | null {
  if (parts.source === null) return null;
  const named = parts.columns ?? columns;
  const defaults = new Map(
    shadow.columns(parts.table).map(({ name, defaultSql }) => [name, defaultSql]),
  );
  const terms = columns.map((column) => {
    const given = named.find((name) => name.toLowerCase() === column.toLowerCase());
    const value =
      given === undefined ? `(${defaults.get(column) ?? "NULL"})` : quoteIdentifier(given);
    return `${value} AS ${quoteIdentifier(column)}`;
  });
  const list = named.map(quoteIdentifier).join(", ");
  return `WITH "staged rows"(${list}) AS (${parts.prelude}${parts.source}\n) SELECT ${terms.join(", ")} FROM "staged rows"`;
}

/** The declared types of columns that an INSERT takes from a table as they are, by the columns that they go to. */
export function takenTypes(
  shadow: Shadow,
  parts: WriteParts,
  columns: readonly string[],
): ReadonlyMap<string, string> {
  const plain = parts.source === null ? null : plainSelectOf(parts.source);
  if (plain === null || parts.prelude !== "") return new Map();
  const source = shadow.columns(plain.table).filter(({ isGenerated }) => !isGenerated);
  const given = plain.columns.flatMap((name) =>
    name === "*" ? source : source.filter((c) => c.name.toLowerCase() === name.toLowerCase()),
  );
  const named = parts.columns ?? columns;
  return new Map(
    given.length === named.length
      ? columns.flatMap((column) => {
          const at = named.findIndex((name) => name.toLowerCase() === column.toLowerCase());
          const type = given[at]?.type;
          return type === undefined ? [] : [[column, type] as const];
        })
      : [],
  );
}
