/** Reads the files of one version: from a directory, or from wherever else their texts are kept. */
import { realpathSync } from "node:fs";
import { MigrationError } from "../errors.ts";
import type { MigrationFiles } from "../migration/assemble.ts";
import type { Migration } from "../migration/migration.ts";
import {
  type HalfText,
  checksumModule,
  moduleMigration,
  pairMigration,
  sqlMigration,
  type SourceText,
} from "./read-migration.ts";
import { readTextFile } from "./text-file.ts";

/** How a text is got by the name that it has in the directory. */
export type TextReader = (fileName: string) => SourceText;

/** Reads the texts of a directory. */
export function readerOf(directory: string): TextReader {
  return (fileName) => {
    const file = `${directory}/${fileName}`;
    return { file, text: readTextFile(file) };
  };
}

/** Reads one version, its module included. */
export function readMigrationFile(directory: string, files: MigrationFiles): Migration {
  const read = readerOf(directory);
  if (files.layout.kind !== "module") return readSqlMigration(files, read);
  const { version, name } = files;
  const { file, text } = read(files.layout.fileName);
  const checksum = checksumModule(text);
  return moduleMigration({ version, name, file, checksum, exports: loadModule(file) });
}

/** Reads one version that consists of SQL; the same texts give the same migration, wherever they are kept. */
export function readSqlMigration(
  { version, name, layout }: MigrationFiles,
  read: TextReader,
): Migration {
  if (layout.kind === "pair") {
    const runsInTransaction =
      layout.settings === undefined || saysTransaction(read(layout.settings));
    const half = (fileName: string): HalfText => ({ ...read(fileName), runsInTransaction });
    const down = layout.down === null ? null : half(layout.down);
    return pairMigration(version, name, half(layout.up), down);
  }
  const { file, text } = read(layout.fileName);
  return sqlMigration(version, name, file, text);
}

/**
 * Modules are loaded with `require`: synchronous, and it refuses a top-level await by itself. The copy of an
 * earlier load is dropped first: the functions must be those of the text that the checksum is taken from.
 */
function loadModule(file: string): Record<string, unknown> {
  try {
    const path = realpathSync(file);
    delete import.meta.require.cache[path];
    return Object(import.meta.require(path)) as Record<string, unknown>;
  } catch (cause) {
    throw new MigrationError(
      "MIGRATION_MODULE_INVALID",
      `Cannot load ${file}: ${cause instanceof Error ? cause.message : String(cause)}, expected a module that exports up(db)`,
      { details: { file }, cause },
    );
  }
}

/** Diesel takes a `metadata.toml` without `run_in_transaction` for one that says false. */
function saysTransaction({
  file,
  text,
}: {
  readonly file: string;
  readonly text: string;
}): boolean {
  let settings: unknown;
  try {
    settings = Bun.TOML.parse(text);
  } catch (cause) {
    throw new MigrationError(
      "MIGRATION_FILE_INVALID",
      `Cannot read ${file}: it is not TOML, expected Diesel's settings of a migration`,
      { details: { fileName: file, reason: "not TOML" }, cause },
    );
  }
  return (settings as Record<string, unknown>)["run_in_transaction"] === true;
}
