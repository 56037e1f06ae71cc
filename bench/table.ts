/** Results as one Markdown table. */
import type { Fact } from "./contender.ts";
import type { CaseResult, Figures } from "./measure.ts";

const HEAD = ["case", "contender", "median", "min", "CPU", "x floor", "budget", "met"];

/** One row a contender, and one more for each further budget. */
export function renderTable(results: readonly CaseResult[]): string {
  const rows = results.flatMap(rowsOf);
  const widths = HEAD.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`;
  return [line(HEAD), rule, ...rows.map(line)].join("\n");
}

export function renderFacts(facts: readonly Fact[]): string {
  return facts.map(({ name, value }) => `- ${name}: ${value}`).join("\n");
}

function rowsOf({ name, figures, unitCount }: CaseResult): string[][] {
  return figures.flatMap((figure, index) => {
    const [first, ...more] = figure.verdicts;
    const row = [
      index === 0 ? name : "",
      figure.contender,
      renderTime(figure.wallMedianMs / unitCount),
      renderTime(figure.wallMinMs / unitCount),
      figure.cpuMedianMs === null ? "" : renderTime(figure.cpuMedianMs / unitCount),
      renderRatios(figure),
      ...verdictCells(first),
    ];
    return [row, ...more.map((verdict) => ["", "", "", "", "", "", ...verdictCells(verdict)])];
  });
}

function renderRatios({ wallRatio, cpuRatio }: Figures): string {
  const wall = wallRatio.toFixed(2);
  return cpuRatio === null ? wall : `${wall} (CPU ${cpuRatio.toFixed(2)})`;
}

function verdictCells(verdict: Figures["verdicts"][number] | undefined): [string, string] {
  if (verdict === undefined) return ["", ""];
  return [verdict.text, `${verdict.isMet ? "yes" : "**no**"}, ${verdict.ratio.toPrecision(3)}`];
}

/** Three digits in the unit that fits. */
export function renderTime(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toPrecision(3)} s`;
  if (ms >= 1) return `${ms.toPrecision(3)} ms`;
  return `${(ms * 1000).toPrecision(3)} µs`;
}
