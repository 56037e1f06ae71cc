/** What the ledger says, read before each plan. */
import type { AppliedMigration } from "../migration/migration.ts";
import type { UnfinishedMigration } from "../migration/unfinished.ts";
import type { MigrationDriver } from "./driver.ts";
import { settle, type Task } from "./task.ts";

/** What is applied, and what is neither applied nor not. */
export interface LedgerState {
  readonly ledger: readonly AppliedMigration[];
  readonly unfinished: UnfinishedMigration | null;
}

export function* readLedgerState(driver: MigrationDriver): Task<LedgerState> {
  const ledger = yield* settle(driver.readLedger());
  return { ledger, unfinished: yield* settle(driver.readUnfinished()) };
}
