/** Brings a database to a version: compares, plans, applies step by step, and survives others doing the same. */
import type { AppliedMigration } from "../migration/migration.ts";
import type { PlanDownOptions, PlanUpOptions, Step } from "../migration/plan.ts";
import type { MigrationStanding } from "../migration/standing.ts";
import type { UnfinishedMigration } from "../migration/unfinished.ts";
import type { Version } from "../migration/version.ts";
import type { Drift, MigrationDriver } from "./driver.ts";
import type { MigrationEvent } from "./migration-event.ts";
import { MigratorTasks } from "./migrator-tasks.ts";
import type { MigrationSource } from "./source.ts";
import { type MaybePromise, runAsync, runSync } from "./task.ts";

export type { MigrationEvent } from "./migration-event.ts";

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
