/** The question every start asks, answered with one read and without opening a migration. */
import { readdirSync, statSync } from "node:fs";
import type { LedgerHead } from "./driver.ts";
import type { MigrationSource, SourceStamp } from "./source.ts";

/**
 * File systems stamp a change with the time of the last timer tick. A file that changed this recently could
 * change again within the same tick and look untouched.
 */
const SETTLING_MS = 50;
/** Size, times of the last change of content and of inode, inode. */
const NUMBERS_PER_FILE = 4;

/**
 * True when nothing is pending, edited or missing for certain; false when that needs a closer look.
 * Certain means: the newest ledger row carries the stamp of these very migrations, put there when they were
 * last compared one by one, the ledger still has as many rows as then, and the schema has not moved since the
 * ledger last spoke of it. A drift that is known already is no reason to look again.
 */
export function isUpToDate(
  head: LedgerHead | null,
  source: Pick<MigrationSource, "stamp">,
): boolean {
  if (head === null || head.sourceStamp === null || !head.isSchemaKnown) return false;
  return head.sourceStamp === ledgerStamp(head.appliedCount, source.stamp().value);
}

/** What the ledger's newest row remembers of the migrations that it was compared with. */
export function ledgerStamp(appliedCount: number, stamp: string): string {
  return `${appliedCount}:${stamp}`;
}

/**
 * A fingerprint of a directory, taken without opening a file. It covers every entry, migration or not: telling
 * them apart would cost more than a needless closer look. Throws what the file system throws.
 *
 * Numbers are hashed as they are: every start does this for every file, and as text they would take longer.
 */
export function stampDirectory(directory: string): SourceStamp {
  const readAt = Date.now();
  const names = readdirSync(directory).sort();
  const numbers = new Float64Array(names.length * NUMBERS_PER_FILE);
  let newestChange = 0;
  let at = 0;
  for (const name of names) {
    const stat = statSync(`${directory}/${name}`, { throwIfNoEntry: false });
    const { size, mtimeMs, ctimeMs, ino } = stat ?? NOWHERE;
    if (mtimeMs > newestChange) newestChange = mtimeMs;
    if (ctimeMs > newestChange) newestChange = ctimeMs;
    numbers[at++] = size;
    numbers[at++] = mtimeMs;
    numbers[at++] = ctimeMs;
    numbers[at++] = ino;
  }
  const hash = new Bun.CryptoHasher("sha256").update(names.join("\0")).update(numbers);
  return { value: `dir:${hash.digest("hex")}`, isSettled: newestChange < readAt - SETTLING_MS };
}

/** A file that went since it was listed, or a link to nothing. */
const NOWHERE = { size: 0, mtimeMs: 0, ctimeMs: 0, ino: 0 } as const;
