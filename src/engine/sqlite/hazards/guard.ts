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
import { statementsOf } from "../../../migration/sql-body.ts";
import type { Version } from "../../../migration/version.ts";
import type { Connection } from "../connection.ts";
import { IN_MEMORY, openConnection } from "../open.ts";
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
  /**
   * Called once a backup is verified, before the first step runs. Called again, inside a step's lock, when others
   * wrote to what the step would lose since then: the later backup has those rows too.
   */
  readonly onBackup?: (backup: SafetyBackup) => void;
  /** Called with what was found out, unless there was nothing that could be lost. */
  readonly onAnalysed?: (analysis: PlanAnalysis) => void;
}

/** Looks at a plan before it runs; answers with the steps to run, or throws. */
export type MigrationGuard = (steps: readonly Step[], fromVersion: Version) => readonly Step[];

/**
 * A guard for `createMigrator`. A plan that only creates, and a database without rows, cost it next to nothing.
 *
 * It looks twice: before the run, and again inside the lock of each step when others have committed in between. So
 * what is counted, refused and backed up is what the step will meet. A backup serves all steps of a run for as long
 * as it has every row of the tables that a step reaches; the one that is made inside the lock keeps writers waiting.
 *
 * The guard throws MIGRATION_HAZARD for hazards of an up that nobody allowed, DATABASE_FULL, BACKUP_UNVERIFIED.
 */
export function createHazardGuard(
  connection: Connection,
  options: HazardGuardOptions = {},
): MigrationGuard {
  const guard = new HazardGuard(connection, options);
  return (steps, fromVersion) => guard.admit(steps, fromVersion);
}

/** What was found out about a step, and when. */
interface Look {
  readonly dataVersion: number;
  readonly analysis: StepAnalysis;
  readonly tables: readonly string[];
}

class HazardGuard {
  readonly #connection: Connection;
  readonly #options: HazardGuardOptions;
  #backup: { readonly path: string; readonly dataVersion: number } | null = null;

  constructor(connection: Connection, options: HazardGuardOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  admit(steps: readonly Step[], fromVersion: Version): readonly Step[] {
    if (!steps.some(mayTouchRows)) return steps;
    // Before anything is counted: what is committed meanwhile then shows as a change.
    const dataVersion = this.#dataVersion();
    const analysis = hasRows(this.#connection) ? this.#analyse(steps) : null;
    if (analysis !== null) this.#options.onAnalysed?.(analysis);
    const looks = steps.map((_, index) => lookOf(analysis, index, dataVersion));
    if (analysis?.steps.some(needsBackup) === true && this.#backup === null)
      this.#backUp(this.#connection, fromVersion, dataVersion);
    return steps.map((step, index) => {
      const before = steps[index - 1]?.version ?? fromVersion;
      const admitted = this.#admitted(step, looks[index] ?? null);
      if (!mayTouchRows(step)) return admitted;
      return {
        ...admitted,
        confirm: () => this.#confirm(step, before, { look: looks[index] ?? null, dataVersion }),
      };
    });
  }

  /** Inside the lock of a step: nobody can write any more until it is done. */
  #confirm(
    step: Step,
    version: Version,
    known: { readonly look: Look | null; readonly dataVersion: number },
  ): Step {
    const dataVersion = this.#dataVersion();
    let { look } = known;
    if (dataVersion !== known.dataVersion)
      look = hasRows(this.#connection) ? lookOf(this.#analyse([step]), 0, dataVersion) : null;
    if (look !== null && needsBackup(look.analysis) && this.#backup?.dataVersion !== dataVersion)
      this.#backUpInLock(look, version);
    return this.#admitted(step, look);
  }

  #analyse(steps: readonly Step[]): PlanAnalysis {
    // Not loaded with this module: a run that only creates needs neither.
    const { analysePlan } = require("./analyse.ts") as typeof import("./analyse.ts");
    const analysis = analysePlan(this.#connection, steps);
    this.#connection.forgetStatements();
    refuseHazards(refusedHazards(steps, analysis, this.#options.allow ?? []));
    return analysis;
  }

  #admitted(step: Step, look: Look | null): Step {
    return {
      ...withCascades(step, look?.analysis, this.#options.allow ?? []),
      ...(this.#backup !== null && { backupPath: this.#backup.path }),
    };
  }

  /** SQLite copies nothing from within a transaction, so another connection does, which sees what the lock holds. */
  #backUpInLock({ tables, dataVersion }: Look, version: Version): void {
    const { path } = this.#connection;
    // Nobody else has it, and the only connection that sees it can't copy now.
    if (path === IN_MEMORY || this.#options.withBackup === false) return;
    const { hasEveryRow } =
      require("./backup-coverage.ts") as typeof import("./backup-coverage.ts");
    using reader = openConnection(path, { mode: "read" });
    if (this.#backup !== null && hasEveryRow(reader, this.#backup.path, tables)) return;
    // A copy is a write to SQLite, be it into another file.
    reader.runOnce("PRAGMA query_only = OFF");
    this.#backUp(reader, version, dataVersion);
  }

  #backUp(connection: Connection, fromVersion: Version, dataVersion: number): void {
    const { withBackup = true, now = Date.now, onBackup } = this.#options;
    if (!withBackup) return;
    const { safetyBackup } = require("../safety-backup.ts") as typeof import("../safety-backup.ts");
    const backup = safetyBackup(connection, { fromVersion, now });
    if (backup === null) return;
    this.#backup = { path: backup.path, dataVersion };
    onBackup?.(backup);
  }

  #dataVersion(): number {
    return Number(this.#connection.readOnce("PRAGMA data_version")[0]?.[0]);
  }
}

function lookOf(analysis: PlanAnalysis | null, index: number, dataVersion: number): Look | null {
  const step = analysis?.steps[index];
  if (analysis === null || step === undefined) return null;
  return { analysis: step, tables: analysis.tables.map(({ name }) => name), dataVersion };
}

/** False for SQL that only creates: it can neither lose a row nor stumble over one. */
export function mayTouchRows({ body }: Step): boolean {
  if (body.kind !== "sql") return true;
  return statementsOf(body).some(
    (statement) => TOUCHING.has(verbOf(statement)) || statement.words[1] === "UNIQUE",
  );
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
