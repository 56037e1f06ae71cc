/** The question every start asks, answered with one read and without opening a migration. */
import type { LedgerHead } from "./driver.ts";
import type { MigrationSource } from "./source.ts";

/**
 * True when nothing is pending, edited or missing for certain; false when that needs a closer look.
 * Certain means: the newest ledger row carries the stamp of these very migrations, put there when they were
 * last compared one by one, and the ledger still has as many rows as then.
 */
export function isUpToDate(head: LedgerHead | null, source: MigrationSource): boolean {
  if (head === null || head.sourceStamp === null) return false;
  return head.sourceStamp === ledgerStamp(head.appliedCount, source.stamp().value);
}

/** What the ledger's newest row remembers of the migrations that it was compared with. */
export function ledgerStamp(appliedCount: number, stamp: string): string {
  return `${appliedCount}:${stamp}`;
}
