/** DDL that passes on an empty table and fails on a filled one. */
import type { Statement } from "../../../migration/sql-scanner.ts";
import { quoteIdentifier } from "../quote.ts";
import { copyFailuresOf } from "./copy-failures.ts";
import { type Bench, failing, type Judgement, NOTHING, together } from "./finding.ts";
import { originOf } from "./holdings.ts";
import type { Access } from "./probe.ts";
import type { ShadowColumn, ShadowValue } from "./shadow.ts";
import { isDemandingAddColumn, isSetNotNull } from "./statement-shape.ts";
import { duplicatesSql, keysOf } from "./table-rules.ts";
import { checksOf, indexPartsOf } from "./definition-parts.ts";

/** What a statement would fail on: rows are counted in the database, and SQLite is asked with one of them. */
export function failuresOf(
  bench: Bench,
  statement: Statement,
  accesses: readonly Access[],
): Judgement {
  const [verb, second] = statement.words;
  if (verb === "CREATE") return second === "UNIQUE" ? uniqueIndexOf(bench, statement) : NOTHING;
  if (verb !== "ALTER") return copyFailuresOf(bench, statement, accesses);
  const altered = accesses.find(({ does }) => does === "alter");
  if (altered === undefined || rowCountOf(bench, altered.table) === 0) return NOTHING;
  const { table, column } = altered;
  if (isSetNotNull(statement)) return setNotNullOf(bench, table, column);
  const checks = checksOf(statement.text);
  if (isDemandingAddColumn(statement)) return addColumnOf(bench, statement, table);
  return together(checks.map((check) => checkOf(bench, table, check, quoteIdentifier(table))));
}

/** As far as anybody knows. */
function rowCountOf({ contents, live, holdings }: Bench, table: string): number {
  if (contents.isEmpty(table)) return 0;
  if (contents.isLive(table)) return live.rowCount(table);
  return (
    contents.count(`SELECT 1 FROM ${quoteIdentifier(table)}`, [table]) ?? holdings.rowCount(table)
  );
}

function uniqueIndexOf({ shadow, contents }: Bench, statement: Statement): Judgement {
  const table = indexPartsOf(statement.text)?.table;
  if (table === undefined || contents.isEmpty(table)) return NOTHING;
  const before = new Set(keysOf(shadow, table).map(({ name }) => name));
  const keys = shadow.preview(statement.text, () => keysOf(shadow, table)) ?? [];
  const key = keys.find(({ name }) => !before.has(name));
  if (key === undefined) return NOTHING;
  const what = key.terms.map(({ sql }) => sql).join(", ");
  const groups = contents.rows(
    `SELECT coalesce(sum(n), 0) FROM (${duplicatesSql(quoteIdentifier(table), key)})`,
    [table],
  );
  if (groups === null)
    return { findings: [], unknown: [`whether rows of ${table} share their ${what}`] };
  const count = Number(groups[0]?.[0]);
  if (count === 0) return NOTHING;
  return {
    findings: [
      failing({ table }, count, {
        reason: `they share ${what} with another`,
        wayOut: `Merge or delete rows of ${table} that share ${what} before the index is made.`,
      }),
    ],
    unknown: [],
  };
}

/** A CHECK on rows that are there, which are those of `from`. */
function checkOf({ contents }: Bench, table: string, check: string, from: string): Judgement {
  const count = contents.count(`SELECT 1 FROM ${from} WHERE NOT (${check}\n)`, [table]);
  if (count === null)
    return { findings: [], unknown: [`whether the rows of ${table} pass CHECK (${check.trim()})`] };
  if (count === 0) return NOTHING;
  return {
    findings: [
      failing({ table }, count, {
        reason: `they break CHECK (${check.trim()})`,
        wayOut: `Correct the rows of ${table} with UPDATE before the constraint is added.`,
      }),
    ],
    unknown: [],
  };
}

function addColumnOf(bench: Bench, statement: Statement, table: string): Judgement {
  const { shadow } = bench;
  const outcome = tryOnSamples(bench, statement, table);
  const checks = checksOf(statement.text);
  const failure = outcome?.failure ?? null;
  if (failure !== null && (checks.length === 0 || !/\bCHECK\b/i.test(failure)))
    return {
      findings: [
        failing({ table }, rowCountOf(bench, table), { reason: failure, wayOut: ADD_WAY_OUT }),
      ],
      unknown: [],
    };
  const unsure =
    outcome?.isSampled === true ? [] : [`whether ADD COLUMN passes on the rows of ${table}`];
  if (checks.length === 0) return { findings: [], unknown: unsure };
  // Every row gets the default, but a CHECK may compare it with other columns.
  const known = new Set(shadow.columns(table).map(({ name }) => name));
  const added = shadow
    .preview(statement.text, () => shadow.columns(table))
    ?.find(({ name, isGenerated }) => !known.has(name) && !isGenerated);
  if (added === undefined) return { findings: [], unknown: unsure };
  const name = quoteIdentifier(table);
  const from = `(SELECT *, ${added.defaultSql ?? "NULL"} AS ${quoteIdentifier(added.name)} FROM ${name}) AS ${name}`;
  return together(checks.map((check) => checkOf(bench, table, check, from)));
}

/** Runs the statement with a row of the table in the shadow; null when no row can be put there. */
function tryOnSamples(
  bench: Bench,
  statement: Statement,
  table: string,
): ReturnType<Bench["shadow"]["tryOnRow"]> | null {
  const columns = bench.shadow.columns(table).filter(({ isGenerated }) => !isGenerated);
  for (const sample of [rowOf, likelyRowOf]) {
    const row = sample(bench, table, columns);
    const outcome = row === null ? null : bench.shadow.tryOnRow(statement.text, table, row);
    if (outcome?.isSampled === true) return outcome;
  }
  return null;
}

/** Any row of a table as it is at this point of the plan. */
function rowOf(
  { contents }: Bench,
  table: string,
  columns: readonly ShadowColumn[],
): Readonly<Record<string, ShadowValue>> | null {
  const names = columns.map(({ name }) => quoteIdentifier(name)).join(", ");
  const row = contents.rows(`SELECT ${names} FROM ${quoteIdentifier(table)} LIMIT 1`, [table])?.[0];
  if (row === undefined) return null;
  return Object.fromEntries(columns.map(({ name }, index) => [name, plain(row[index] ?? null)]));
}

/**
 * A live row with what the plan did to its columns: where nobody knows what it did to its values, or where a
 * statement before this one would have failed and left a row that no table takes.
 */
function likelyRowOf(
  { live, holdings }: Bench,
  table: string,
  columns: readonly ShadowColumn[],
): Readonly<Record<string, ShadowValue>> | null {
  const holder = holdings.find(table);
  const origin = [...(holder?.holds.keys() ?? [])].find((name) => live.rowCount(name) > 0);
  if (holder === undefined || origin === undefined) return null;
  const sample = new Map(
    Object.entries(live.sampleRow(origin) ?? {}).map(([name, value]) => [
      name.toLowerCase(),
      value,
    ]),
  );
  return Object.fromEntries(
    columns.flatMap((column): [string, ShadowValue][] => {
      const value = sample.get(originOf(holder, column.name));
      if (value !== undefined) return [[column.name, plain(value)]];
      // Added by the plan, which has failed already if this row should not do.
      return column.isNotNull && !column.hasDefault ? [[column.name, anyValue(column)]] : [];
    }),
  );
}

const plain = (value: ShadowValue | boolean): ShadowValue =>
  typeof value === "boolean" ? Number(value) : value;

function anyValue({ type }: ShadowColumn): ShadowValue {
  if (type === "BLOB") return new Uint8Array(1);
  return /CHAR|CLOB|TEXT/.test(type) ? "x" : 1;
}

const ADD_WAY_OUT =
  "Add the column nullable or with a constant default, fill it with UPDATE, then SET NOT NULL; or rebuild the table.";

function setNotNullOf({ contents }: Bench, table: string, column: string): Judgement {
  const nulls = contents.count(
    `SELECT 1 FROM ${quoteIdentifier(table)} WHERE ${quoteIdentifier(column)} IS NULL`,
    [table],
  );
  if (nulls === null)
    return { findings: [], unknown: [`whether ${table}.${column} has NULLs at that point`] };
  if (nulls === 0) return NOTHING;
  const wayOut = `Fill ${table}.${column} with UPDATE before it becomes NOT NULL.`;
  return {
    findings: [failing({ table, column }, nulls, { reason: "NULLs are in it", wayOut })],
    unknown: [],
  };
}
