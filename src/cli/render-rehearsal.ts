/** A rehearsal as lines: what was run, what is wrong and where, what the real run will take. */
import type {
  RehearsalProblem,
  RehearsalReport,
  RehearsedStep,
  RehearsedTable,
} from "../engine/sqlite/rehearse/report.ts";
import { formatVersion } from "../migration/version.ts";
import { printable } from "./output.ts";
import { megabytes } from "./progress.ts";

/** More problems than this are counted, not listed: `--json` has everything. */
const MAX_PROBLEMS = 12;
const MAX_TABLES = 12;
const MAX_SLOWEST = 3;
const MAX_SOURCE_WIDTH = 100;

/** The report for people, on about one screen. */
export function renderRehearsal(report: RehearsalReport): string {
  const { mode, fromVersion, copy, problems, leftOut, remarks } = report;
  if (copy === null)
    return mode === "pending"
      ? `Nothing to rehearse: nothing is pending at version ${fromVersion}. \`--last 1\` rehearses undoing and redoing the newest version.`
      : "Nothing to rehearse: nothing is applied.";
  return [
    ...renderMoments(report),
    ...renderTables(report.tables),
    ...leftOut.map(
      ({ version, name, reason }) =>
        `– ${formatVersion(version)}_${printable(name)} down: not rehearsed, ${printable(reason)}`,
    ),
    ...problems.slice(0, MAX_PROBLEMS).flatMap(renderProblem),
    ...(problems.length > MAX_PROBLEMS
      ? [`  … and ${problems.length - MAX_PROBLEMS} more problems; --json lists them all`]
      : []),
    ...remarks.map((remark) => `· ${printable(remark)}`),
    ...renderVerdict(report),
  ].join("\n");
}

const TITLES = { up: "up", down: "down", "up-again": "up again" } as const;

function renderMoments({ steps, problems }: RehearsalReport): string[] {
  return (["up", "down", "up-again"] as const).flatMap((moment) => {
    const taken = steps.filter((step) => step.moment === moment);
    const hasFailed = problems.some(
      (found) => found.moment === moment && found.kind === "step-failed",
    );
    if (taken.length === 0 && !hasFailed) return [];
    const mark = problems.some((found) => found.moment === moment) ? "✗" : "✓";
    const time = milliseconds(taken.reduce((sum, { durationMs }) => sum + durationMs, 0));
    return [
      `${mark} ${TITLES[moment].padEnd(8)}  ${taken.length} step(s) in ${time}${slowest(taken)}`,
    ];
  });
}

/** Which steps the time went into, when there are several. */
function slowest(steps: readonly RehearsedStep[]): string {
  if (steps.length < 2) return "";
  const named = [...steps]
    .sort((left, right) => right.durationMs - left.durationMs)
    .slice(0, MAX_SLOWEST)
    .map(
      ({ version, name, durationMs }) =>
        `${formatVersion(version)}_${printable(name)} ${milliseconds(durationMs)}`,
    );
  return `, the longest ${named.join(", ")}`;
}

/** Tables whose number of rows does not stay the same. */
function renderTables(tables: readonly RehearsedTable[]): string[] {
  const lines = tables.flatMap(({ name, before, afterUp, afterDown, afterUpAgain }) => {
    const counts = [before, afterUp, afterDown, afterUpAgain];
    const known = counts.filter((count) => count !== null);
    // A table that comes and goes with nothing in it is what a migration is for.
    if (new Set(known).size <= 1) return [];
    const words = counts.map((count) => (count === null ? "none" : String(count)));
    return [`  rows of ${printable(name)}: ${words.join(" -> ")}`];
  });
  const rest = lines.length - MAX_TABLES;
  return rest <= 0
    ? lines
    : [...lines.slice(0, MAX_TABLES), `  … and ${rest} more tables; --json lists them all`];
}

function renderProblem({
  observed,
  remedy,
  position,
  version,
  keys,
  table,
}: RehearsalProblem): string[] {
  const place =
    position === null
      ? (table ?? (version === null ? "" : `version ${formatVersion(version)}`))
      : `${position.file}:${position.line}:${position.column}`;
  return [
    `✗ ${printable(place)}${place === "" ? "" : "  "}${printable(observed)}`,
    ...(position === null
      ? []
      : [`    | ${printable(position.sourceLine.trim().slice(0, MAX_SOURCE_WIDTH))}`]),
    ...(keys.length === 0 ? [] : [`    rows: ${keys.map(printable).join(", ")}`]),
    `    ${printable(remedy)}`,
  ];
}

function renderVerdict(report: RehearsalReport): string[] {
  const { isClean, mode, fromVersion, toVersion, problems, copy, estimateMs, durationMs } = report;
  const run = mode === "pending" ? "`up`" : "`rollback`";
  const versions = `version ${fromVersion} -> ${toVersion}`;
  const verdict = isClean
    ? `Clean: ${versions} and back, no problem found.`
    : `Not clean: ${problems.length} problem(s) on the way, ${versions}.`;
  return [
    `${verdict} ${run} will take about ${milliseconds(estimateMs)}; the copy of ${megabytes(copy?.sizeBytes ?? 0)} took ${milliseconds(copy?.durationMs ?? 0)}, everything ${milliseconds(durationMs)}.`,
  ];
}

export function milliseconds(value: number): string {
  if (value >= 60_000) return `${(value / 60_000).toFixed(1)} min`;
  if (value >= 1000) return `${(value / 1000).toFixed(1)} s`;
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}
