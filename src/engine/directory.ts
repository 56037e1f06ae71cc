/** A directory of migrations: stamped without opening a file, listed and read only when needed. */
import { readdirSync } from "node:fs";
import { OperationError } from "../errors.ts";
import type { MigrationFiles } from "../migration/assemble.ts";
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
 * The source's methods throw MIGRATIONS_NOT_FOUND, MIGRATION_FILE_INVALID or MIGRATION_VERSION_DUPLICATE:
 * a rollback that lives from the ledger does not need the directory at all.
 */
export function directorySource(directory: string): DirectorySource {
  const files = (): readonly MigrationFiles[] => {
    // Not loaded with this module: an up-to-date database needs the stamp and nothing else.
    const { assembleFiles } =
      require("../migration/assemble.ts") as typeof import("../migration/assemble.ts");
    return assembleFiles(listDirectory(directory));
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

function listDirectory(directory: string): string[] {
  return reading(directory, () => readdirSync(directory).sort());
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
