/** A directory of migrations: stamped without opening a file, listed and read only when needed. */
import { type Dirent, readdirSync, readFileSync, statSync } from "node:fs";
import { OperationError } from "../errors.ts";
import type { MigrationFiles } from "../migration/assemble.ts";
import type { DirectoryLayout, DirectoryListing } from "../migration/layout.ts";
import type { MigrationSource } from "./source.ts";
import { stampDirectory } from "./up-to-date.ts";

/** A source whose files can be named, for whoever wants their texts. */
export interface DirectorySource extends MigrationSource {
  /** Ascending by version; no file is opened. */
  files(): readonly MigrationFiles[];
}

/**
 * A source over a directory; it is listed anew at each use, and its files are read by `load()`. A listing
 * that was kept would be older than the stamp taken beside it, and a file added in between would be
 * stamped as applied without ever having run.
 * The source's methods throw MIGRATIONS_NOT_FOUND, MIGRATION_LAYOUT_INVALID, MIGRATION_FILE_INVALID or
 * MIGRATION_VERSION_DUPLICATE: a rollback that lives from the ledger does not need the directory at all.
 */
export function directorySource(directory: string): DirectorySource {
  const files = (): readonly MigrationFiles[] => {
    // Not loaded with this module: an up-to-date database needs the stamp and nothing else.
    const { assembleDirectory } =
      require("../migration/layout.ts") as typeof import("../migration/layout.ts");
    return assembleDirectory(listDirectory(directory));
  };
  return {
    location: directory,
    files,
    versions: () => files().map(({ version }) => version),
    stamp: () => reading(directory, () => stampDirectory(directory)),
    load: () => {
      const { readMigrationFile } =
        require("./migration-file.ts") as typeof import("./migration-file.ts");
      const { checkDependencies } =
        require("../migration/dependencies.ts") as typeof import("../migration/dependencies.ts");
      return checkDependencies(files().map((entry) => readMigrationFile(directory, entry)));
    },
  };
}

/** The layout that a directory's migrations are in. Throws as the source's methods do. */
export function directoryLayout(directory: string): DirectoryLayout {
  const { layoutOf } = require("../migration/layout.ts") as typeof import("../migration/layout.ts");
  return layoutOf(listDirectory(directory));
}

/** Every entry, links followed, and the names inside the folders. */
function listDirectory(directory: string): DirectoryListing {
  return reading(directory, () => {
    const fileNames: string[] = [];
    const folders = new Map<string, readonly string[]>();
    const entries = readdirSync(directory, { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const { name } = entry;
      // A folder that is named like a file is taken for one, and refused when it is read.
      if (name.endsWith(".sql") || !isFolder(directory, entry)) fileNames.push(name);
      else if (!name.startsWith(".")) folders.set(name, namesIn(`${directory}/${name}`));
    }
    const hasJournal = folders.get("meta")?.includes("_journal.json") === true;
    const journal = hasJournal ? readFileSync(`${directory}/meta/_journal.json`, "utf8") : null;
    return { fileNames, folders, journal };
  });
}

/** None for a folder that may not be read: where it should be a migration, that is then what is said of it. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function isFolder(directory: string, entry: Dirent): boolean {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  return statSync(`${directory}/${entry.name}`, { throwIfNoEntry: false })?.isDirectory() === true;
}

function reading<T>(directory: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const observed = cause instanceof Error && "code" in cause ? String(cause.code) : "it failed";
    throw new OperationError(
      "MIGRATIONS_NOT_FOUND",
      `Cannot read the migrations in ${directory}: ${observed}, expected a readable directory`,
      { details: { directory }, cause },
    );
  }
}
