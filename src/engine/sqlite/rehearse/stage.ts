/** Takes steps on the copy, one at a time, and notes how long each took and what went wrong. */
import type { PlanAnalysis } from "../../../migration/hazard.ts";
import type { Migration } from "../../../migration/migration.ts";
import type { Step } from "../../../migration/plan.ts";
import type { Version } from "../../../migration/version.ts";
import { OperationError } from "../../../errors.ts";
import { fixedSource } from "../../fixed-source.ts";
import { createMigrator, type MigrationEvent, type Migrator } from "../../migrator.ts";
import { createSqliteDriver } from "../driver.ts";
import { readSchemaMoment, rebuildLosses, type SchemaMoment } from "../rebuild-losses.ts";
import { failureProblem, rebuildProblem } from "./findings.ts";
import type { PrivateCopy } from "./private-copy.ts";
import type { RehearsalEvent, RehearsalProblem, RehearsedStep } from "./report.ts";

export interface StageOptions {
  readonly copy: PrivateCopy;
  readonly migrations: readonly Migration[];
  readonly applicationId: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onEvent: (event: RehearsalEvent) => void;
}

export class Stage {
  readonly steps: RehearsedStep[] = [];
  readonly problems: RehearsalProblem[] = [];
  readonly remarks: string[] = [];
  readonly migrator: Migrator;
  readonly #options: StageOptions;
  #moment: RehearsedStep["moment"] = "up";
  #startedAt = 0;
  #beforeStep: SchemaMoment | null = null;
  /** Tables whose rows may go with their parents, by the version that takes those. */
  #cascades: ReadonlyMap<Version, readonly string[]> = new Map();

  constructor(options: StageOptions) {
    this.#options = options;
    const { copy, migrations, applicationId } = options;
    this.migrator = createMigrator({
      driver: createSqliteDriver(
        copy.connection,
        applicationId === undefined ? {} : { applicationId },
      ),
      source: fixedSource(migrations, "the migrations to rehearse"),
      guard: (steps) => steps.map((step) => this.#withCascades(step)),
      onEvent: (event) => this.#note(event),
    });
  }

  /** Lets the engine carry out the cascades of a plan, as it would once they are allowed. */
  allowCascades({ steps }: PlanAnalysis): void {
    this.#cascades = new Map(
      steps.map(({ version, hazards }) => [
        version,
        hazards.filter(({ kind }) => kind === "CASCADES").map(({ table }) => table),
      ]),
    );
  }

  /**
   * Takes the steps, each awaited at its own `run`; false as soon as one failed, which is noted as a problem.
   * @throws {OperationError} CANCELLED between two steps, or what the disk is to blame for.
   */
  async take(
    moment: RehearsedStep["moment"],
    runs: readonly ((migrator: Migrator) => unknown)[],
  ): Promise<boolean> {
    this.#moment = moment;
    for (const run of runs) {
      await this.pause();
      try {
        run(this.migrator);
      } catch (error) {
        this.problems.push(failureProblem(error, moment));
        return false;
      }
    }
    return true;
  }

  /** Says what comes next, and lets the event loop turn. */
  async checking(moment: RehearsedStep["moment"]): Promise<void> {
    this.#options.onEvent({ type: "checking", moment });
    await this.pause();
  }

  /** SQLite works without a pause, and a signal is heard in one only. */
  async pause(): Promise<void> {
    await Bun.sleep(0);
    if (this.#options.signal?.aborted !== true) return;
    throw new OperationError(
      "CANCELLED",
      "Cannot rehearse the migrations: it was interrupted, expected to be left to finish",
    );
  }

  #withCascades(step: Step): Step {
    const cascades = step.direction === "up" ? (this.#cascades.get(step.version) ?? []) : [];
    return cascades.length === 0 ? step : { ...step, cascades };
  }

  #note(event: MigrationEvent): void {
    const moment = this.#moment;
    if (event.type === "started") {
      const { direction, version, name, body } = event.step;
      // Only a step that drops something can lose what was not named.
      const isSuspect = body.kind !== "sql" || /\bDROP\b/i.test(body.sql);
      this.#beforeStep =
        isSuspect && moment === "up" ? readSchemaMoment(this.#options.copy.connection) : null;
      this.#options.onEvent({ type: "step-started", moment, direction, version, name });
      this.#startedAt = performance.now();
    }
    if (event.type !== "applied" && event.type !== "rolled-back") return;
    const { direction, version, name } = event.step;
    const durationMs = performance.now() - this.#startedAt;
    const step = { moment, direction, version, name, durationMs };
    this.steps.push(step);
    this.#options.onEvent({ type: "step-finished", step });
    this.#compareRebuilds(event.step);
  }

  #compareRebuilds(step: Step): void {
    if (this.#beforeStep === null) return;
    const after = readSchemaMoment(this.#options.copy.connection);
    for (const loss of rebuildLosses(this.#beforeStep, after, step.body)) {
      if (loss.kind === "dropped" && step.body.kind === "sql")
        this.problems.push(rebuildProblem(loss, step));
      else
        this.remarks.push(
          `${step.file} rebuilds ${loss.table} without its ${loss.what}; if it was forgotten, repeat it in the new table`,
        );
    }
  }
}
