/** DDL that passes on an empty table and fails on a filled one. */
import type { Statement } from "../../../migration/sql-scanner.ts";
import type { Bench, Finding } from "./finding.ts";
import { originOf } from "./holdings.ts";
import type { Access } from "./probe.ts";
import type { ShadowColumn } from "./shadow.ts";
import { isDemandingAddColumn, isSetNotNull } from "./statement-shape.ts";

interface Failures {
  readonly findings: readonly Finding[];
  /** What could not be decided. */
  readonly unknown: readonly string[];
}

const NONE: Failures = { findings: [], unknown: [] };

/** What a statement would fail on: SQLite is asked with a live row in the shadow's table, or the NULLs are counted. */
export function failuresOf(
  bench: Bench,
  statement: Statement,
  accesses: readonly Access[],
): Failures {
  const altered = accesses.find(({ does }) => does === "alter");
  if (altered === undefined || bench.holdings.rowCount(altered.table) === 0) return NONE;
  if (isDemandingAddColumn(statement)) return addColumnOf(bench, statement, altered.table);
  if (isSetNotNull(statement)) return setNotNullOf(bench, altered.table, altered.column);
  return NONE;
}

function addColumnOf(bench: Bench, statement: Statement, table: string): Failures {
  const { live, holdings, shadow } = bench;
  const holder = holdings.find(table);
  const origin = [...(holder?.holds.keys() ?? [])].find((name) => live.rowCount(name) > 0);
  if (holder === undefined || origin === undefined) return NONE;
  const sample = new Map(
    Object.entries(live.sampleRow(origin) ?? {}).map(([name, value]) => [
      name.toLowerCase(),
      value,
    ]),
  );
  const row = shadow.columns(table).flatMap((column) => {
    if (column.isGenerated) return [];
    const value = sample.get(originOf(holder, column.name));
    if (value !== undefined)
      return [[column.name, typeof value === "boolean" ? Number(value) : value] as const];
    // Added by the plan, which has failed to already if this row should not do.
    return column.isNotNull && !column.hasDefault ? [[column.name, anyValue(column)] as const] : [];
  });
  const { failure, isSampled } = shadow.tryOnRow(statement.text, table, Object.fromEntries(row));
  if (!isSampled)
    return { findings: [], unknown: [`whether ADD COLUMN passes on the rows of ${table}`] };
  if (failure === null) return NONE;
  return {
    findings: [failing(table, null, live.rowCount(origin), failure, ADD_WAY_OUT)],
    unknown: [],
  };
}

function anyValue({ type }: ShadowColumn): string | number | Uint8Array {
  if (type === "BLOB") return new Uint8Array(1);
  return /CHAR|CLOB|TEXT/.test(type) ? "x" : 1;
}

const ADD_WAY_OUT =
  "Add the column nullable or with a constant default, fill it with UPDATE, then SET NOT NULL; or rebuild the table.";

function setNotNullOf(bench: Bench, table: string, column: string): Failures {
  const { live, holdings, shadow } = bench;
  const holder = holdings.find(table);
  const [origin] = [...(holder?.holds.keys() ?? [])];
  if (holder === undefined || origin === undefined) return NONE;
  if (!holder.isOriginal || holder.updated.has(column.toLowerCase()))
    return {
      findings: [],
      unknown: [`whether ${table}.${column} has NULLs, as it was written before`],
    };
  const name = originOf(holder, column);
  const isOld = live.columns(origin).some((known) => known.toLowerCase() === name);
  const rows = live.rowCount(origin);
  const hasDefault = shadow
    .columns(table)
    .some((c) => c.name.toLowerCase() === column.toLowerCase() && c.hasDefault);
  const nulls = isOld ? rows - live.valueCount(origin, name) : hasDefault ? 0 : rows;
  if (nulls === 0) return NONE;
  const wayOut = `Fill ${table}.${column} with UPDATE before it becomes NOT NULL.`;
  return { findings: [failing(table, column, nulls, "NULLs are in it", wayOut)], unknown: [] };
}

function failing(
  table: string,
  column: string | null,
  rowCount: number,
  reason: string,
  wayOut: string,
): Finding {
  const subject = column === null ? table : `${table}.${column}`;
  const message = `fails on ${rowCount} row(s) of ${subject}: ${reason}`;
  return {
    kind: "FAILS_ON_EXISTING_ROWS",
    losesData: false,
    table,
    column,
    rowCount,
    message,
    wayOut,
  };
}
