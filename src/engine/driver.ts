/** The contract between the migrator and an engine. */
import type { MigrationError } from "../errors.ts";
import type { AppliedMigration, Migration } from "../migration/migration.ts";
import type { Step } from "../migration/plan.ts";
import type { UnfinishedMigration } from "../migration/unfinished.ts";
import type { Version } from "../migration/version.ts";
import type { MaybePromise } from "./task.ts";

/** What the newest ledger row says; enough to know that nothing is pending. */
export interface LedgerHead {
  readonly version: Version;
  readonly appliedCount: number;
  /** The stamp of the migrations that were last proved equal to the whole ledger. */
  readonly sourceStamp: string | null;
  /** False when the schema may have changed since the ledger last spoke of it. */
  readonly isSchemaKnown: boolean;
  /** True when the schema was found to differ from what the ledger's migrations build. */
  readonly hasDrifted: boolean;
}

/** How the schema differs from what the ledger's migrations build. */
export interface Drift {
  /** One line each; empty when the schema is as it should be, or when that could not be found out. */
  readonly differences: readonly string[];
  /** Why it could not be found out, null when it could. */
  readonly unknown: string | null;
}

/** Who holds the write lock. */
export interface LockHolder {
  /** Null when the operating system does not tell. */
  readonly pid: number | null;
  /** The command line of the process; null when it is not known. */
  readonly command: string | null;
  /** What it says of itself when it migrates; null for anything else that writes. */
  readonly migrating: {
    readonly actor: string | null;
    /** Epoch milliseconds: when it took the lock for this step. */
    readonly since: number;
    readonly step: string;
  } | null;
}

export type StepOutcome =
  | { readonly outcome: "applied"; readonly executionTimeMs: number }
  /** The ledger is no longer the one the plan was made from: another process was first. Nothing was done. */
  | { readonly outcome: "ledger-changed" };

/** How far a step in parts is. */
export interface StepProgress {
  readonly unit: UnfinishedMigration["unit"];
  readonly done: number;
  /** As counted when the step began; never below `done`. */
  readonly total: number;
}

export type PartOutcome =
  | StepOutcome
  /** One part is committed, and more follow; the next one after the pause, so that others get their turn. */
  | { readonly outcome: "unfinished"; readonly progress: StepProgress; readonly pauseMs: number }
  /** Another process is at this step. Nothing was done. */
  | {
      readonly outcome: "elsewhere";
      readonly progress: StepProgress;
      readonly holder: LockHolder | null;
      readonly pauseMs: number;
    };

export interface StepContext {
  /** The ledger's versions that the plan was made from, ascending; re-read inside the step's lock. */
  readonly expectedVersions: readonly Version[];
  readonly appliedAt: number;
  readonly toolVersion: string;
  /** Who does it, as `user@host`; null when that is not known. */
  readonly actor: string | null;
  /** Told of each statement before it runs; its number counts from 1. */
  readonly onStatement?: (statement: string, number: number) => void;
  /** Told once when the lock is held by somebody else for longer than a moment. */
  readonly onWaiting?: (holder: LockHolder | null) => void;
}

/**
 * Applies whole steps: lock, re-read, run, verify, write the ledger, commit. A step is done with its ledger
 * row or not at all. Methods may answer at once or with a promise.
 */
export interface MigrationDriver {
  readonly dialect: "sqlite" | "postgres";
  /** Null when nothing is applied or no ledger exists. Reads only. */
  readHead(): MaybePromise<LedgerHead | null>;
  /** All applied migrations, ascending; empty when no ledger exists. Reads only. */
  readLedger(): MaybePromise<AppliedMigration[]>;
  /**
   * Refuses steps that would reach beyond what their own sections allow, as far as it can be told before any of
   * them has run; `applyStep` refuses the rest. Reads only.
   */
  checkSteps(steps: readonly Step[]): MaybePromise<void>;
  /** Readies the connection for steps; every `startRun` is followed by one `finishRun`, errors included. */
  startRun(): MaybePromise<void>;
  applyStep(step: Step, context: StepContext): MaybePromise<StepOutcome>;
  /**
   * Applies the next part of a step that `isInParts`: part and position commit together, the last part with the
   * ledger row. Called again until it answers with a StepOutcome.
   */
  applyPart(step: Step, context: StepContext): MaybePromise<PartOutcome>;
  /** The step in parts that is neither finished nor undone; null for none. Reads only. */
  readUnfinished(): MaybePromise<UnfinishedMigration | null>;
  /** Remembers that a step failed; never fails itself, as the step's own error matters more. */
  writeFailure(step: Step, failure: MigrationError, context: StepContext): MaybePromise<void>;
  finishRun(): MaybePromise<void>;
  /** Remembers the stamp on the newest ledger row; a cache, so a busy database is no error. */
  writeStamp(stamp: string, expectedVersions: readonly Version[]): MaybePromise<void>;
  /**
   * Compares the schema with what the ledger's migrations build; null without a ledger. Migrations are needed for
   * functions, which the ledger has no text of.
   * @param isRemembered also writes the result to the ledger, so that the next look costs one read; a cache, so a
   *   busy or read-only database is no error.
   */
  checkDrift(migrations: readonly Migration[], isRemembered: boolean): MaybePromise<Drift | null>;
}
