/** Migrations as one typed module, for programs that are shipped without their directory. */
import { type MigrationFiles, mainFile } from "../migration/assemble.ts";
import { bundleStamp } from "./bundled-migration.ts";
import type { DirectorySource } from "./directory.ts";
import { readerOf, readSqlMigration } from "./migration-file.ts";
import { checksumModule } from "./read-migration.ts";
import type { BundledMigration } from "./source.ts";

/** The first line of every bundle; a file that begins otherwise is somebody's own. */
export const BUNDLE_HEAD =
  "/** Written by `usagedb migrate bundle`; edit the migrations and write it again. */";

/**
 * Reads a directory's migrations as bundle entries, after checking them as `up` would. The module of an entry is
 * left empty: a bundle imports it.
 * @throws {MigrationError} what reading the directory throws.
 */
export function readBundleEntries(source: DirectorySource): BundledMigration[] {
  source.load();
  return source.files().map((files) => bundledEntry(source.location, files));
}

function bundledEntry(directory: string, files: MigrationFiles): BundledMigration {
  const { version, name, layout } = files;
  const fileName = mainFile(files);
  const read = readerOf(directory);
  if (layout.kind === "sql") return { version, name, fileName, sql: read(fileName).text };
  if (layout.kind === "module") {
    const checksum = checksumModule(read(fileName).text);
    return { version, name, fileName, checksum, module: {} };
  }
  // Read once more to learn which files the layout is made of.
  const texts: Record<string, string> = {};
  readSqlMigration(files, (part) => {
    const { text } = read(part);
    texts[part] = text;
    return { file: `${directory}/${part}`, text };
  });
  return { version, name, fileName, layout, texts };
}

export interface RenderBundleOptions {
  /** The specifier from which the module imports its types. */
  readonly typesFrom: string;
  /** The directory of migrations as the module sees it: `./migrations`; needed for modules only. */
  readonly modulesFrom: string;
}

/** The module's text. */
export function renderBundle(
  entries: readonly BundledMigration[],
  { typesFrom, modulesFrom }: RenderBundleOptions,
): string {
  const imports = entries.flatMap((entry) =>
    "module" in entry
      ? [
          `import * as ${moduleName(entry)} from ${JSON.stringify(`${modulesFrom}/${entry.fileName}`)};`,
        ]
      : [],
  );
  return `${BUNDLE_HEAD}
import type { BundledMigration, MigrationBundle } from ${JSON.stringify(typesFrom)};
${imports.map((line) => `${line}\n`).join("")}
const entries: readonly BundledMigration[] = [
${entries.map((entry) => `  {\n${renderEntry(entry)}\n  },`).join("\n")}
];

export const migrations: MigrationBundle = {
${headLines(entries)}
  load: () => entries,
};
`;
}

/** The text of a module with the bundle's stamp and versions alone: a start that finds nothing pending loads no more. */
export function renderBundleHead(
  entries: readonly BundledMigration[],
  { typesFrom }: Pick<RenderBundleOptions, "typesFrom">,
): string {
  return `${BUNDLE_HEAD}
import type { BundleHead } from ${JSON.stringify(typesFrom)};

export const head: BundleHead = {
${headLines(entries)}
};
`;
}

function headLines(entries: readonly BundledMigration[]): string {
  return `  stamp: ${JSON.stringify(bundleStamp(entries))},
  versions: [${entries.map(({ version }) => version).join(", ")}],`;
}

function renderEntry(entry: BundledMigration): string {
  return [
    `version: ${entry.version}`,
    `name: ${JSON.stringify(entry.name)}`,
    `fileName: ${JSON.stringify(entry.fileName)}`,
    ...contentLines(entry),
  ]
    .map((line) => `    ${line},`)
    .join("\n");
}

function contentLines(entry: BundledMigration): string[] {
  if ("sql" in entry) return [`sql: ${templateLiteral(entry.sql)}`];
  if ("module" in entry)
    return [`checksum: ${JSON.stringify(entry.checksum)}`, `module: ${moduleName(entry)}`];
  const texts = Object.entries(entry.texts).map(
    ([file, text]) => `      ${JSON.stringify(file)}: ${templateLiteral(text)},`,
  );
  return [`layout: ${JSON.stringify(entry.layout)}`, `texts: {\n${texts.join("\n")}\n    }`];
}

const moduleName = ({ version }: BundledMigration): string => `migration${version}`;

function templateLiteral(text: string): string {
  // JavaScript turns a bare CR inside a template into LF.
  const escaped = text
    .replaceAll("\\", "\\\\")
    .replaceAll("`", "\\`")
    .replaceAll("${", "\\${")
    .replaceAll("\r", "\\r");
  return `\`${escaped}\``;
}
