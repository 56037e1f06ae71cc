/** How many rows an UPDATE or DELETE would meet, asked of the database with the statement's own FROM and WHERE. */
import { quoteIdentifier } from "../quote.ts";
import type { Contents } from "./contents.ts";
import type { Access } from "./probe.ts";
import { isTargetHidden, type WriteParts } from "./write-parts.ts";

/**
 * The exact number, null when it can't be told.
 * @param condition counts only rows for which this holds too.
 */
export function matchedRows(
  contents: Contents,
  parts: WriteParts,
  accesses: readonly Access[],
  condition: string | null = null,
): number | null {
  const sources = contents.sourcesOf(accesses);
  if (sources === null || parts.hasLimit || parts.verb === "INSERT") return null;
  if (isTargetHidden(parts)) return null;
  // A row that meets several of the other table's is still one; only its number tells.
  if (parts.from !== null && !contents.isLive(parts.table)) return null;
  const alias = quoteIdentifier(parts.alias);
  const what = parts.from === null ? "1" : `DISTINCT ${alias}.rowid`;
  const from = parts.from === null ? "" : `, ${parts.from}\n`;
  const conditions = [parts.where, condition].filter((text) => text !== null);
  const where =
    conditions.length === 0 ? "" : ` WHERE ${conditions.map((c) => `(${c}\n)`).join(" AND ")}`;
  return contents.count(
    `${parts.prelude}SELECT ${what} FROM ${quoteIdentifier(parts.table)} AS ${alias}${from}${where}`,
    sources,
  );
}
