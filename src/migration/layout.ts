/**
 * How a directory keeps its migrations, found out from the names in it: flat files, as ours, dbmate's, goose's,
 * golang-migrate's and sqlx's are; Diesel's folders; drizzle's journal, or its newer folders.
 *
 * A directory that mixes them is refused: the tools would see different migrations in it, and so would two readers.
 */
import { MigrationError } from "../errors.ts";
import { assembleFiles, type MigrationFiles } from "./assemble.ts";
import { assembleDiesel } from "./diesel.ts";
import { assembleDrizzleFolders, assembleJournal, JOURNAL_FOLDER } from "./drizzle.ts";
import { parseFileName } from "./file-name.ts";

export type DirectoryLayout = "flat" | "diesel" | "drizzle-journal" | "drizzle-folders";

/** What a directory has in it; hidden entries are left out. */
export interface DirectoryListing {
  readonly fileNames: readonly string[];
  /** The names inside each folder. */
  readonly folders: ReadonlyMap<string, readonly string[]>;
  /** The text of `meta/_journal.json`; null when there is none. */
  readonly journal: string | null;
}

/**
 * Tells the layout from names alone.
 * @throws {MigrationError} MIGRATION_LAYOUT_INVALID when there are several.
 */
export function layoutOf({ fileNames, folders, journal }: DirectoryListing): DirectoryLayout {
  const having = (...names: readonly string[]): string | undefined =>
    [...folders].find(([, inside]) => names.some((name) => inside.includes(name)))?.[0];
  const diesel = having("up.sql", "down.sql");
  const drizzle = having("migration.sql");
  const flat = fileNames.find((name) => parseFileName(name).is !== "other");
  const isJournal = journal !== null;
  if (!isJournal && folders.get(JOURNAL_FOLDER)?.some(isSnapshot) === true)
    refuseLayout(`${JOURNAL_FOLDER} has snapshots of drizzle's but no _journal.json`);
  const found = [
    ...(diesel === undefined ? [] : [`${diesel}/ of Diesel`]),
    ...(drizzle === undefined ? [] : [`${drizzle}/migration.sql of drizzle`]),
    ...(isJournal ? [`${JOURNAL_FOLDER}/_journal.json of drizzle`] : []),
    // The files of a journal are flat ones.
    ...(flat === undefined || isJournal ? [] : [flat]),
  ];
  if (found.length > 1) refuseLayout(`it mixes ${found.join(", ")}`);
  if (isJournal) return "drizzle-journal";
  if (diesel !== undefined) return "diesel";
  return drizzle === undefined ? "flat" : "drizzle-folders";
}

/**
 * The migrations of a directory, ascending, not yet read.
 * @throws {MigrationError} MIGRATION_LAYOUT_INVALID for a mixed directory, or one whose journal and files
 *   disagree; MIGRATION_FILE_INVALID or MIGRATION_VERSION_DUPLICATE as `assembleFiles`.
 */
export function assembleDirectory(listing: DirectoryListing): MigrationFiles[] {
  switch (layoutOf(listing)) {
    case "flat":
      return assembleFiles(listing.fileNames);
    case "diesel":
      return assembleDiesel(listing.folders);
    case "drizzle-folders":
      return assembleDrizzleFolders(listing.folders);
    case "drizzle-journal":
      return assembleJournal(listing.journal ?? "", listing.fileNames);
  }
}

const isSnapshot = (name: string): boolean => /^\d+_snapshot\.json$/.test(name);

function refuseLayout(observed: string): never {
  throw new MigrationError(
    "MIGRATION_LAYOUT_INVALID",
    `Cannot read the directory of migrations: ${observed}, expected one tool's layout`,
    { details: { observed } },
  );
}
