/** Stands between a plan and its run: refuses what nobody allowed, and makes a backup before anything is lost. */
import type { HazardKind } from "../../../migration/hazard-kind.ts";
import {
  allowedFor,
  isAllowed,
  type PlanAnalysis,
  refuseHazards,
  refusedHazards,
  type StepAnalysis,
} from "../../../migration/hazard.ts";
import type { Step } from "../../../migration/plan.ts";
import { statementsOf } from "../../../migration/sections.ts";
import type { Version } from "../../../migration/version.ts";
import type { Connection } from "../connection.ts";
import type { SafetyBackup } from "../safety-backup.ts";
import { hasRows } from "./live-tables.ts";
import { verbOf } from "./statement-shape.ts";

export interface HazardGuardOptions {
  /** Hazards that every step may have; a step's own `-- migrate:allow` lines add to them. */
  readonly allow?: readonly HazardKind[];
  /** False runs a rollback or an allowed loss without a backup; true when left out. */
  readonly withBackup?: boolean;
  /** Epoch milliseconds; the system clock when left out. */
  readonly now?: () => number;
  /** Called once the backup is verified, before the first step runs. */
  readonly onBackup?: (backup: SafetyBackup) => void;
  /** Called with what was found out, unless there was nothing that could be lost. */
  readonly onAnalysed?: (analysis: PlanAnalysis) => void;
}

/** Looks at a plan before it runs; answers with the steps to run, or throws. */
export type MigrationGuard = (steps: readonly Step[], fromVersion: Version) => readonly Step[];

/**
 * A guard for `createMigrator`. A plan that only creates, and a database without rows, cost it next to nothing.
 * One guard makes at most one backup, however often the plan is made anew.
 *
 * The guard throws MIGRATION_HAZARD for hazards of an up that nobody allowed, DATABASE_FULL, BACKUP_UNVERIFIED.
 */
export function createHazardGuard(
  connection: Connection,
  options: HazardGuardOptions = {},
): MigrationGuard {
  const { allow = [], withBackup = true, now = Date.now, onBackup, onAnalysed } = options;
  let hasBackup = false;
  let backupPath: string | null = null;
  return (steps, fromVersion) => {
    if (!steps.some(mayTouchRows) || !hasRows(connection)) return steps;
    // Not loaded with this module: a run that only creates needs neither.
    const { analysePlan } = require("./analyse.ts") as typeof import("./analyse.ts");
    const analysis = analysePlan(connection, steps);
    refuseHazards(refusedHazards(steps, analysis, allow));
    onAnalysed?.(analysis);
    if (withBackup && !hasBackup && analysis.steps.some(needsBackup)) {
      const { safetyBackup } =
        require("../safety-backup.ts") as typeof import("../safety-backup.ts");
      const backup = safetyBackup(connection, { fromVersion, now });
      hasBackup = true;
      backupPath = backup?.path ?? null;
      if (backup !== null) onBackup?.(backup);
    }
    return steps.map((step, index) => ({
      ...withCascades(step, analysis.steps[index], allow),
      ...(backupPath !== null && { backupPath }),
    }));
  };
}

/** False for SQL that only creates: it can neither lose a row nor stumble over one. */
export function mayTouchRows({ body }: Step): boolean {
  if (body.kind === "function") return true;
  return statementsOf(body).some((statement) => TOUCHING.has(verbOf(statement)));
}

const TOUCHING: ReadonlySet<string> = new Set([
  "ALTER",
  "DELETE",
  "DROP",
  "INSERT",
  "REPLACE",
  "UPDATE",
  "WITH",
]);

/** A rollback that is not understood gets one too: it was written to take things away. */
function needsBackup({ direction, hazards, notAnalysed, ranOnEmptyShadow }: StepAnalysis): boolean {
  if (hazards.some(({ losesData }) => losesData)) return true;
  return direction === "down" && (notAnalysed.length > 0 || ranOnEmptyShadow);
}

/** Names the tables whose rows may go with their parents: the engine keeps foreign keys off and does it by itself. */
function withCascades(
  step: Step,
  analysis: StepAnalysis | undefined,
  allow: readonly HazardKind[],
): Step {
  if (step.direction === "down") return step;
  const allowed = allowedFor(step, allow);
  const cascades = (analysis?.hazards ?? [])
    .filter((hazard) => hazard.kind === "CASCADES" && isAllowed(hazard, allowed))
    .map(({ table }) => table);
  return cascades.length === 0 ? step : { ...step, cascades };
}
