/** What was found out about a plan, as SQL comments above its statements and as remarks on a run. */
import {
  type Hazard,
  isGrave,
  placeOf,
  type PlanAnalysis,
  type StepAnalysis,
  type TableFacts,
} from "../migration/hazard.ts";
import { formatVersion } from "../migration/version.ts";
import { printable } from "./output.ts";
import { megabytes } from "./progress.ts";

/** Comment lines for one step: hazards with their ways out, live tables with their rows, and what is not known. */
export function renderAnalysis(step: StepAnalysis, tables: readonly TableFacts[]): string[] {
  const lines = [
    ...step.hazards.flatMap(renderHazard),
    ...factsOf(step, tables).map((fact) => renderFacts(step, fact)),
    ...renderEstimate(step),
    ...renderCaveats(step),
  ];
  return lines.map((line) => `-- ${line}`);
}

/** A hazard and its way out, two lines. */
export function renderHazard(hazard: Hazard): string[] {
  const mark = isGrave(hazard) ? "HAZARD" : "note";
  return [
    printable(`${mark} ${hazard.kind} ${placeOf(hazard)}: ${hazard.message}`),
    printable(`  way out: ${hazard.wayOut}`),
  ];
}

/** What must not pass for proved: statements that could not be analysed, and functions. */
export function renderCaveats({
  version,
  name,
  notAnalysed,
  ranOnEmptyShadow,
}: StepAnalysis): string[] {
  const title = `${formatVersion(version)}_${name}`;
  return [
    ...notAnalysed.map((reason) => printable(`not analysed in ${title}: ${reason}`)),
    ...(ranOnEmptyShadow
      ? [
          printable(
            `not proved safe: ${title} is a function; it was tried on a copy of the schema without rows`,
          ),
        ]
      : []),
  ];
}

/** The live tables that a step reaches. */
export function factsOf(
  { statements }: StepAnalysis,
  tables: readonly TableFacts[],
): readonly TableFacts[] {
  const names = new Set(
    statements
      .flatMap((s) => [...s.altered, ...s.dropped, ...s.read, ...s.written, ...s.reachedByCascade])
      .map((name) => name.toLowerCase()),
  );
  return tables.filter(({ name }) => names.has(name.toLowerCase()));
}

function renderFacts(
  { statements, rebuilt }: StepAnalysis,
  { name, rowCount, sizeBytes }: TableFacts,
): string {
  const has = (names: readonly string[]): boolean =>
    names.some((other) => other.toLowerCase() === name.toLowerCase());
  const verbs = [
    has(rebuilt) ? "rebuilt" : null,
    statements.some((s) => has(s.dropped)) && !has(rebuilt) ? "dropped" : null,
    statements.some((s) => has(s.altered)) ? "altered" : null,
    statements.some((s) => has(s.written)) ? "written" : null,
    statements.some((s) => has(s.reachedByCascade)) ? "reached by a foreign key" : null,
    statements.some((s) => has(s.read)) ? "read" : null,
  ].filter((verb) => verb !== null);
  const size = sizeBytes === null ? "" : `, ${sizeText(sizeBytes)}`;
  return printable(`table ${name}: ${rowCount} row(s)${size}; ${verbs.join(", ")}`);
}

/** One line; none where a trial does not tell the time. */
function renderEstimate({ estimate }: StepAnalysis): string[] {
  if (estimate === null) return [];
  const { timeMs, triedRows, rows } = estimate;
  if (rows === 0)
    return [timeMs < AT_ONCE_MS ? "time: at once" : `time: about ${durationText(timeMs)}`];
  const basis = triedRows >= rows ? `all ${rows} row(s)` : `${triedRows} of ${rows} row(s)`;
  return [`time: about ${durationText(timeMs)}, as tried on ${basis}`];
}

/** Nobody notices. */
const AT_ONCE_MS = 50;

/** Two digits: it is an estimate. */
function durationText(ms: number): string {
  if (ms < 1) return "1 ms";
  if (ms < 1000) return `${Number(ms.toPrecision(2))} ms`;
  if (ms < 120_000) return `${Number((ms / 1000).toPrecision(2))} s`;
  return `${Math.round(ms / 60_000)} min`;
}

function sizeText(bytes: number): string {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : megabytes(bytes);
}

/** The analysis of one step as `--json` shows it. */
export function analysisData(analysis: PlanAnalysis | null, index: number): object {
  const step = analysis?.steps[index];
  if (analysis === null || step === undefined) return {};
  const { hazards, statements, rebuilt, notAnalysed, ranOnEmptyShadow, estimate } = step;
  const tables = factsOf(step, analysis.tables);
  return { hazards, tables, rebuilt, statements, notAnalysed, ranOnEmptyShadow, estimate };
}
