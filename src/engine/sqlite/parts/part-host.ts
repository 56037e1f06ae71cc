/** What the parts of a step need of the driver that runs them. */
import type { Step } from "../../../migration/plan.ts";
import type { Version } from "../../../migration/version.ts";
import type { StepContext } from "../../driver.ts";
import type { Connection } from "../connection.ts";

export interface PartHost {
  readonly connection: Connection;
  /** Which process this is, for the progress that it writes. */
  readonly owner: string;
  /** Runs `work` in a transaction that has the write lock; waits for it as long as the connection was told to. */
  readonly inLock: <T>(step: Step, context: StepContext, work: () => T) => T;
  /** Runs one statement outside of any transaction; it waits for others as long as the connection was told to. */
  readonly alone: <T>(work: () => T) => T;
  /** Inside the lock: whether the ledger is the one that the plan was made from. */
  readonly isLedgerAsExpected: (expected: readonly Version[]) => boolean;
  /** Inside the lock: what a first part does besides its own work. */
  readonly begin: () => void;
  /** Inside the lock: checks the result, writes the ledger and takes the progress away. */
  readonly finish: (step: Step, context: StepContext, result: PartsResult) => void;
}

export interface PartsResult {
  readonly executionTimeMs: number;
  /** The schema's hash before the first part; null when the schema did not change. */
  readonly schemaHash: string | null;
  /** The foreign key violations before the first part, as JSON; null when SQLite itself looked after the keys. */
  readonly violations: string | null;
}
