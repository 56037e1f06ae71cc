/** Values and rows that UPDATE, an upsert or REPLACE put others in the place of. */
import type { Statement } from "../../../migration/sql-scanner.ts";
import { quoteIdentifier } from "../quote.ts";
import type { Bench, Finding } from "./finding.ts";
import { matchedRows } from "./matched-rows.ts";
import type { Access, Probe } from "./probe.ts";
import { stagedSql } from "./staged-rows.ts";
import { rulesOf } from "./table-rules.ts";
import { type WriteParts, writePartsOf } from "./write-parts.ts";

/** Called before the statement's rows change hands. */
export function overwritesOf(
  bench: Bench,
  statement: Statement,
  { accesses, cascades }: Probe,
): Finding[] {
  const parts = writePartsOf(statement.text);
  if (parts === null || bench.holdings.rowCount(parts.table) === 0) return [];
  if (parts.verb === "UPDATE")
    return [...updateOf(bench, parts, accesses), ...displacedOf(bench, parts)];
  if (parts.verb !== "INSERT") return [];
  const isReplacing = parts.conflict === "REPLACE" || bench.shadow.mayReplaceRows(parts.table);
  if (!isReplacing && parts.upsert !== "update") return [];
  const total = bench.holdings.rowCount(parts.table);
  const exact = clashesOf(bench, parts, accesses);
  const count = exact ?? total;
  if (count === 0) return [];
  const what = isReplacing ? "replaces" : "writes over";
  const note = overwriting(parts.table, count, `${what} ${rows(exact, total)} of ${parts.table}`);
  return isReplacing
    ? [note, ...childrenOf(bench, parts.table, cascades, rows(exact, total))]
    : [note];
}

function updateOf(
  { contents, holdings, live }: Bench,
  parts: WriteParts,
  accesses: readonly Access[],
): Finding[] {
  const holder = holdings.find(parts.table);
  if (holder === undefined) return [];
  const origins = [...holder.holds.keys()];
  const old = new Set(
    origins.flatMap((origin) => live.columns(origin)).map((column) => column.toLowerCase()),
  );
  // A column that the plan added has nothing to lose.
  const columns = parts.sets
    .flatMap((set) => set.columns)
    .filter((column) => old.has(holder.renamed.get(column.toLowerCase()) ?? column.toLowerCase()));
  if (columns.length === 0) return [];
  const alias = quoteIdentifier(parts.alias);
  const hasValue = columns.map((c) => `${alias}.${quoteIdentifier(c)} IS NOT NULL`).join(" OR ");
  const exact = matchedRows(contents, parts, accesses, hasValue);
  const total = holdings.rowCount(parts.table);
  const count = exact ?? total;
  if (count === 0) return [];
  const what = columns.map((column) => `${parts.table}.${column}`).join(", ");
  const finding = overwriting(
    parts.table,
    count,
    `writes over values of ${what} in ${rows(exact, total)}`,
  );
  return [columns.length === 1 ? { ...finding, column: columns[0] ?? null } : finding];
}

/** UPDATE OR REPLACE deletes what is in the way. */
function displacedOf({ holdings }: Bench, { conflict, table }: WriteParts): Finding[] {
  if (conflict !== "REPLACE") return [];
  const count = holdings.rowCount(table);
  return [
    {
      kind: "DELETES_DATA",
      losesData: true,
      table,
      column: null,
      rowCount: count,
      message: `deletes rows of ${table} that are in the way, up to ${count - 1} of ${count}`,
      wayOut: `Use UPDATE without OR REPLACE, and delete by name what ${table} has too much.`,
    },
  ];
}

/** Rows of the table that an INSERT meets by one of its keys; null when it can't be told. */
function clashesOf(
  { contents, shadow }: Bench,
  parts: WriteParts,
  accesses: readonly Access[],
): number | null {
  const { table } = parts;
  const columns = shadow.columns(table);
  const sources = contents.sourcesOf(accesses.filter(({ does }) => does === "read"));
  if (sources === null || columns.some(({ isGenerated }) => isGenerated)) return null;
  const staged = stagedSql(
    shadow,
    parts,
    columns.map(({ name }) => name),
  );
  if (staged === null) return null;
  const keys = rulesOf(shadow, table).keys;
  const [first] = keys;
  if (first === undefined) return 0;
  if (keys.some(({ columns: names }) => names === null)) return null;
  const matches = keys.map(({ terms }) => {
    const pairs = terms.map(
      ({ sql, collation }) => `there.${sql} = coming.${sql} COLLATE ${quoteIdentifier(collation)}`,
    );
    const id = first.terms.map(({ sql }) => `there.${sql}`).join(", ");
    return `SELECT ${id} FROM (${staged}) AS coming CROSS JOIN ${quoteIdentifier(table)} AS there WHERE ${pairs.join(" AND ")}`;
  });
  return contents.count(matches.join(" UNION "), [...new Set([...sources, table.toLowerCase()])]);
}

/** A row that is replaced is deleted first, and takes along what points at it. */
function childrenOf(
  { holdings }: Bench,
  table: string,
  cascades: readonly Access[],
  replaced: string,
): Finding[] {
  const children = [...new Map(cascades.map((a) => [a.table.toLowerCase(), a])).values()];
  return children.flatMap(({ does, table: child }): Finding[] => {
    const count = holdings.rowCount(child);
    if (count === 0) return [];
    const what = does === "delete" ? "takes rows of" : "clears references in";
    return [
      {
        kind: "CASCADES",
        losesData: true,
        table: child,
        column: null,
        rowCount: count,
        message: `${what} ${child} with the ${replaced} of ${table} that are replaced, up to all ${count}`,
        wayOut: `Use INSERT … ON CONFLICT DO UPDATE, which keeps the row that ${child} points at.`,
      },
    ];
  });
}

function overwriting(table: string, rowCount: number, message: string): Finding {
  return {
    kind: "OVERWRITES",
    losesData: false,
    table,
    column: null,
    rowCount,
    message,
    wayOut: `Keep the old values of ${table} in a column or table of their own when they may be needed.`,
  };
}

const rows = (exact: number | null, total: number): string =>
  exact === null ? `up to ${total} row(s)` : `${exact} row(s)`;
