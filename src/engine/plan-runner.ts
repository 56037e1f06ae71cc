/** Applies plans step by step, and survives others doing the same. */
import { MigrationError, UsageDbError } from "../errors.ts";
import type { AppliedMigration } from "../migration/migration.ts";
import type { Step } from "../migration/plan.ts";
import { headOf } from "../migration/standing.ts";
import { isInParts } from "../migration/unfinished.ts";
import { NO_VERSION, type Version } from "../migration/version.ts";
import { currentActor } from "./actor.ts";
import { applyParts } from "./apply-parts.ts";
import type { MigrationDriver, StepContext, StepOutcome } from "./driver.ts";
import { type LedgerState, readLedgerState } from "./ledger-state.ts";
import type { MigrationEvent } from "./migration-event.ts";
import type { MigrationReport, MigratorOptions } from "./migrator.ts";
import { settle, type Task } from "./task.ts";
import { TOOL_VERSION } from "./tool-version.ts";

type DoneStep = MigrationReport["steps"][number];

/** Plans from what is applied now and from what this run has done already. */
export type Planner = (state: LedgerState, done: readonly DoneStep[]) => Step[];

interface AdmittedPlan {
  readonly steps: readonly Step[];
  readonly ledger: readonly AppliedMigration[];
}

/** Carries plans out, run after run, over one driver. */
export class PlanRunner {
  readonly #driver: MigrationDriver;
  readonly #now: () => number;
  readonly #onEvent: (event: MigrationEvent) => void;
  readonly #isListening: boolean;
  readonly #guard: NonNullable<MigratorOptions["guard"]>;
  readonly #signal: AbortSignal | undefined;
  #actor: string | null | undefined;

  constructor(options: MigratorOptions) {
    const { driver, now = Date.now, onEvent = () => undefined } = options;
    this.#driver = driver;
    this.#now = now;
    this.#onEvent = onEvent;
    this.#isListening = options.onEvent !== undefined;
    this.#actor = options.actor;
    this.#signal = options.signal;
    this.#guard = options.guard ?? ((steps) => steps);
  }

  /**
   * Plans and applies until nothing is left, planning anew whenever another process changed the ledger first.
   * Each new plan starts from what is really applied, so every version is applied exactly once.
   */
  *reach(plan: Planner): Task<MigrationReport> {
    const done: DoneStep[] = [];
    const state = yield* readLedgerState(this.#driver);
    const fromVersion = headOf(state.ledger);
    const steps = plan(state, done);
    if (steps.length === 0) return { fromVersion, toVersion: fromVersion, steps: done };
    this.#onEvent({ type: "planned", steps });
    const admitted = yield* this.#planAdmitted(plan, done, state);
    if (admitted.steps.length === 0)
      return { fromVersion, toVersion: headOf(admitted.ledger), steps: done };
    try {
      yield* settle(this.#driver.startRun());
      yield* this.#applyPlans(plan, admitted, done);
    } catch (error) {
      yield* this.#finishFailedRun(error);
      throw error;
    }
    yield* settle(this.#driver.finishRun());
    const after = yield* settle(this.#driver.readHead());
    return { fromVersion, toVersion: after?.version ?? NO_VERSION, steps: done };
  }

  *#applyPlans(plan: Planner, first: AdmittedPlan, done: DoneStep[]): Task<void> {
    let { steps, ledger } = first;
    const versions = (): Version[] => ledger.map(({ version }) => version);
    while (steps.length > 0 && !(yield* this.#applyAll(steps, versions(), done))) {
      this.#onEvent({ type: "replanned" });
      const current = yield* readLedgerState(this.#driver);
      ({ steps, ledger } = yield* this.#planAdmitted(plan, done, current));
    }
  }

  /**
   * A plan that the guard admits, and the ledger that it was made from. What the guard says of a database that another
   * process migrated meanwhile is not about this plan: rows that its own step was to bring are there already, say.
   */
  *#planAdmitted(plan: Planner, done: readonly DoneStep[], first: LedgerState): Task<AdmittedPlan> {
    for (let state = first; ;) {
      const { ledger } = state;
      const steps = plan(state, done);
      if (steps.length === 0) return { steps, ledger };
      try {
        return { steps: yield* this.#admit(steps, headOf(ledger)), ledger };
      } catch (error) {
        state = yield* readLedgerState(this.#driver);
        if (isSameLedger(state.ledger, ledger)) throw error;
        this.#onEvent({ type: "replanned" });
      }
    }
  }

  /** What the sections say of themselves holds whether or not there is a guard. */
  *#admit(steps: readonly Step[], fromVersion: Version): Task<readonly Step[]> {
    yield* settle(this.#driver.checkSteps(steps));
    return yield* settle(this.#guard(steps, fromVersion));
  }

  /** Tidies up without ever hiding the error that made it necessary. */
  *#finishFailedRun(first: unknown): Task<void> {
    try {
      yield* settle(this.#driver.finishRun());
    } catch (second) {
      if (first instanceof Error && first.cause === undefined) first.cause = second;
    }
  }

  /** False when another process was faster and the rest must be planned anew. */
  *#applyAll(steps: readonly Step[], before: readonly Version[], done: DoneStep[]): Task<boolean> {
    let expectedVersions = before;
    for (const [index, step] of steps.entries()) {
      this.#onEvent({ type: "started", step });
      const result = yield* this.#applyOne(step, expectedVersions, done, steps.slice(index + 1));
      if (result.outcome === "ledger-changed") return false;
      const { direction, version, name } = step;
      done.push({ direction, version, name, executionTimeMs: result.executionTimeMs });
      const type = direction === "up" ? "applied" : "rolled-back";
      this.#onEvent({ type, step, executionTimeMs: result.executionTimeMs });
      expectedVersions =
        step.direction === "up"
          ? withVersion(expectedVersions, step.version)
          : expectedVersions.filter((other) => other !== step.version);
    }
    return true;
  }

  #contextOf(step: Step, expectedVersions: readonly Version[]): StepContext {
    this.#actor ??= currentActor();
    return {
      expectedVersions,
      appliedAt: this.#now(),
      toolVersion: TOOL_VERSION,
      actor: this.#actor,
      onWaiting: (holder) => this.#onEvent({ type: "waiting", step, holder }),
      // Nobody is called for every statement when nobody listens.
      ...(this.#isListening && {
        onStatement: (statement: string, number: number) =>
          this.#onEvent({ type: "statement", step, number, statement }),
      }),
    };
  }

  *#applyOne(
    step: Step,
    expectedVersions: readonly Version[],
    done: readonly DoneStep[],
    rest: readonly Step[],
  ): Task<StepOutcome> {
    const context = this.#contextOf(step, expectedVersions);
    try {
      if (isInParts(step.body)) {
        return yield* applyParts({
          driver: this.#driver,
          step,
          context: () => this.#contextOf(step, expectedVersions),
          onEvent: this.#onEvent,
          signal: this.#signal,
        });
      }
      return yield* settle(this.#driver.applyStep(step, context));
    } catch (error) {
      const failure = withRunState(error, done, step, rest);
      if (failure instanceof MigrationError)
        yield* settle(this.#driver.writeFailure(step, failure, context));
      this.#onEvent({ type: "failed", step, error: failure });
      throw failure;
    }
  }
}

function isSameLedger(
  left: readonly AppliedMigration[],
  right: readonly AppliedMigration[],
): boolean {
  return (
    left.length === right.length &&
    left.every(({ version }, index) => version === right[index]?.version)
  );
}

/** Ascending; a version above all others, which is the usual one, needs no sorting. */
function withVersion(versions: readonly Version[], version: Version): readonly Version[] {
  const all = [...versions, version];
  return version > (versions.at(-1) ?? NO_VERSION) ? all : all.sort((a, b) => a - b);
}

/** Adds what a failed run leaves behind: what was applied, what failed, what was not run. */
function withRunState(
  error: unknown,
  done: readonly DoneStep[],
  failed: Step,
  rest: readonly Step[],
): unknown {
  if (!(error instanceof UsageDbError)) return error;
  return error.withDetails({
    applied: done.map(({ version }) => version),
    failed: failed.version,
    notRun: rest.map(({ version }) => version),
  });
}
