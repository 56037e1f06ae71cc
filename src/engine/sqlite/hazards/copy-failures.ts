/** INSERTs whose rows the table that they go to does not take: a copy into a stricter table, a seed that is there. */
import type { Statement } from "../../../migration/sql-scanner.ts";
import type { Binding } from "../connection.ts";
import { quoteIdentifier } from "../quote.ts";
import { type Bench, failing, type Finding, type Judgement, NOTHING } from "./finding.ts";
import type { Access } from "./probe.ts";
import type { ShadowValue } from "./shadow.ts";
import { stagedSql } from "./staged-rows.ts";
import { duplicatesSql, rulesOf, type TableRules, type UniqueKey } from "./table-rules.ts";
import { writePartsOf } from "./write-parts.ts";

/** Rows that look wrong and are tried on the shadow: what a column's affinity makes of a value, only SQLite knows. */
const TRIED_ROWS = 20;

interface Copy {
  readonly table: string;
  readonly columns: readonly string[];
  /** The rows that come, under the table's name. */
  readonly from: string;
  readonly sources: readonly string[];
  readonly rules: TableRules;
}

export function copyFailuresOf(
  bench: Bench,
  statement: Statement,
  accesses: readonly Access[],
): Judgement {
  const copy = copyOf(bench, statement, accesses);
  if (copy === null) return NOTHING;
  const { table, rules } = copy;
  if (copy.from === "" && isDemanding(rules))
    return { findings: [], unknown: [`whether ${table} takes all the rows`] };
  if (copy.from === "") return NOTHING;
  const rows = rowFailuresOf(bench, copy);
  const keys = rules.keys.map((key) => keyFailureOf(bench, copy, key));
  const isSure = rows !== null && !keys.includes(undefined);
  return {
    findings: [...(rows ?? []), ...keys.filter((finding) => finding != null)],
    unknown: isSure || !isDemanding(rules) ? [] : [`whether ${table} takes all the rows`],
  };
}

const isDemanding = ({ keys, checks, notNull, strict }: TableRules): boolean =>
  keys.length + checks.length + notNull.length + strict.size > 0;

function copyOf(
  { shadow, contents }: Bench,
  statement: Statement,
  accesses: readonly Access[],
): Copy | null {
  const parts = writePartsOf(statement.text);
  if (parts?.verb !== "INSERT" || parts.source === null || parts.upsert !== null) return null;
  if (parts.conflict !== null && !STOPPING.has(parts.conflict)) return null;
  // What replaces or swallows rows by its own definition stops at none.
  if (shadow.kindOf(parts.table) === "view" || shadow.mayRefuseRows(parts.table)) return null;
  const columns = shadow.columns(parts.table);
  if (columns.length === 0) return null;
  const names = columns.filter(({ isGenerated }) => !isGenerated).map(({ name }) => name);
  const sources = contents.sourcesOf(accesses.filter(({ does }) => does !== "insert"));
  const staged = columns.length === names.length ? stagedSql(shadow, parts, names) : null;
  const from =
    staged === null || sources === null ? "" : `(${staged}) AS ${quoteIdentifier(parts.table)}`;
  const rules = rulesOf(shadow, parts.table);
  return { table: parts.table, columns: names, from, sources: sources ?? [], rules };
}

const STOPPING: ReadonlySet<string> = new Set(["ABORT", "FAIL", "ROLLBACK"]);

/** What is wrong with single rows, found in one pass; null when it can't be told. */
function rowFailuresOf(bench: Bench, copy: Copy): Finding[] | null {
  const { notNull, checks, strict } = copy.rules;
  const rules = [
    ...notNull.map((column) => ({
      column,
      condition: `${quoteIdentifier(column)} IS NULL`,
      reason: "NULLs would go into it",
      isSure: true,
    })),
    ...checks.map((check) => ({
      column: undefined,
      condition: `NOT (${check}\n)`,
      reason: `they break CHECK (${check.trim()})`,
      isSure: false,
    })),
    ...[...strict].map(([column, types]) => ({
      column,
      condition: `typeof(${quoteIdentifier(column)}) NOT IN (${types.map((t) => `'${t}'`).join(", ")})`,
      reason: "they are of another type than the STRICT table wants",
      isSure: false,
    })),
  ];
  if (rules.length === 0) return [];
  const counts = bench.contents.rows(
    `SELECT ${rules.map(({ condition }) => `count(*) FILTER (WHERE ${condition})`).join(", ")} FROM ${copy.from}`,
    copy.sources,
  )?.[0];
  if (counts === undefined) return null;
  return rules.flatMap(({ column, condition, reason, isSure }, index) => {
    const count = Number(counts[index]);
    if (count === 0 || !(isSure || isRefused(bench, copy, condition))) return [];
    const subject = { table: copy.table, ...(column === undefined ? {} : { column }) };
    return [failing(subject, count, { reason, wayOut: wayOutOf(copy.table) })];
  });
}

/** True when the shadow does not take some of the rows that look wrong. */
function isRefused({ shadow, contents }: Bench, copy: Copy, condition: string): boolean {
  const names = copy.columns.map(quoteIdentifier).join(", ");
  const rows = contents.rows(
    `SELECT ${names} FROM ${copy.from} WHERE ${condition} LIMIT ${TRIED_ROWS}`,
    copy.sources,
  );
  return (rows ?? []).some((row) => {
    const values = copy.columns.map((column, index) => [column, plain(row[index] ?? null)]);
    const refusal = shadow.refusalOf(copy.table, Object.fromEntries(values));
    return refusal !== null && !/^UNIQUE\b/.test(refusal);
  });
}

const plain = (value: Binding): ShadowValue => (typeof value === "boolean" ? Number(value) : value);

/** Rows that clash with each other or with those that are there; undefined when it can't be told. */
function keyFailureOf(bench: Bench, copy: Copy, key: UniqueKey): Finding | null | undefined {
  const { table, from, sources } = copy;
  const among = bench.contents.rows(
    `SELECT coalesce(sum(n), 0) FROM (${duplicatesSql(from, key)})`,
    sources,
  );
  if (among === null) return undefined;
  const clashing = clashingWithExisting(bench, copy, key);
  if (clashing === null) return undefined;
  const count = Number(among[0]?.[0]) + clashing;
  if (count === 0) return null;
  const what = key.terms.map(({ sql }) => sql).join(", ");
  return failing({ table }, count, {
    reason: `they share ${what} with another`,
    wayOut: wayOutOf(table),
  });
}

function clashingWithExisting({ contents }: Bench, copy: Copy, key: UniqueKey): number | null {
  if (contents.isEmpty(copy.table)) return 0;
  if (key.columns === null || key.where !== null) return null;
  const pairs = key.terms.map(
    ({ sql, collation }) => `there.${sql} = coming.${sql} COLLATE ${quoteIdentifier(collation)}`,
  );
  const coming = `${copy.from.slice(0, copy.from.lastIndexOf(" AS "))} AS coming`;
  return contents.count(
    `SELECT 1 FROM ${coming} WHERE EXISTS (SELECT 1 FROM ${quoteIdentifier(copy.table)} AS there WHERE ${pairs.join(" AND ")})`,
    [...new Set([...copy.sources, copy.table.toLowerCase()])],
  );
}

const wayOutOf = (table: string): string =>
  `Correct or leave out those rows in the statement that fills ${table}.`;
