/** Turns what a statement reaches into hazards, and keeps the books of who holds which rows. */
import type { Statement } from "../../../migration/sql-scanner.ts";
import { failuresOf } from "./failures.ts";
import type { Bench, Finding } from "./finding.ts";
import type { Loss } from "./holdings.ts";
import { matchedRows } from "./matched-rows.ts";
import { overwritesOf } from "./overwrites.ts";
import type { Access, Probe } from "./probe.ts";
import {
  fullCopySource,
  isDropColumn,
  renameOf,
  takesEveryRow,
  takesEveryRowOrFails,
  verbOf,
} from "./statement-shape.ts";
import { type WriteParts, writePartsOf } from "./write-parts.ts";

/** A table that was dropped although its rows are elsewhere; at the end of the step it is a rebuild or a move. */
export interface Vacated {
  readonly table: string;
  /** False for a table that the plan itself had made. */
  readonly isOriginal: boolean;
  readonly lives: readonly string[];
  readonly rowCount: number;
  readonly cascades: readonly Finding[];
}

export interface Verdict {
  readonly findings: readonly Finding[];
  readonly vacated: readonly Vacated[];
  readonly unknown: readonly string[];
}

const AGGREGATES =
  /^(avg|count|group_concat|jsonb?_group_(array|object)|max|median|min|percentile\w*|string_agg|sum|total)$/i;

/** Judges a statement that has been compiled but not run. */
export function judge(bench: Bench, statement: Statement, probe: Probe): Verdict {
  const { holdings } = bench;
  const findings: Finding[] = [];
  const vacated: Vacated[] = [];
  const unknown: string[] = [];
  const { accesses } = probe;
  const parts = writePartsOf(statement.text);
  findings.push(...scansOf(bench, statement, { accesses, parts }));
  // What does not compile fails on any table, and is named as that.
  if (probe.failure === null) {
    const failures = failuresOf(bench, statement, accesses);
    findings.push(...failures.findings);
    unknown.push(...failures.unknown);
    findings.push(...overwritesOf(bench, statement, probe));
  }
  // Nothing can be told of a statement that fails anyway.
  const matched =
    parts?.verb !== "DELETE" || probe.failure !== null
      ? null
      : matchedRows(bench.contents, parts, accesses);
  // Before the rows change hands: afterwards the counts would be those of what is left.
  const cascades = matched === 0 ? [] : cascadesOf(bench, statement, probe);
  const dropped = accesses.find(({ does }) => does === "drop")?.table;
  for (const { does, table, column, via } of distinct(accesses)) {
    if (does === "delete" && table !== dropped)
      findings.push(...deletionOf(bench, statement, { table, via, matched }));
    if (does === "update") holdings.find(table)?.updated.add(column.toLowerCase());
    if (does === "alter" && column !== "" && isDropColumn(statement))
      findings.push(...holdings.dropColumn(table, column).map(columnLoss));
  }
  if (dropped === undefined) {
    findings.push(...cascades);
  } else {
    const holder = holdings.find(dropped);
    const lives = [...(holder?.holds.keys() ?? [])];
    const isOriginal = holder?.isOriginal === true;
    const rowCount = holdings.rowCount(dropped);
    const losses = holdings.drop(dropped);
    const gone = losses.filter(({ column }) => column === null);
    findings.push(...gone.map((loss) => tableLoss(dropped, loss)));
    findings.push(...losses.filter(({ column }) => column !== null).map(columnLoss));
    if (gone.length === 0 && rowCount > 0)
      vacated.push({ table: dropped, isOriginal, lives, rowCount, cascades });
    else findings.push(...cascades);
  }
  keepBooks(bench, statement, accesses);
  return { findings, vacated, unknown };
}

/** Creations, copies and renames; called when the statement is known but before it ran on the shadow. */
function keepBooks(
  { shadow, holdings }: Bench,
  statement: Statement,
  accesses: readonly Access[],
): void {
  const created = accesses.filter(({ does }) => does === "create");
  for (const { table } of created) if (holdings.find(table) === undefined) holdings.create(table);
  const rename = renameOf(statement);
  const altered = accesses.find(({ does }) => does === "alter")?.table;
  if (rename !== null && altered !== undefined) {
    if (rename.kind === "table") holdings.rename(altered, rename.to);
    else holdings.renameColumn(altered, rename.from, rename.to);
  }
  const source = fullCopySource(statement);
  if (
    source === null ||
    accesses.some(({ does, table }) => does === "call" && AGGREGATES.test(table))
  )
    return;
  const target = accesses.find(
    ({ does, via }) => (does === "insert" || does === "create") && via === null,
  )?.table;
  // A table that swallows or replaces duplicates by its own definition may end up with fewer rows.
  if (target === undefined || shadow.mayRefuseRows(target, takesEveryRowOrFails(statement))) return;
  const read = accesses.filter(
    ({ does, table }) => does === "read" && table.toLowerCase() === source.toLowerCase(),
  );
  holdings.copy(source, target, new Set(read.map(({ column }) => column.toLowerCase())));
}

function deletionOf(
  { holdings }: Bench,
  statement: Statement,
  {
    table,
    via,
    matched,
  }: { readonly table: string; readonly via: string | null; readonly matched: number | null },
): Finding[] {
  const isWhole = via === null && takesEveryRow(statement);
  const exact = via === null ? matched : null;
  if (exact === 0) return [];
  const losses = isWhole ? holdings.empty(table) : holdings.thin(table);
  const by = via === null ? "" : ` (by the trigger ${via})`;
  return losses.map(({ column, count }) => {
    const rowCount = Math.min(exact ?? count, count);
    // The rows are somewhere else too, but not whole.
    const values = column === null ? "" : ` with values of ${column} that are nowhere else`;
    const part =
      exact === null
        ? `rows of ${table}, up to all ${count}${by}`
        : `${rowCount} of ${count} row(s) of ${table}`;
    return {
      kind: "DELETES_DATA",
      losesData: true,
      table,
      column,
      rowCount,
      message: `deletes ${isWhole ? `all ${count} row(s) of ${table}` : part}${values}`,
      wayOut: `Copy the rows of ${table} to another table first, or keep them.`,
    };
  });
}

function tableLoss(table: string, { count }: Loss): Finding {
  return {
    kind: "DROPS_TABLE",
    losesData: true,
    table,
    column: null,
    rowCount: count,
    message: `drops ${table} with ${count} row(s)`,
    wayOut: `Copy the rows of ${table} to another table in the same migration, before the drop.`,
  };
}

function columnLoss({ live, column, count }: Loss): Finding {
  return {
    kind: "DROPS_COLUMN",
    losesData: true,
    table: live,
    column,
    rowCount: count,
    message: `drops ${live}.${String(column)}, which has a value in ${count} row(s)`,
    wayOut: `Copy ${live}.${String(column)} to where its values are still needed, before it goes.`,
  };
}

/** Tables that lose rows or references because a foreign key says so, whether or not the engine lets it. */
function cascadesOf(
  { holdings }: Bench,
  statement: Statement,
  { accesses, cascades }: Probe,
): Finding[] {
  const verb = verbOf(statement);
  if (verb !== "DROP" && verb !== "DELETE") return [];
  const goes = accesses.filter(({ does }) => does === "delete" || does === "drop");
  if (!goes.some(({ table }) => holdings.rowCount(table) > 0)) return [];
  const seen = new Set<string>();
  return cascades.flatMap(({ does, table }) => {
    const rowCount = holdings.rowCount(table);
    if (rowCount === 0 || seen.has(table.toLowerCase())) return [];
    seen.add(table.toLowerCase());
    const isDeletion = does === "delete";
    return [
      {
        kind: "CASCADES",
        losesData: true,
        table,
        column: null,
        rowCount,
        message: isDeletion
          ? `takes rows of ${table} with it by ON DELETE CASCADE, up to all ${rowCount}`
          : `clears references in ${table} by ON DELETE SET NULL or SET DEFAULT, in up to ${rowCount} row(s)`,
        wayOut: `Move, re-point or delete the rows of ${table} in the same migration, before this statement.`,
      } satisfies Finding,
    ];
  });
}

function scansOf(
  { shadow, holdings }: Bench,
  statement: Statement,
  { accesses, parts }: { readonly accesses: readonly Access[]; readonly parts: WriteParts | null },
): Finding[] {
  const verb = verbOf(statement);
  if (verb !== "UPDATE" && verb !== "DELETE") return [];
  const wanted = verb.toLowerCase();
  const table = accesses.find(({ does, via }) => does === wanted && via === null)?.table;
  const rowCount = table === undefined ? 0 : holdings.rowCount(table);
  // SQLite's plan calls the table as the statement does.
  const alias = parts?.alias ?? table ?? "";
  if (table === undefined || rowCount === 0 || !shadow.scans(statement.text, alias)) return [];
  return [
    {
      kind: "FULL_SCAN_WRITE",
      losesData: false,
      table,
      column: null,
      rowCount,
      message: `reads all ${rowCount} row(s) of ${table} to write some, with the lock held`,
      wayOut: `Give ${table} an index on what the WHERE compares, or write it when nobody waits.`,
    },
  ];
}

/** One of a kind: a statement may mention a table many times. */
function distinct(accesses: readonly Access[]): Access[] {
  const seen = new Map<string, Access>();
  for (const access of accesses) {
    const key = `${access.does} ${access.table.toLowerCase()} ${access.column.toLowerCase()} ${access.via ?? ""}`;
    if (!seen.has(key)) seen.set(key, access);
  }
  return [...seen.values()];
}
