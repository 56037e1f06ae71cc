/** From a bundle's entries to migrations: the same reading as a directory's, without the directory. */
import { MigrationError } from "../errors.ts";
import { refuseDuplicate } from "../migration/assemble.ts";
import { checkDependencies } from "../migration/dependencies.ts";
import type { Migration } from "../migration/migration.ts";
import { readSqlMigration } from "./migration-file.ts";
import { moduleMigration, sqlMigration } from "./read-migration.ts";
import { type BundledMigration, sha256 } from "./source.ts";

/**
 * Reads and checks a bundle's entries, ordered by version.
 * @throws {MigrationError} MIGRATION_VERSION_DUPLICATE, or what reading the files themselves would throw.
 */
export function readBundled(entries: readonly BundledMigration[]): readonly Migration[] {
  const migrations = entries.map(readEntry).sort((a, b) => a.version - b.version);
  for (const [index, { version, file }] of migrations.entries()) {
    const before = migrations[index - 1];
    if (before?.version === version) refuseDuplicate(version, before.file, file);
  }
  return checkDependencies(migrations);
}

/** The stamp of a bundle, over every byte that matters. */
export function bundleStamp(entries: readonly BundledMigration[]): string {
  return `bundle:${sha256(JSON.stringify(entries.map(contentOf)))}`;
}

/** Everything of an entry by which two bundles may differ, as plain data. */
export function contentOf(entry: BundledMigration): readonly unknown[] {
  const { version, name } = entry;
  if ("sql" in entry) return [version, name, entry.sql];
  if ("module" in entry) return [version, name, entry.fileName, entry.checksum];
  return [version, name, entry.layout, entry.texts];
}

function readEntry(entry: BundledMigration): Migration {
  const { version, name, fileName } = entry;
  if ("sql" in entry) return sqlMigration(version, name, fileName, entry.sql);
  if ("module" in entry) {
    const exports = entry.module as Record<string, unknown>;
    return moduleMigration({ version, name, file: fileName, checksum: entry.checksum, exports });
  }
  const { layout, texts } = entry;
  return readSqlMigration({ version, name, layout }, (file) => {
    const text = texts[file];
    if (text !== undefined) return { file, text };
    throw new MigrationError(
      "MIGRATION_FILE_INVALID",
      `Cannot read ${file}: it is not in the bundle, expected its text`,
      {
        details: { fileName: file, reason: "not in the bundle" },
        hint: "Write the bundle again with `migrate bundle`.",
      },
    );
  });
}
