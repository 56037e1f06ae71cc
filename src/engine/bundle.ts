/** Migrations as one typed module, for programs that are shipped without their directory. */
import { readFileSync } from "node:fs";
import { MigrationError } from "../errors.ts";
import type { MigrationSource, BundledMigration } from "./source.ts";
import { bundleStamp } from "./source.ts";

/**
 * Reads a directory's migrations as bundle entries, each checked as `up` would check it.
 * @throws {MigrationError} MIGRATION_FILE_INVALID for anything but `.sql` files with both sections in one.
 */
export function readBundleEntries(source: MigrationSource): BundledMigration[] {
  return source.load().map(({ version, name, file, up, down }) => {
    const isOneFile =
      up.kind === "sql" && (down === null || (down.kind === "sql" && down.file === file));
    if (!isOneFile) {
      throw new MigrationError(
        "MIGRATION_FILE_INVALID",
        `Cannot bundle ${file}: it is a module or one of a pair, expected one .sql file with both sections`,
        { details: { fileName: file, reason: "not a single SQL file" } },
      );
    }
    const fileName = file.slice(file.lastIndexOf("/") + 1);
    return { version, name, fileName, sql: readFileSync(file, "utf8").replaceAll("\r\n", "\n") };
  });
}

/** The module's text. @param typesFrom the specifier from which it imports the type. */
export function renderBundle(entries: readonly BundledMigration[], typesFrom: string): string {
  const literals = entries.map(
    ({ version, name, fileName, sql }) => `  {
    version: ${version},
    name: ${JSON.stringify(name)},
    fileName: ${JSON.stringify(fileName)},
    sql: ${templateLiteral(sql)},
  },`,
  );
  return `/** Written by \`usagedb migrate bundle\`; edit the migrations and write it again. */
import type { BundledMigration, MigrationBundle } from ${JSON.stringify(typesFrom)};

const entries: readonly BundledMigration[] = [
${literals.join("\n")}
];

export const migrations: MigrationBundle = {
  stamp: ${JSON.stringify(bundleStamp(entries))},
  versions: [${entries.map(({ version }) => version).join(", ")}],
  load: () => entries,
};
`;
}

function templateLiteral(text: string): string {
  // JavaScript turns a bare CR inside a template into LF.
  const escaped = text
    .replaceAll("\\", "\\\\")
    .replaceAll("`", "\\`")
    .replaceAll("${", "\\${")
    .replaceAll("\r", "\\r");
  return `\`${escaped}\``;
}
