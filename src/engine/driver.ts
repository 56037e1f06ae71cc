/** The contract between the migrator and an engine. */
import type { AppliedMigration } from "../migration/migration.ts";
import type { Step } from "../migration/plan.ts";
import type { Version } from "../migration/version.ts";
import type { MaybePromise } from "./task.ts";

/** What the newest ledger row says; enough to know that nothing is pending. */
export interface LedgerHead {
  readonly version: Version;
  readonly appliedCount: number;
  /** The stamp of the migrations that were last proved equal to the whole ledger. */
  readonly sourceStamp: string | null;
}

export type StepOutcome =
  | { readonly outcome: "applied"; readonly executionTimeMs: number }
  /** The ledger is no longer the one the plan was made from: another process was first. Nothing was done. */
  | { readonly outcome: "ledger-changed" };

export interface StepContext {
  /** The ledger's versions that the plan was made from, ascending; re-read inside the step's lock. */
  readonly expectedVersions: readonly Version[];
  readonly appliedAt: number;
  readonly toolVersion: string;
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
  /** Readies the connection for steps; every `startRun` is followed by one `finishRun`, errors included. */
  startRun(): MaybePromise<void>;
  applyStep(step: Step, context: StepContext): MaybePromise<StepOutcome>;
  finishRun(): MaybePromise<void>;
  /** Remembers the stamp on the newest ledger row; a cache, so a busy database is no error. */
  writeStamp(stamp: string, expectedVersions: readonly Version[]): MaybePromise<void>;
}
