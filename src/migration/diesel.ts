/** Diesel's layout: a folder a migration, `2023-01-31-123456_create_users/{up,down}.sql`. */
import { MigrationError } from "../errors.ts";
import { byVersion, type MigrationFiles, refuseDuplicateFolders } from "./assemble.ts";
import { isMigrationName } from "./file-name.ts";
import { NO_VERSION, parseVersion, type Version } from "./version.ts";

/** What stands beside the SQL; it may say `run_in_transaction = false`. */
const SETTINGS = "metadata.toml";

/**
 * Version 0 stands for an empty database with us, and Diesel's own first migration has it:
 * `00000000000000_diesel_initial_setup` is version 1.
 */
const FIRST: Version = 1;

/**
 * The migrations of Diesel's folders, ascending. Every folder with a number or with one of the files is one; others,
 * seeds for instance, are left out.
 * @throws {MigrationError} MIGRATION_FILE_INVALID or MIGRATION_VERSION_DUPLICATE.
 */
export function assembleDiesel(folders: ReadonlyMap<string, readonly string[]>): MigrationFiles[] {
  const all = [...folders].filter(isMigration).map(([folder, inside]): MigrationFiles => {
    if (!inside.includes("up.sql")) refuseFolder(folder, "it has no up.sql");
    const at = folder.indexOf("_");
    const version = parseVersion(folder.slice(0, Math.max(at, 0)).replaceAll("-", ""));
    const name = folder.slice(at + 1);
    if (version === undefined || !isMigrationName(name))
      refuseFolder(folder, "it does not start with a version of at most 15 digits and `_`");
    return {
      version: version === NO_VERSION ? FIRST : version,
      name,
      layout: {
        kind: "pair",
        up: `${folder}/up.sql`,
        down: inside.includes("down.sql") ? `${folder}/down.sql` : null,
        ...(inside.includes(SETTINGS) ? { settings: `${folder}/${SETTINGS}` } : {}),
      },
    };
  });
  refuseDuplicateFolders(all);
  return all.sort(byVersion);
}

function isMigration([folder, inside]: readonly [string, readonly string[]]): boolean {
  return /^\d/.test(folder) || inside.includes("up.sql") || inside.includes("down.sql");
}

function refuseFolder(folder: string, reason: string): never {
  throw new MigrationError(
    "MIGRATION_FILE_INVALID",
    `Cannot use ${folder}: ${reason}, expected a folder like 2023-01-31-123456_create_users with an up.sql`,
    {
      details: { fileName: folder, reason },
      hint: "Rename it, complete it, or move it out of the directory.",
    },
  );
}
