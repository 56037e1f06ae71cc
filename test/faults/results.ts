/** What the suite has tried so far, as data; the table of docs/RELIABILITY.md is made of it. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROWS } from "./rows.ts";

export const RESULTS_FILE = join(import.meta.dir, "results.json");
export const PAGE_FILE = join(import.meta.dir, "../../docs/RELIABILITY.md");
const BEGIN = "<!-- faults:begin -->";
const END = "<!-- faults:end -->";

/** One run of one row. */
export interface RecordedRun {
  readonly row: string;
  /** UTC, YYYY-MM-DD. */
  readonly date: string;
  readonly seed: number;
  readonly tried: number;
  readonly seconds: number;
  readonly failures: number;
  readonly figures: Readonly<Record<string, number | string>>;
}

export function readResults(): RecordedRun[] {
  return existsSync(RESULTS_FILE)
    ? (JSON.parse(readFileSync(RESULTS_FILE, "utf8")) as RecordedRun[])
    : [];
}

export function addResults(runs: readonly RecordedRun[]): void {
  writeFileSync(RESULTS_FILE, `${JSON.stringify([...readResults(), ...runs], null, 2)}\n`);
}

const grouped = (count: number): string => count.toLocaleString("en-US");

/** One line a row: what was tried in all recorded runs, of what the long form asks for, and with which seeds. */
export function renderTable(runs: readonly RecordedRun[]): string {
  const lines = ROWS.map(({ name, fault, target, unit, longRounds }) => {
    const own = runs.filter(({ row }) => row === name);
    const tried = own.reduce((sum, run) => sum + run.tried, 0);
    const failures = own.reduce((sum, run) => sum + run.failures, 0);
    const seeds = own.map(({ seed }) => seed).join(", ");
    const asked = longRounds === Number.MAX_SAFE_INTEGER ? "all" : grouped(longRounds);
    const last =
      own
        .map(({ date }) => date)
        .toSorted()
        .at(-1) ?? "never";
    const cells = [
      `\`${name}\``,
      fault,
      target,
      `${grouped(tried)} ${unit} (of ${asked})`,
      String(failures),
      seeds === "" ? "–" : seeds,
      last,
    ];
    return `| ${cells.join(" | ")} |`;
  });
  return [
    "| row | fault | target | tried | failures | seeds | last |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...lines,
  ].join("\n");
}

/** The page with its table made anew; the rest stays as it is. */
export function withTable(page: string, runs: readonly RecordedRun[]): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < 0) throw new Error(`docs/RELIABILITY.md has no ${BEGIN} and ${END}.`);
  return `${page.slice(0, begin + BEGIN.length)}\n\n${renderTable(runs)}\n\n${page.slice(end)}`;
}

/** The cells of a table, without what the formatter may pad them with. */
export function cellsOf(page: string): string[][] {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  return page
    .slice(begin, end)
    .split("\n")
    .filter((line) => line.startsWith("|") && !/^\|[\s|-]+\|$/.test(line))
    .map((line) =>
      line
        .slice(1, -1)
        .split("|")
        .map((cell) => cell.trim()),
    );
}
