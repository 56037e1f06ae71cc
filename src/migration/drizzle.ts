/**
 * drizzle's layouts, both forward only: files named by a journal, and the newer folders with a `migration.sql`.
 *
 * Versions are moments in UTC, `20240131123456`: in a folder's name, or made from the `when` of a journal's entry,
 * which is what drizzle itself makes of it when it turns a journal into folders. So a directory keeps its
 * versions when it changes its layout. An entry that is not later than the one before it gets the next number:
 * drizzle runs a journal in its order, and so do we.
 */
import { MigrationError } from "../errors.ts";
import { byVersion, type MigrationFiles, refuseDuplicateFolders } from "./assemble.ts";
import { isMigrationName, parseFileName } from "./file-name.ts";
import { versionOfTime } from "./time-version.ts";
import { NO_VERSION, parseVersion } from "./version.ts";

export const JOURNAL_FOLDER = "meta";
export const JOURNAL = `${JOURNAL_FOLDER}/_journal.json`;

/** 31 December 9999: times beyond it have no version of 14 digits. */
const LAST_TIME = 253_402_300_799_999;
const DIALECTS: readonly unknown[] = [undefined, "sqlite", "turso"];

interface JournalEntry {
  readonly when: number;
  readonly tag: string;
}

/**
 * The migrations of a journal, in its order.
 * @throws {MigrationError} MIGRATION_LAYOUT_INVALID for a journal that can't be read, an entry without a file
 *   and a file without an entry.
 */
export function assembleJournal(journal: string, fileNames: readonly string[]): MigrationFiles[] {
  const entries = readJournal(journal);
  const named = new Set<string>();
  let newest = NO_VERSION;
  const all = entries.map(({ when, tag }): MigrationFiles => {
    const fileName = `${tag}.sql`;
    if (named.has(fileName)) refuseJournal(`it has two entries ${tag}`);
    if (!fileNames.includes(fileName)) refuseJournal(`its entry ${tag} has no file ${fileName}`);
    named.add(fileName);
    newest = Math.max(newest + 1, versionOfTime(when));
    return { version: newest, name: tag, layout: { kind: "sql", fileName } };
  });
  const stray = fileNames.find((name) => !named.has(name) && parseFileName(name).is !== "other");
  if (stray !== undefined) refuseJournal(`it has no entry for ${stray}`);
  return all;
}

/**
 * The migrations of folders `20240131123456_name/migration.sql`, ascending.
 * @throws {MigrationError} MIGRATION_FILE_INVALID or MIGRATION_VERSION_DUPLICATE.
 */
export function assembleDrizzleFolders(
  folders: ReadonlyMap<string, readonly string[]>,
): MigrationFiles[] {
  const all: MigrationFiles[] = [];
  for (const [folder, inside] of folders) {
    const isMigration = inside.includes("migration.sql");
    if (!isMigration && !/^\d/.test(folder)) continue;
    if (!isMigration) refuseFolder(folder, "it has no migration.sql");
    const at = folder.indexOf("_");
    const version = parseVersion(folder.slice(0, Math.max(at, 0)));
    const name = folder.slice(at + 1);
    if (version === undefined || version === NO_VERSION || !isMigrationName(name))
      refuseFolder(folder, "it does not start with a version of at most 15 digits and `_`");
    all.push({ version, name, layout: { kind: "sql", fileName: `${folder}/migration.sql` } });
  }
  refuseDuplicateFolders(all);
  return all.sort(byVersion);
}

function readJournal(text: string): readonly JournalEntry[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return refuseJournal("it is not JSON");
  }
  const { dialect, entries } = Object(parsed) as { dialect?: unknown; entries?: unknown };
  if (!DIALECTS.includes(dialect)) refuseJournal(`it is for ${JSON.stringify(dialect)}`);
  if (!Array.isArray(entries)) refuseJournal("it has no entries");
  return entries.map((entry: unknown, index) => {
    const { when, tag } = Object(entry) as { when?: unknown; tag?: unknown };
    if (typeof tag !== "string" || !isMigrationName(tag))
      refuseJournal(`its entry ${index} has no usable tag`);
    if (typeof when !== "number" || !(when >= 0 && when <= LAST_TIME))
      refuseJournal(`its entry ${tag} has no usable \`when\``);
    return { when, tag };
  });
}

function refuseJournal(observed: string): never {
  throw new MigrationError(
    "MIGRATION_LAYOUT_INVALID",
    `Cannot read ${JOURNAL}: ${observed}, expected drizzle's journal for SQLite with one entry a file`,
    {
      details: { file: JOURNAL, observed },
      hint: "Restore the files that drizzle-kit wrote, journal included.",
    },
  );
}

function refuseFolder(folder: string, reason: string): never {
  throw new MigrationError(
    "MIGRATION_FILE_INVALID",
    `Cannot use ${folder}: ${reason}, expected a folder like 20240131123456_add_users with a migration.sql`,
    {
      details: { fileName: folder, reason },
      hint: "Restore what drizzle-kit wrote, or move it out of the directory.",
    },
  );
}
