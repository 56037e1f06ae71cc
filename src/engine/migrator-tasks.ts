/** Decides for each task of a migrator what is to be read, planned and run. */
import { checkKeys, UsageDbError } from "../errors.ts";
import type { AppliedMigration, Migration } from "../migration/migration.ts";
import {
  planDown,
  type PlanDownOptions,
  planUp,
  type PlanUpOptions,
  type Step,
  stepAgain,
} from "../migration/plan.ts";
import { compareWithLedger, headOf } from "../migration/standing.ts";
import {
  continueDown,
  continueUp,
  refuseUnfinished,
  targetBefore,
} from "../migration/unfinished.ts";
import { NO_VERSION, type Version } from "../migration/version.ts";
import { refuseDrift, tellDrift } from "./drift-check.ts";
import type { Drift, MigrationDriver } from "./driver.ts";
import { type LedgerState, readLedgerState } from "./ledger-state.ts";
import { PlanRunner } from "./plan-runner.ts";
import type {
  MigrationReport,
  MigrationStatus,
  MigratorOptions,
  RollbackOptions,
} from "./migrator.ts";
import type { MigrationSource } from "./source.ts";
import { settle, type Task } from "./task.ts";
import { isUpToDate, ledgerStamp } from "./up-to-date.ts";

const UP_OPTIONS = ["target", "allowOutOfOrder"] as const satisfies (keyof PlanUpOptions)[];
const ROLLBACK_OPTIONS = [
  "target",
  "useFiles",
  "allowDrift",
] as const satisfies (keyof RollbackOptions)[];

/** The work behind each method of a migrator, once for drivers that answer at once and for those that promise. */
export class MigratorTasks {
  readonly #options: MigratorOptions;
  readonly #driver: MigrationDriver;
  readonly #source: MigrationSource;
  readonly #runner: PlanRunner;

  constructor(options: MigratorOptions) {
    this.#options = options;
    this.#driver = options.driver;
    this.#source = options.source;
    this.#runner = new PlanRunner(options);
  }

  *up(options: PlanUpOptions = {}): Task<MigrationReport> {
    checkKeys("up", options, UP_OPTIONS);
    if (options.target === undefined) {
      const head = yield* settle(this.#driver.readHead());
      if (head !== null && isUpToDate(head, this.#source)) {
        if (head.hasDrifted) yield* tellDrift(this.#options, []);
        return { fromVersion: head.version, toVersion: head.version, steps: [] };
      }
    }
    // Stamped before the texts are read: an edit in between then shows as a difference, not as proof.
    const stamp = this.#source.stamp();
    const migrations = this.#source.load();
    const report = yield* this.#runner.reach(({ ledger, unfinished }) =>
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
      yield* tellDrift(this.#options, migrations);
    return report;
  }

  *rollback(options: RollbackOptions = {}): Task<MigrationReport> {
    checkKeys("rollback", options, ROLLBACK_OPTIONS);
    const state = yield* readLedgerState(this.#driver);
    // Half of its statements are done: no schema was ever meant to be like that.
    const isHalfChanged = state.unfinished?.unit === "statements";
    if (options.allowDrift !== true && !isHalfChanged)
      yield* refuseDrift(this.#driver, () => this.#loadIfThere());
    // "One back" is decided once: when two processes roll back at the same moment, both mean this version.
    const target = targetOf(state, options);
    return yield* this.#runner.reach((current) => this.#planDown(current, { ...options, target }));
  }

  *redo(): Task<MigrationReport> {
    yield* refuseDrift(this.#driver, () => this.#loadIfThere());
    const migrations = this.#source.load();
    const { ledger, unfinished } = yield* readLedgerState(this.#driver);
    if (unfinished !== null) refuseUnfinished("redo", unfinished);
    const newest = ledger.at(-1);
    if (newest === undefined) return { fromVersion: NO_VERSION, toVersion: NO_VERSION, steps: [] };
    const again = migrations.find(({ version }) => version === newest.version);
    // Without a file it is missing or newer, and the planner has the words for it.
    if (again === undefined) planUp(migrations, ledger);
    const target = ledger.at(-2)?.version ?? NO_VERSION;
    // Both steps are one plan: when the up fails, its error says that the down is done.
    return yield* this.#runner.reach((current, done) => {
      const up = stepAgain(again as Migration, current.ledger);
      if (!current.ledger.some(({ version }) => version === newest.version))
        return done.length > 1 ? [] : [up];
      return done.length > 0 ? [] : [...this.#planDown(current, { target }), up];
    });
  }

  *plan(options: PlanUpOptions = {}): Task<Step[]> {
    checkKeys("plan", options, UP_OPTIONS);
    const { ledger, unfinished } = yield* readLedgerState(this.#driver);
    const migrations = this.#source.load();
    const steps = continueUp(planUp(migrations, ledger, options), unfinished, migrations);
    yield* settle(this.#driver.checkSteps(steps));
    return steps;
  }

  *planRollback(options: PlanDownOptions = {}): Task<Step[]> {
    checkKeys("planRollback", options, ROLLBACK_OPTIONS);
    const steps = this.#planDown(yield* readLedgerState(this.#driver), options);
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
  #planDown(state: LedgerState, options: PlanDownOptions): Step[] {
    const { ledger, unfinished } = state;
    const target = targetOf(state, options);
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
}

/** The version that a rollback leads to. */
function targetOf({ ledger, unfinished }: LedgerState, { target }: PlanDownOptions): Version {
  return target ?? targetBefore(unfinished, ledger) ?? ledger.at(-2)?.version ?? NO_VERSION;
}
