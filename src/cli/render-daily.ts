/** A daily report as a table. */
import type { DailyReport, TokenTotals } from "../report/daily.ts";
import { printable } from "./output.ts";
import { renderTable } from "./table.ts";

export function renderDaily({ daily, totals }: DailyReport): string {
  const cells = (row: TokenTotals): string[] => [
    grouped(row.inputTokens),
    grouped(row.outputTokens),
    grouped(row.cacheCreationTokens),
    grouped(row.cacheReadTokens),
    grouped(row.totalTokens),
  ];
  const rows = daily.map((row) => [
    row.period,
    row.modelsUsed.map(shortModel).join("\n"),
    ...cells(row),
  ]);
  const right = (title: string): { title: string; align: "right" } => ({ title, align: "right" });
  return renderTable(
    [
      { title: "Day" },
      { title: "Models" },
      right("Input"),
      right("Output"),
      right("Cache write"),
      right("Cache read"),
      right("Total"),
    ],
    [...rows, ["Total", "", ...cells(totals)]],
  );
}

/** `claude-sonnet-4-5-20250929` without the maker and the date, for a table of 80 columns. */
function shortModel(model: string): string {
  return printable(model.replace(/^claude-/, "").replace(/-\d{8}$/, ""));
}

function grouped(count: number): string {
  return count.toString().replace(/\B(?=(\d{3})+$)/g, ",");
}
