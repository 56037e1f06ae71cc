/** Reads the files of one version from a directory. */
import { readFileSync, realpathSync } from "node:fs";
import { MigrationError } from "../errors.ts";
import type { MigrationFiles } from "../migration/assemble.ts";
import { canonicalModule } from "../migration/canonical-sql.ts";
import type { Migration } from "../migration/migration.ts";
import { dependenciesOf, functionBody, pairMigration, sqlMigration } from "./read-migration.ts";
import { sha256 } from "./source.ts";

export function readMigrationFile(
  directory: string,
  { version, name, layout }: MigrationFiles,
): Migration {
  const read = (fileName: string): { file: string; text: string } => {
    const file = `${directory}/${fileName}`;
    return { file, text: decode(file, readBytes(file)) };
  };
  if (layout.kind === "pair") {
    return pairMigration(
      version,
      name,
      read(layout.up),
      layout.down === null ? null : read(layout.down),
    );
  }
  const { file, text } = read(layout.fileName);
  return layout.kind === "sql"
    ? sqlMigration(version, name, file, text)
    : moduleMigration(version, name, file, text);
}

/**
 * Modules are loaded with `require`: synchronous, and it refuses a top-level await by itself. The copy of an
 * earlier load is dropped first: the functions must be those of the text that the checksum is taken from.
 */
function moduleMigration(version: number, name: string, file: string, text: string): Migration {
  let exported: Record<string, unknown>;
  try {
    const path = realpathSync(file);
    delete import.meta.require.cache[path];
    exported = Object(import.meta.require(path)) as Record<string, unknown>;
  } catch (cause) {
    throw new MigrationError(
      "MIGRATION_MODULE_INVALID",
      `Cannot load ${file}: ${cause instanceof Error ? cause.message : String(cause)}, expected a module that exports up(db)`,
      { details: { file }, cause },
    );
  }
  const module =
    typeof exported["default"] === "object" && exported["default"] !== null
      ? (exported["default"] as Record<string, unknown>)
      : exported;
  const down = module["down"];
  return {
    version,
    name,
    file,
    up: functionBody(module["up"], file, "up"),
    down: down === undefined || down === null ? null : functionBody(down, file, "down"),
    checksum: `module1:${sha256(canonicalModule(text))}`,
    description: "",
    ...dependenciesOf(module["dependsOn"], file),
  };
}

/** @throws {MigrationError} MIGRATION_FILE_INVALID for a folder, a dead link or a file that may not be read. */
function readBytes(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (cause) {
    const observed = cause instanceof Error && "code" in cause ? String(cause.code) : "it failed";
    throw new MigrationError(
      "MIGRATION_FILE_INVALID",
      `Cannot read ${file}: ${observed}, expected a readable file`,
      {
        details: { fileName: file, reason: observed },
        hint: "Make it a readable file, or move it out of the directory.",
        cause,
      },
    );
  }
}

/** Decodes strictly: a byte that is not UTF-8 must not become another character in silence. */
function decode(file: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new MigrationError(
      "MIGRATION_FILE_INVALID",
      `Cannot read ${file}: it is not UTF-8, expected UTF-8 text`,
      {
        details: { fileName: file, reason: "not UTF-8" },
        hint: "Save the file as UTF-8.",
        cause,
      },
    );
  }
}
