/** Steps, standings and findings as text. */
import type { MigrationStatus } from "../engine/migrator.ts";
import type { PlanAnalysis } from "../migration/hazard.ts";
import type { Step } from "../migration/plan.ts";
import type { MigrationStanding } from "../migration/standing.ts";
import { formatVersion } from "../migration/version.ts";
import { printable } from "./output.ts";
import { renderAnalysis } from "./render-hazards.ts";

export function renderStep(step: Step, executionTimeMs: number): string {
  const arrow = step.direction === "up" ? "+" : "-";
  return `  ${arrow} ${formatVersion(step.version)}_${printable(step.name)}  ${executionTimeMs.toFixed(1)} ms`;
}

/** The SQL of a plan, each step under comments that name it and say what it does. */
export function renderPlan(steps: readonly Step[], analysis: PlanAnalysis | null): string {
  return steps
    .map((step, index) => {
      const known = analysis?.steps[index];
      const head = [
        `-- ${step.direction} ${formatVersion(step.version)}_${printable(step.name)} (${printable(step.file)})`,
        ...(analysis === null || known === undefined ? [] : renderAnalysis(known, analysis.tables)),
      ].join("\n");
      return step.body.kind === "sql"
        ? `${head}\n${step.body.sql.trim()}\n`
        : `${head}\n-- a function: it has no SQL to show\n`;
    })
    .join("\n");
}

/** What a state means, for the reader of a table. */
export const STATE_WORDS: Readonly<Record<MigrationStanding["state"], string>> = {
  applied: "applied",
  cosmetic: "applied (reformatted)",
  edited: "EDITED",
  pending: "pending",
  late: "LATE (older than the newest applied)",
  missing: "MISSING FILE",
  newer: "NEWER THAN THESE MIGRATIONS",
};

/** True when `status --check` must fail. */
export function needsAttention({ standings }: MigrationStatus): boolean {
  return standings.some(({ state }) => state !== "applied" && state !== "cosmetic");
}
