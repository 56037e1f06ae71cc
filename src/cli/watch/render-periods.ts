/** The views of days and months: the newest comes first, below a curve of them all. */
import type { PeriodRow } from "../../report/periods.ts";
import { compact, dollars, grouped, shortModel } from "../usage-text.ts";
import { sparkline } from "./bars.ts";
import { type Column, columnLines, pageOf } from "../columns.ts";
import { EMPTY_LINE, type Line, span } from "./line.ts";
import type { WatchData, WatchState } from "./model.ts";
import type { Rendered } from "./render-screen.ts";

type Page = Extract<WatchData["page"], { view: "daily" | "monthly" }>;

/** From this width on, figures are whole. */
const WIDE = 110;
const SHARE_COLUMNS = 12;

export function renderPeriods(
  state: WatchState,
  { view, report }: Page,
  { width, height }: { readonly nowMs: number; readonly width: number; readonly height: number },
): Rendered {
  const newestFirst = report.rows.toReversed();
  const unit = view === "daily" ? "day" : "month";
  const title: Line = [
    span(view === "daily" ? "Usage by day" : "Usage by month", "title"),
    span(
      `   ${report.rows.length} ${unit}${report.rows.length === 1 ? "" : "s"} with usage, ` +
        `${compact(report.totals.totalTokens)} tokens, ${dollars(report.totals.totalCost, report.unpricedModels.length > 0)}`,
      "muted",
    ),
  ];
  if (newestFirst.length === 0)
    return { lines: [title, EMPTY_LINE, [span("No usage yet.")]], listRows: 1 };
  const listRows = Math.max(1, height - 5);
  const { head, body } = columnLines(columnsOf(unit, report, width), newestFirst, {
    width,
    isSelected: (row) => row === newestFirst[0],
  });
  const curve = sparkline(report.rows.slice(-width).map(({ totalTokens }) => totalTokens));
  return {
    lines: [
      title,
      EMPTY_LINE,
      [span(curve, "accent")],
      EMPTY_LINE,
      head,
      ...pageOf(body, state.scroll, listRows),
    ],
    listRows,
  };
}

function columnsOf(
  unit: string,
  { rows, unpricedModels }: Page["report"],
  width: number,
): Column<PeriodRow>[] {
  const count = width < WIDE ? compact : grouped;
  const largest = Math.max(1, ...rows.map(({ totalTokens }) => totalTokens));
  const figure = (
    title: string,
    of: (row: PeriodRow) => number,
    rank: number,
  ): Column<PeriodRow> => ({ title, text: (row) => count(of(row)), align: "right", rank });
  return [
    { title: unit === "day" ? "Day" : "Month", text: ({ period }) => period, rank: 0 },
    {
      title: "Models",
      text: ({ modelsUsed }) => modelsUsed.map(shortModel).join(", "),
      role: "muted",
      rank: 3,
      leastWidth: 10,
    },
    figure("Messages", ({ messageCount }) => messageCount, 5),
    figure("Input", ({ inputTokens }) => inputTokens, 2),
    figure("Output", ({ outputTokens }) => outputTokens, 1),
    figure("Cache write", ({ cacheCreationTokens }) => cacheCreationTokens, 2),
    figure("Cache read", ({ cacheReadTokens }) => cacheReadTokens, 2),
    figure("Total", ({ totalTokens }) => totalTokens, 0),
    {
      title: "Cost",
      text: (row) =>
        dollars(
          row.totalCost,
          row.modelsUsed.some((model) => unpricedModels.includes(model)),
        ),
      align: "right",
      rank: 0,
    },
    {
      title: "",
      text: ({ totalTokens }) =>
        "█".repeat(Math.max(1, Math.round((totalTokens / largest) * SHARE_COLUMNS))),
      role: "accent",
      rank: 4,
    },
  ];
}
