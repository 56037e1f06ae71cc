/** The question every start asks, answered with one read and without opening a migration. */
import type { LedgerHead } from "./driver.ts";
import type { MigrationSource, SourceStamp } from "./source.ts";

/**
 * File systems stamp a change with the time of the last timer tick. A file that changed this recently could
 * change again within the same tick and look untouched.
 */
const SETTLING_MS = 50;
/** Size, times of the last change of content and of inode, inode. */
const NUMBERS_PER_FILE = 4;
/** The bits of a mode that say what an entry is, and their value for a folder. */
const FILE_TYPE = 0o170000;
const FOLDER = 0o040000;

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
 * them apart would cost more than a needless closer look. Of a folder it covers what a migration may be made of;
 * an entry that comes or goes in it changes the folder's own times. Throws what the file system throws.
 *
 * Numbers are hashed as they are: every start does this for every file, and as text they would take longer.
 */
export function stampDirectory(directory: string): SourceStamp {
  const readAt = Date.now();
  const names = fileSystem().readdirSync(directory).sort();
  const hash = new Bun.CryptoHasher("sha256").update(names.join("\0"));
  const entries = stampFiles(directory, names, hash);
  const nested = entries.folders.flatMap(migrationFilesOf);
  const inside = nested.length === 0 ? NOTHING_INSIDE : stampFiles(directory, nested, hash);
  const newestChange = Math.max(entries.newestChange, inside.newestChange);
  return { value: `dir:${hash.digest("hex")}`, isSettled: newestChange < readAt - SETTLING_MS };
}

interface StampedFiles {
  readonly newestChange: number;
  readonly folders: readonly string[];
}

const NOTHING_INSIDE: StampedFiles = { newestChange: 0, folders: [] };

function stampFiles(
  directory: string,
  names: readonly string[],
  hash: Bun.CryptoHasher,
): StampedFiles {
  const { statSync } = fileSystem();
  const folders: string[] = [];
  const numbers = new Float64Array(names.length * NUMBERS_PER_FILE);
  let newestChange = 0;
  let at = 0;
  for (const name of names) {
    const stat = statSync(`${directory}/${name}`, { throwIfNoEntry: false });
    const { size, mtimeMs, ctimeMs, ino, mode } = stat ?? NOWHERE;
    if (mtimeMs > newestChange) newestChange = mtimeMs;
    if (ctimeMs > newestChange) newestChange = ctimeMs;
    numbers[at++] = size;
    numbers[at++] = mtimeMs;
    numbers[at++] = ctimeMs;
    numbers[at++] = ino;
    if ((mode & FILE_TYPE) === FOLDER) folders.push(name);
  }
  hash.update(numbers);
  return { newestChange, folders };
}

/** The files of other tools' layouts that a folder may have; all of them, because one stat tells no less than a list. */
function migrationFilesOf(folder: string): string[] {
  if (folder === "meta") return ["meta/_journal.json"];
  if (!/^\d/.test(folder)) return [];
  return ["up.sql", "down.sql", "metadata.toml", "migration.sql"].map(
    (name) => `${folder}/${name}`,
  );
}

/** A file that went since it was listed, or a link to nothing. */
const NOWHERE = { size: 0, mtimeMs: 0, ctimeMs: 0, ino: 0, mode: 0 } as const;

/** Loaded by the first directory: a bundle has none, and a status line takes a fifth of its time to load it. */
function fileSystem(): typeof import("node:fs") {
  return require("node:fs") as typeof import("node:fs");
}
