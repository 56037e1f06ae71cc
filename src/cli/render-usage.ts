/** Usage reports: a table for the width there is, CSV, or JSON. */
import type { TokenTotals } from "../report/totals.ts";
import type { CommandContext } from "./command.ts";
import { renderTable } from "./table.ts";
import { compact, dollars, grouped, shortModel } from "./usage-text.ts";

export interface UsageRow extends TokenTotals {
  readonly name: string;
  /** What the row is of within `name`, in a column of its own; null for none. */
  readonly sub: string | null;
  readonly modelsUsed: readonly string[];
}

export interface UsageTable {
  /** What a row is: day, week, session. */
  readonly title: string;
  /** The title of the column of `sub`; null for none. */
  readonly group: string | null;
  readonly rows: readonly UsageRow[];
  readonly totals: TokenTotals;
  readonly unpricedModels: readonly string[];
  readonly json: object;
}

/** A pipe gets whole numbers; a terminal that is narrower than the table gets rounded ones. */
const WIDE = 110;

/** Prints in the form that the flags ask for. */
export async function printUsage(
  { args, output }: Pick<CommandContext, "args" | "output">,
  table: UsageTable,
): Promise<void> {
  output.json(table.json);
  if (output.isJson) return;
  if (args["csv"] === true) {
    const { stringify } = await import("csv-stringify/sync");
    // A cell that a spreadsheet would run as a formula is taken for text.
    return output.text(
      stringify(csvRows(table), { header: true, escape_formulas: true }).trimEnd(),
    );
  }
  if (table.rows.length === 0) return output.text("No usage in this range.");
  const width = process.stdout.isTTY === true ? process.stdout.columns : Infinity;
  output.text(renderUsage(table, width));
  if (table.unpricedModels.length > 0)
    output.note(`No price is known for ${table.unpricedModels.join(", ")}: not in the cost.`);
}

/** As a table no wider than it has to be. */
export function renderUsage(
  { title, group, rows, totals, unpricedModels }: UsageTable,
  width: number,
): string {
  const count = width < WIDE ? compact : grouped;
  const isPartly = (models: readonly string[]): boolean =>
    models.some((model) => unpricedModels.includes(model));
  const cells = (row: TokenTotals, models: readonly string[]): string[] => [
    count(row.inputTokens),
    count(row.outputTokens),
    count(row.cacheCreationTokens),
    count(row.cacheReadTokens),
    count(row.totalTokens),
    dollars(row.totalCost, isPartly(models)),
  ];
  const lines = rows.map((row) => [
    row.name,
    ...(group === null ? [] : [row.sub ?? ""]),
    row.modelsUsed.map(shortModel).join("\n"),
    ...cells(row, row.modelsUsed),
  ]);
  const right = (text: string): { title: string; align: "right" } => ({
    title: text,
    align: "right",
  });
  return renderTable(
    [
      { title: capital(title) },
      ...(group === null ? [] : [{ title: capital(group) }]),
      { title: "Models" },
      right("Input"),
      right("Output"),
      right("Cache write"),
      right("Cache read"),
      right("Total"),
      right("Cost"),
    ],
    [...lines, ["Total", ...(group === null ? [] : [""]), "", ...cells(totals, unpricedModels)]],
  );
}

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

const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);
