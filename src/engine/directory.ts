/** A directory of migrations: stamped without opening a file, listed and read only when needed. */
import { readdirSync, statSync } from "node:fs";
import { OperationError } from "../errors.ts";
import type { MigrationFiles } from "../migration/assemble.ts";
import type { MigrationSource, SourceStamp } from "./source.ts";

/**
 * File systems stamp a change with the time of the last timer tick. A file that changed this recently could
 * change again within the same tick and look untouched.
 */
const SETTLING_MS = 50;

/**
 * A source over a directory; it is listed anew at each use, and its files are read by `load()`. A listing
 * that was kept would be older than the stamp taken beside it, and a file added in between would be
 * stamped as applied without ever having run.
 * The source's methods throw MIGRATIONS_NOT_FOUND, MIGRATION_FILE_INVALID or MIGRATION_VERSION_DUPLICATE:
 * a rollback that lives from the ledger does not need the directory at all.
 */
export function directorySource(directory: string): MigrationSource {
  const files = (): readonly MigrationFiles[] => {
    // Not loaded with this module: an up-to-date database needs the stamp and nothing else.
    const { assembleFiles } =
      require("../migration/assemble.ts") as typeof import("../migration/assemble.ts");
    return assembleFiles(listDirectory(directory));
  };
  return {
    location: directory,
    versions: () => files().map(({ version }) => version),
    stamp: () => stampDirectory(directory),
    load: () => {
      const { readMigrationFile } =
        require("./migration-file.ts") as typeof import("./migration-file.ts");
      return files().map((entry) => readMigrationFile(directory, entry));
    },
  };
}

function listDirectory(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch (cause) {
    const observed = cause instanceof Error && "code" in cause ? String(cause.code) : "it failed";
    throw new OperationError(
      "MIGRATIONS_NOT_FOUND",
      `Cannot read the migrations in ${directory}: ${observed}, expected a readable directory`,
      { details: { directory }, cause },
    );
  }
}

/** Covers every entry, migration or not: telling them apart would cost more than a needless closer look. */
function stampDirectory(directory: string): SourceStamp {
  const readAt = Date.now();
  let listing = "";
  let newestChange = 0;
  for (const fileName of listDirectory(directory)) {
    const stat = statSync(`${directory}/${fileName}`, { throwIfNoEntry: false });
    if (stat === undefined) continue;
    newestChange = Math.max(newestChange, stat.ctimeMs, stat.mtimeMs);
    listing += `${fileName}\0${stat.size}\0${stat.mtimeMs}\0${stat.ctimeMs}\0${stat.ino}\n`;
  }
  const hash = new Bun.CryptoHasher("sha256").update(listing).digest("hex");
  return { value: `dir:${hash}`, isSettled: newestChange < readAt - SETTLING_MS };
}
