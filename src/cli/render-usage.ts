/** Usage reports: a table for the width there is, CSV, or JSON. */
import type { TokenTotals } from "../report/totals.ts";
import { type Column, columnLines } from "./columns.ts";
import type { CommandContext } from "./command.ts";
import { printable } from "./output.ts";
import { compact, dollars, grouped, shortModel } from "./usage-text.ts";
import { bar } from "./watch/bars.ts";
import { plainText, widthOf } from "./watch/line.ts";

export interface UsageRow extends TokenTotals {
  readonly name: string;
  /** What tables show in the place of the name, which CSV keeps. */
  readonly shown?: string;
  /** What the row is of within `name`, in a column of its own; null for none. */
  readonly sub: string | null;
  /** The same where there is little room. */
  readonly shortSub?: string;
  readonly modelsUsed: readonly string[];
}

export interface UsageTable {
  /** What a row is: day, week, session. */
  readonly title: string;
  /** What tables say in its place. */
  readonly heading?: string;
  /** Names may be cut down to so many columns of a terminal; not at all when left out. */
  readonly leastName?: number;
  /** The title of the column of `sub`; null for none. */
  readonly group: string | null;
  readonly rows: readonly UsageRow[];
  readonly totals: TokenTotals;
  readonly unpricedModels: readonly string[];
  readonly json: object;
}

/** A terminal that is narrower than the table gets rounded numbers. */
const WIDE = 110;
/** Bars that are shorter say nothing. */
const LEAST_BAR = 8;
const LONGEST_BAR = 24;

/** Prints in the form that the flags ask for. */
export async function printUsage(
  { args, output, env }: Pick<CommandContext, "args" | "output" | "env">,
  table: UsageTable,
): Promise<void> {
  output.json(table.json);
  if (output.isJson) return;
  if (args["csv"] === true) {
    const { stringify } = await import("csv-stringify/sync");
    const columns = [table.title, ...(table.group === null ? [] : [table.group]), ...CSV_FIGURES];
    return output.text(
      // A cell that a spreadsheet would run as a formula is taken for text.
      stringify(csvRows(table), { header: true, columns, escape_formulas: true }).trimEnd(),
    );
  }
  if (table.rows.length === 0) return output.text("No usage in this range.");
  if (process.stdout.isTTY === true) {
    const isPlain = (env["NO_COLOR"] ?? "") !== "" || env["TERM"] === "dumb";
    const { columns: width } = process.stdout;
    const { text, leftOut } = renderFitting(table, { width, hasBars: !isPlain });
    output.text(text);
    if (leftOut.length > 0)
      output.note(`Left out for lack of room: ${leftOut.join(", ")}. --csv has every column.`);
  } else {
    const { renderTable } = await import("./table.ts");
    output.text(renderWhole(table, renderTable));
  }
  if (table.unpricedModels.length > 0)
    output.note(`No price is known for ${table.unpricedModels.join(", ")}: not in the cost.`);
}

/** For a pipe or a file: whole numbers, a line a model. */
function renderWhole(
  table: UsageTable,
  renderTable: typeof import("./table.ts").renderTable,
): string {
  const { group, rows } = table;
  const cells = (row: TokenTotals, cost: string): string[] => [
    ...[row.inputTokens, row.outputTokens, row.cacheCreationTokens, row.cacheReadTokens].map(
      grouped,
    ),
    grouped(row.totalTokens),
    cost,
  ];
  const sub = (text: string | null): string[] => (group === null ? [] : [text ?? ""]);
  return renderTable(
    [
      { title: headingOf(table) },
      ...(group === null ? [] : [{ title: capital(group) }]),
      { title: "Models" },
      ...["Input", "Output", "Cache write", "Cache read", "Total", "Cost"].map(
        (title) => ({ title, align: "right" }) as const,
      ),
    ],
    [
      ...rows.map((row) => [
        row.shown ?? row.name,
        ...sub(row.sub),
        row.modelsUsed.map(shortModel).join("\n"),
        ...cells(row, costOf(row, table)),
      ]),
      ["Total", ...sub(""), "", ...cells(table.totals, totalCost(table))],
    ],
  );
}

/** For a terminal: no line wider than it is; with a bar a row where there is room. */
export function renderFitting(
  table: UsageTable,
  { width, hasBars }: { readonly width: number; readonly hasBars: boolean },
): { readonly text: string; readonly leftOut: readonly string[] } {
  const columns = columnsOf(table, width);
  const rows: readonly FittingRow[] = [
    ...table.rows,
    { ...table.totals, name: "Total", sub: "", modelsUsed: [], isTotal: true },
  ];
  const linesOf = (all: readonly Column<FittingRow>[]): FittingTable => {
    const { head, body, leftOut } = columnLines(all, rows, { width });
    return { lines: [head, ...body].map(plainText), leftOut };
  };
  const { lines, leftOut } = linesOf(columns);
  const widest = Math.max(...lines.map(widthOf));
  const room = Math.min(LONGEST_BAR, width - widest - 2);
  const shown =
    hasBars && room >= LEAST_BAR && table.rows.length > 1
      ? linesOf([...columns, barColumn(table, room)]).lines
      : lines;
  return { text: shown.join("\n"), leftOut };
}

interface FittingTable {
  readonly lines: readonly string[];
  readonly leftOut: readonly string[];
}

type FittingRow = UsageRow & { readonly isTotal?: boolean };

function columnsOf(table: UsageTable, width: number): Column<FittingRow>[] {
  const isWide = width >= WIDE;
  const count = isWide ? grouped : compact;
  const figure = (
    title: string,
    of: (row: TokenTotals) => number,
    rank: number,
  ): Column<FittingRow> => ({ title, text: (row) => count(of(row)), align: "right", rank });
  const sub = ({ sub: whole, shortSub }: UsageRow): string =>
    printable((isWide ? whole : (shortSub ?? whole)) ?? "");
  return [
    {
      title: headingOf(table),
      text: ({ name, shown }) => printable(shown ?? name),
      rank: 0,
      ...(table.leastName === undefined ? {} : { leastWidth: table.leastName }),
    },
    ...(table.group === null
      ? []
      : [{ title: capital(table.group), text: sub, rank: 0, leastWidth: 10 }]),
    {
      title: "Models",
      text: ({ modelsUsed }) => modelsUsed.map(shortModel).join(", "),
      rank: 3,
      leastWidth: 10,
    },
    figure("Input", ({ inputTokens }) => inputTokens, 2),
    figure("Output", ({ outputTokens }) => outputTokens, 1),
    figure("Cache write", ({ cacheCreationTokens }) => cacheCreationTokens, 2),
    figure("Cache read", ({ cacheReadTokens }) => cacheReadTokens, 2),
    figure("Total", ({ totalTokens }) => totalTokens, 0),
    {
      title: "Cost",
      text: (row) => (row.isTotal === true ? totalCost(table) : costOf(row, table)),
      align: "right",
      rank: 0,
    },
  ];
}

/** Of the cost, or of the tokens where a price is missing; the longest is the largest row. */
function barColumn({ rows, unpricedModels }: UsageTable, room: number): Column<FittingRow> {
  const isPriced = unpricedModels.length === 0;
  const sizeOf = (row: TokenTotals): number => (isPriced ? row.totalCost : row.totalTokens);
  const largest = Math.max(...rows.map(sizeOf));
  return {
    title: "",
    text: (row) =>
      row.isTotal === true || largest <= 0
        ? ""
        : (bar(sizeOf(row) / largest, room, "accent")[0]?.text ?? ""),
    rank: 9,
  };
}

function costOf(row: UsageRow, { unpricedModels }: UsageTable): string {
  return dollars(
    row.totalCost,
    row.modelsUsed.some((model) => unpricedModels.includes(model)),
  );
}

const totalCost = ({ totals, unpricedModels }: UsageTable): string =>
  dollars(totals.totalCost, unpricedModels.length > 0);

const CSV_FIGURES = [
  "models",
  "inputTokens",
  "outputTokens",
  "cacheCreationTokens",
  "cacheReadTokens",
  "totalTokens",
  "totalCost",
] as const;

function csvRows({ title, group, rows }: UsageTable): Record<string, unknown>[] {
  return rows.map((row) => ({
    [title]: row.name,
    ...(group === null ? {} : { [group]: row.sub ?? "" }),
    models: row.modelsUsed.join(" "),
    inputTokens: row.inputTokens,
    outputTokens: row.outputTokens,
    cacheCreationTokens: row.cacheCreationTokens,
    cacheReadTokens: row.cacheReadTokens,
    totalTokens: row.totalTokens,
    totalCost: row.totalCost,
  }));
}

const headingOf = ({ title, heading }: UsageTable): string => heading ?? capital(title);
const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);
