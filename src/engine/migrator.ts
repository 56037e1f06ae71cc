/** Brings a database to a version: compares, plans, applies step by step, and survives others doing the same. */
import { MigrationError, UsageDbError } from "../errors.ts";
import type { AppliedMigration, Migration } from "../migration/migration.ts";
import {
  planDown,
  type PlanDownOptions,
  planUp,
  type PlanUpOptions,
  type Step,
  stepAgain,
} from "../migration/plan.ts";
import { compareWithLedger, headOf, type MigrationStanding } from "../migration/standing.ts";
import {
  continueDown,
  continueUp,
  isInParts,
  refuseUnfinished,
  targetBefore,
  type UnfinishedMigration,
} from "../migration/unfinished.ts";
import { NO_VERSION, type Version } from "../migration/version.ts";
import { currentActor } from "./actor.ts";
import { applyParts } from "./apply-parts.ts";
import type { Drift, LockHolder, MigrationDriver, StepContext, StepOutcome } from "./driver.ts";
import type { StepRate } from "./progress-meter.ts";
import type { MigrationSource } from "./source.ts";
import { type MaybePromise, runAsync, runSync, settle, type Task } from "./task.ts";
import { TOOL_VERSION } from "./tool-version.ts";
import { isUpToDate, ledgerStamp } from "./up-to-date.ts";

export type MigrationEvent =
  | { readonly type: "planned"; readonly steps: readonly Step[] }
  | { readonly type: "started"; readonly step: Step }
  /** Before each statement; `number` counts from 1 within the step. */
  | {
      readonly type: "statement";
      readonly step: Step;
      readonly number: number;
      readonly statement: string;
    }
  /** An up is committed with its ledger row. */
  | { readonly type: "applied"; readonly step: Step; readonly executionTimeMs: number }
  /** A down is committed, and its ledger row gone. */
  | { readonly type: "rolled-back"; readonly step: Step; readonly executionTimeMs: number }
  /** A part of a step is committed; `rowsPerSecond` and `etaMs` count from this run, null until it can be told. */
  | ({ readonly type: "progress"; readonly step: Step } & StepRate)
  /** Nothing of the step is left; of a step in parts, what was committed before. */
  | { readonly type: "failed"; readonly step: Step; readonly error: unknown }
  /** Another process holds the lock; null when nothing is known of it. */
  | { readonly type: "waiting"; readonly step: Step; readonly holder: LockHolder | null }
  /** The schema is not what the ledger's migrations build. */
  | { readonly type: "drifted"; readonly drift: Drift }
  /** Another process changed the ledger first; the plan is made anew. */
  | { readonly type: "replanned" };

export interface MigratorOptions {
  readonly driver: MigrationDriver;
  readonly source: MigrationSource;
  /** Epoch milliseconds; the system clock when left out. */
  readonly now?: () => number;
  readonly onEvent?: (event: MigrationEvent) => void;
  /** Who migrates, for the ledger; the operating system's `user@host` when left out. */
  readonly actor?: string;
  /**
   * Looks at every plan before its first step, and answers with the steps to run; what it throws stops the run
   * before anything is written. Nobody looks when left out. Not asked when nothing is pending.
   */
  readonly guard?: (steps: readonly Step[], fromVersion: Version) => MaybePromise<readonly Step[]>;
  /** Stops a step in parts after the part that runs, with CANCELLED; the next run goes on from there. */
  readonly signal?: AbortSignal;
}

/** What a run did. */
export interface MigrationReport {
  /** The version before and after, as this process saw it. */
  readonly fromVersion: Version;
  readonly toVersion: Version;
  readonly steps: readonly {
    readonly direction: "up" | "down";
    readonly version: Version;
    readonly name: string;
    readonly executionTimeMs: number;
  }[];
}

export interface MigrationStatus {
  readonly currentVersion: Version;
  readonly latestVersion: Version;
  readonly pendingCount: number;
  readonly appliedMigrations: readonly AppliedMigration[];
  readonly pendingMigrations: readonly {
    readonly version: Version;
    readonly name: string;
    readonly file: string;
  }[];
  /** Every version of files and ledger, ascending. */
  readonly standings: readonly MigrationStanding[];
  /** A version between two of its parts; null for none. */
  readonly unfinished: UnfinishedMigration | null;
}

export interface Migrator {
  /** Applies what is pending; returns at once after one read when nothing is. */
  up(options?: PlanUpOptions): MigrationReport;
  /**
   * Undoes versions above the target; one when left out.
   * @throws {MigrationError} SCHEMA_DRIFTED when the schema is not what the downs were written for.
   */
  rollback(options?: RollbackOptions): MigrationReport;
  /** Undoes the newest version and applies it again from its file. */
  redo(): MigrationReport;
  /** The steps that `up` would take; reads only. */
  plan(options?: PlanUpOptions): Step[];
  /** The steps that `rollback` would take; reads only. */
  planRollback(options?: PlanDownOptions): Step[];
  /** Compares migrations with the ledger; reads only. */
  status(): MigrationStatus;
  /** Compares the schema with what the ledger's migrations build, null without a ledger; reads only. */
  checkDrift(): Drift | null;
}

export interface RollbackOptions extends PlanDownOptions {
  /** Roll back although the schema is not what the downs were written for. */
  readonly allowDrift?: boolean;
}

export type AsyncMigrator = {
  [Name in keyof Migrator]: (
    ...args: Parameters<Migrator[Name]>
  ) => Promise<ReturnType<Migrator[Name]>>;
};

/** A migrator over a synchronous driver. */
export function createMigrator(options: MigratorOptions): Migrator {
  const work = new MigratorTasks(options);
  return {
    up: (planOptions) => runSync(work.up(planOptions)),
    rollback: (planOptions) => runSync(work.rollback(planOptions)),
    redo: () => runSync(work.redo()),
    plan: (planOptions) => runSync(work.plan(planOptions)),
    planRollback: (planOptions) => runSync(work.planRollback(planOptions)),
    status: () => runSync(work.status()),
    checkDrift: () => runSync(work.checkDrift()),
  };
}

/** A migrator over a driver that answers with promises. */
export function createAsyncMigrator(options: MigratorOptions): AsyncMigrator {
  const work = new MigratorTasks(options);
  return {
    up: (planOptions) => runAsync(work.up(planOptions)),
    rollback: (planOptions) => runAsync(work.rollback(planOptions)),
    redo: () => runAsync(work.redo()),
    plan: (planOptions) => runAsync(work.plan(planOptions)),
    planRollback: (planOptions) => runAsync(work.planRollback(planOptions)),
    status: () => runAsync(work.status()),
    checkDrift: () => runAsync(work.checkDrift()),
  };
}

type DoneStep = MigrationReport["steps"][number];

/** What is applied, and what is neither applied nor not. */
interface Standing {
  readonly ledger: readonly AppliedMigration[];
  readonly unfinished: UnfinishedMigration | null;
}

/** Plans from what is applied now and from what this run has done already. */
type Planner = (standing: Standing, done: readonly DoneStep[]) => Step[];

class MigratorTasks {
  readonly #driver: MigrationDriver;
  readonly #source: MigrationSource;
  readonly #now: () => number;
  readonly #onEvent: (event: MigrationEvent) => void;
  readonly #isListening: boolean;
  readonly #guard: NonNullable<MigratorOptions["guard"]>;
  readonly #signal: AbortSignal | undefined;
  #actor: string | null | undefined;

  constructor(options: MigratorOptions) {
    const { driver, source, now = Date.now, onEvent = () => undefined } = options;
    this.#driver = driver;
    this.#source = source;
    this.#now = now;
    this.#onEvent = onEvent;
    this.#isListening = options.onEvent !== undefined;
    this.#actor = options.actor;
    this.#signal = options.signal;
    this.#guard = options.guard ?? ((steps) => steps);
  }

  *up(options: PlanUpOptions = {}): Task<MigrationReport> {
    if (options.target === undefined) {
      const head = yield* settle(this.#driver.readHead());
      if (head !== null && isUpToDate(head, this.#source)) {
        if (head.hasDrifted) yield* this.#tellDrift([]);
        return { fromVersion: head.version, toVersion: head.version, steps: [] };
      }
    }
    // Stamped before the texts are read: an edit in between then shows as a difference, not as proof.
    const stamp = this.#source.stamp();
    const migrations = this.#source.load();
    const report = yield* this.#reach(({ ledger, unfinished }) =>
      continueUp(planUp(migrations, ledger, options), unfinished, migrations),
    );
    const ledger = yield* settle(this.#driver.readLedger());
    const isProved = compareWithLedger(migrations, ledger).every(
      ({ state }) => state === "applied" || state === "cosmetic",
    );
    if (isProved && stamp.isSettled && ledger.length > 0) {
      const versions = ledger.map(({ version }) => version);
      yield* settle(this.#driver.writeStamp(ledgerStamp(versions.length, stamp.value), versions));
    }
    const head = yield* settle(this.#driver.readHead());
    if (head !== null && (!head.isSchemaKnown || head.hasDrifted))
      yield* this.#tellDrift(migrations);
    return report;
  }

  *rollback(options: RollbackOptions = {}): Task<MigrationReport> {
    const standing = yield* this.#read();
    // Half of its statements are done: no schema was ever meant to be like that.
    const isHalfChanged = standing.unfinished?.unit === "statements";
    if (options.allowDrift !== true && !isHalfChanged) yield* this.#refuseDrift();
    // "One back" is decided once: when two processes roll back at the same moment, both mean this version.
    const target = targetOf(standing, options);
    return yield* this.#reach((current) => this.#planDown(current, { ...options, target }));
  }

  *redo(): Task<MigrationReport> {
    yield* this.#refuseDrift();
    const migrations = this.#source.load();
    const { ledger, unfinished } = yield* this.#read();
    if (unfinished !== null) refuseUnfinished("redo", unfinished);
    const newest = ledger.at(-1);
    if (newest === undefined) return { fromVersion: NO_VERSION, toVersion: NO_VERSION, steps: [] };
    const again = migrations.find(({ version }) => version === newest.version);
    // Without a file it is missing or newer, and the planner has the words for it.
    if (again === undefined) planUp(migrations, ledger);
    const target = ledger.at(-2)?.version ?? NO_VERSION;
    // Both steps are one plan: when the up fails, its error says that the down is done.
    return yield* this.#reach((current, done) => {
      const up = stepAgain(again as Migration, current.ledger);
      if (!current.ledger.some(({ version }) => version === newest.version))
        return done.length > 1 ? [] : [up];
      return done.length > 0 ? [] : [...this.#planDown(current, { target }), up];
    });
  }

  *plan(options: PlanUpOptions = {}): Task<Step[]> {
    const { ledger, unfinished } = yield* this.#read();
    const migrations = this.#source.load();
    const steps = continueUp(planUp(migrations, ledger, options), unfinished, migrations);
    yield* settle(this.#driver.checkSteps(steps));
    return steps;
  }

  *planRollback(options: PlanDownOptions = {}): Task<Step[]> {
    const steps = this.#planDown(yield* this.#read(), options);
    yield* settle(this.#driver.checkSteps(steps));
    return steps;
  }

  *checkDrift(): Task<Drift | null> {
    return yield* settle(this.#driver.checkDrift(this.#loadIfThere(), false));
  }

  *status(): Task<MigrationStatus> {
    const migrations = this.#source.load();
    const appliedMigrations = yield* settle(this.#driver.readLedger());
    const standings = compareWithLedger(migrations, appliedMigrations);
    const pendingMigrations = standings
      .filter(({ state }) => state === "pending" || state === "late")
      .map(({ version, name, migration }) => ({ version, name, file: migration?.file ?? "" }));
    return {
      currentVersion: headOf(appliedMigrations),
      latestVersion: headOf(migrations),
      pendingCount: pendingMigrations.length,
      appliedMigrations,
      pendingMigrations,
      standings,
      unfinished: yield* settle(this.#driver.readUnfinished()),
    };
  }

  *#read(): Task<Standing> {
    const ledger = yield* settle(this.#driver.readLedger());
    return { ledger, unfinished: yield* settle(this.#driver.readUnfinished()) };
  }

  /** Looks, remembers what it saw, and tells of a drift; a database that cannot be compared is left for `status`. */
  *#tellDrift(migrations: readonly Migration[]): Task<void> {
    const drift = yield* settle(this.#driver.checkDrift(migrations, true));
    if (drift !== null && drift.differences.length > 0) this.#onEvent({ type: "drifted", drift });
  }

  *#refuseDrift(): Task<void> {
    const head = yield* settle(this.#driver.readHead());
    if (head === null || (head.isSchemaKnown && !head.hasDrifted)) return;
    const drift = yield* settle(this.#driver.checkDrift(this.#loadIfThere(), true));
    if (drift !== null) refuseDrift(drift);
  }

  /** For what can do without: a rollback must not need files that are gone or broken. */
  #loadIfThere(): readonly Migration[] {
    try {
      return this.#source.load();
    } catch (error) {
      if (error instanceof UsageDbError) return [];
      throw error;
    }
  }

  /** Files are read only when the ledger alone can't do it: an older checkout, or a broken file, must not be in the way. */
  #planDown(standing: Standing, options: PlanDownOptions): Step[] {
    const { ledger, unfinished } = standing;
    const target = targetOf(standing, options);
    const steps = planDown(this.#migrationsForDown(ledger, { ...options, target }), ledger, {
      ...options,
      target,
    });
    return continueDown(steps, unfinished, () => this.#source.load());
  }

  #migrationsForDown(
    ledger: readonly AppliedMigration[],
    { target = NO_VERSION, useFiles }: PlanDownOptions,
  ): readonly Migration[] {
    const stuck = ledger.filter(({ version, down_sql }) => version > target && down_sql === null);
    if (stuck.length === 0 && useFiles !== true) return [];
    // A function's down is nowhere but in its module; of SQL the ledger has said all there is.
    const isModuleNeeded = useFiles === true || stuck.some(({ up_sql }) => up_sql === null);
    return isModuleNeeded ? this.#source.load() : this.#loadIfThere();
  }

  /**
   * Plans and applies until nothing is left, planning anew whenever another process changed the ledger first.
   * Each new plan starts from what is really applied, so every version is applied exactly once.
   */
  *#reach(plan: Planner): Task<MigrationReport> {
    const done: DoneStep[] = [];
    const standing = yield* this.#read();
    const fromVersion = headOf(standing.ledger);
    const steps = plan(standing, done);
    if (steps.length === 0) return { fromVersion, toVersion: fromVersion, steps: done };
    this.#onEvent({ type: "planned", steps });
    const guarded = yield* this.#admit(steps, fromVersion);
    try {
      yield* settle(this.#driver.startRun());
      yield* this.#applyPlans(plan, guarded, standing.ledger, done);
    } catch (error) {
      yield* this.#finishFailedRun(error);
      throw error;
    }
    yield* settle(this.#driver.finishRun());
    const after = yield* settle(this.#driver.readHead());
    return { fromVersion, toVersion: after?.version ?? NO_VERSION, steps: done };
  }

  *#applyPlans(
    plan: Planner,
    first: readonly Step[],
    ledger: readonly AppliedMigration[],
    done: DoneStep[],
  ): Task<void> {
    let steps = first;
    let versions = ledger.map(({ version }) => version);
    while (steps.length > 0 && !(yield* this.#applyAll(steps, versions, done))) {
      this.#onEvent({ type: "replanned" });
      const current = yield* this.#read();
      versions = current.ledger.map(({ version }) => version);
      steps = yield* this.#admit(plan(current, done), headOf(current.ledger));
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

/** The version that a rollback leads to. */
function targetOf({ ledger, unfinished }: Standing, { target }: PlanDownOptions): Version {
  return target ?? targetBefore(unfinished, ledger) ?? ledger.at(-2)?.version ?? NO_VERSION;
}

/** @throws {MigrationError} SCHEMA_DRIFTED. */
function refuseDrift({ differences, unknown }: Drift): void {
  const [first] = differences;
  if (first === undefined) return;
  const more = differences.length === 1 ? "" : ` (the first of ${differences.length} differences)`;
  throw new MigrationError(
    "SCHEMA_DRIFTED",
    `Cannot roll back: ${first}${more}, expected the schema that the applied migrations build`,
    { details: { differences, unknown } },
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
