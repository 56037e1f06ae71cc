/** Usage reports: a table for the width there is, CSV, or JSON. */
import type { TokenTotals } from "../report/totals.ts";
import type { CommandContext } from "./command.ts";
import { dollars, grouped, shortModel } from "./usage-text.ts";

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

/** Prints in the form that the flags ask for. */
export async function printUsage(
  { args, output, env }: Pick<CommandContext, "args" | "output" | "env">,
  table: UsageTable,
): Promise<void> {
  output.json(table.json);
  if (output.isJson) return;
  if (args["csv"] === true) {
    const { renderCsv } = await import("./csv.ts");
    return output.text(await renderCsv(csvRows(table)));
  }
  if (table.rows.length === 0) return output.text("No usage in this range.");
  if (process.stdout.isTTY === true) {
    const isPlain = (env["NO_COLOR"] ?? "") !== "" || env["TERM"] === "dumb";
    const { columns: width } = process.stdout;
    const { renderFitting } = await import("./render-fitting.ts");
    const { text, leftOut } = renderFitting(table, { width, hasBars: !isPlain });
    output.text(text);
    if (leftOut.length > 0)
      output.note(`Left out for lack of room: ${leftOut.join(", ")}; --json has everything.`);
  } else {
    const { renderPlainTable } = await import("./plain-table.ts");
    output.text(renderWhole(table, renderPlainTable));
  }
  if (table.unpricedModels.length > 0)
    output.note(`No price is known for ${table.unpricedModels.join(", ")}: not in the cost.`);
}

/** For a pipe or a file: whole numbers, a line a model. */
function renderWhole(
  table: UsageTable,
  renderTable: typeof import("./plain-table.ts").renderPlainTable,
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
  const models = (text: string): string[] => (group === "model" ? [] : [text]);
  return renderTable(
    [
      { title: headingOf(table) },
      ...(group === null ? [] : [{ title: capital(group) }]),
      ...models("Models").map((title) => ({ title })),
      ...["Input", "Output", "Cache write", "Cache read", "Total", "Cost"].map(
        (title) => ({ title, align: "right" }) as const,
      ),
    ],
    [
      ...rows.map((row) => [
        row.shown ?? row.name,
        ...sub(row.sub),
        ...models(row.modelsUsed.map(shortModel).join("\n")),
        ...cells(row, costOf(row, table)),
      ]),
      ["Total", ...sub(""), ...models(""), ...cells(table.totals, totalCost(table))],
    ],
  );
}

export function costOf(row: UsageRow, { unpricedModels }: UsageTable): string {
  return dollars(
    row.totalCost,
    row.modelsUsed.some((model) => unpricedModels.includes(model)),
  );
}

export const totalCost = ({ totals, unpricedModels }: UsageTable): string =>
  dollars(totals.totalCost, unpricedModels.length > 0);

const CSV_HEAD = [
  "models",
  "inputTokens",
  "outputTokens",
  "cacheCreationTokens",
  "cacheReadTokens",
  "totalTokens",
  "totalCost",
];

function csvRows({ title, group, rows }: UsageTable): (string | number | null)[][] {
  return [
    [title, ...(group === null ? [] : [group]), ...CSV_HEAD],
    ...rows.map((row) => [
      row.name,
      ...(group === null ? [] : [row.sub ?? ""]),
      row.modelsUsed.join(" "),
      row.inputTokens,
      row.outputTokens,
      row.cacheCreationTokens,
      row.cacheReadTokens,
      row.totalTokens,
      row.totalCost,
    ]),
  ];
}

export const headingOf = ({ title, heading }: UsageTable): string => heading ?? capital(title);
export const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);
