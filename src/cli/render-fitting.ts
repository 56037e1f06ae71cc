/** Usage reports for a terminal: no line wider than it is, with a bar a row where there is room. */
import type { TokenTotals } from "../report/totals.ts";
import { type Column, columnLines } from "./columns.ts";
import { printable } from "./output.ts";
import {
  capital,
  costOf,
  headingOf,
  totalCost,
  type UsageRow,
  type UsageTable,
} from "./render-usage.ts";
import { compact, grouped, shortModel } from "./usage-text.ts";
import { bar } from "./watch/bars.ts";
import { plainText, widthOf } from "./watch/line.ts";

/** A terminal that is narrower than the table gets rounded numbers. */
const WIDE = 110;
/** Bars that are shorter say nothing. */
const LEAST_BAR = 8;
const LONGEST_BAR = 24;

/** The table, and the titles of the columns that it had no room for. */
export function renderFitting(
  table: UsageTable,
  { width, hasBars }: { readonly width: number; readonly hasBars: boolean },
): { readonly text: string; readonly leftOut: readonly string[] } {
  const columns = columnsOf(table, width);
  const rows: readonly FittingRow[] = [
    ...table.rows,
    { ...table.totals, name: "Total", sub: "", shortSub: "", modelsUsed: [], isTotal: true },
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

const MODELS: Column<FittingRow> = {
  title: "Models",
  text: ({ modelsUsed }) => modelsUsed.map(shortModel).join(", "),
  rank: 3,
  leastWidth: 10,
};

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
    // Beside a column of models it would say the same.
    ...(table.group === "model" ? [] : [MODELS]),
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
