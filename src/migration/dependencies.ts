/** `-- migrate:depends 003`: the versions without which a migration makes no sense. */
import { MigrationError } from "../errors.ts";
import type { Migration, MigrationDependency, SqlBody } from "./migration.ts";
import { locate, nextToken } from "./sql-scanner.ts";
import { formatVersion, NO_VERSION, parseVersion, type Version } from "./version.ts";

const DEPENDENCE = /^--[ \t]*migrate[ \t]*:[ \t]*depends\b[ \t:]*(.*?)[ \t\r]*$/i;

/** The text behind `migrate:depends` in a comment, null when the comment is none. */
export function dependenceIn(comment: string): string | null {
  return DEPENDENCE.exec(comment)?.[1] ?? null;
}

/** Reads `003` or `001, 003`; `unknown` is the first part that is no version. */
export function parseVersions(text: string): {
  readonly versions: readonly Version[];
  readonly unknown: string | null;
} {
  const versions: Version[] = [];
  for (const part of text.split(/[\s,]+/)) {
    if (part === "") continue;
    const version = parseVersion(part);
    if (version === undefined || version === NO_VERSION) return { versions, unknown: part };
    versions.push(version);
  }
  return { versions, unknown: null };
}

/** What a migration says of its dependencies; nothing at all when it has none. */
export type Dependent = Pick<Migration, "dependsOn">;

/** What the comment lines of a text depend on, in their order; the text has been checked. */
export function dependenciesIn({ sql, file, firstLine }: SqlBody): Dependent {
  if (!/migrate[ \t]*:[ \t]*depends/i.test(sql)) return {};
  const dependencies: MigrationDependency[] = [];
  for (let token = nextToken(sql, 0); token; token = nextToken(sql, token.end)) {
    if (token.kind !== "comment") continue;
    const text = dependenceIn(sql.slice(token.start, token.end));
    if (text === null) continue;
    const line = firstLine + locate(sql, token.start).line - 1;
    for (const version of parseVersions(text).versions) dependencies.push({ version, file, line });
  }
  return dependencies.length === 0 ? {} : { dependsOn: dependencies };
}

/**
 * Refuses dependencies that no order of versions can meet; gives the migrations back as they are.
 * @throws {MigrationError} MIGRATION_DEPENDENCY_INVALID for a version that is unknown, later, or the migration's own.
 */
export function checkDependencies(migrations: readonly Migration[]): readonly Migration[] {
  const known = new Set(migrations.map(({ version }) => version));
  for (const { version, dependsOn = [] } of migrations) {
    for (const dependency of dependsOn) {
      if (dependency.version === version) refuse(dependency, "that is its own version");
      if (dependency.version > version) refuse(dependency, "that version is applied after it");
      if (!known.has(dependency.version)) refuse(dependency, "no migration has that version");
    }
  }
  return migrations;
}

/** Where a dependency is written, as errors name it. */
export function placeOf({ file, line }: MigrationDependency): string {
  return line === null ? file : `${file}:${line}`;
}

function refuse(dependency: MigrationDependency, observed: string): never {
  throw new MigrationError(
    "MIGRATION_DEPENDENCY_INVALID",
    `Cannot use ${placeOf(dependency)}: it depends on ${formatVersion(dependency.version)}, but ${observed}, expected an earlier version`,
    { details: { file: dependency.file, line: dependency.line, dependsOn: dependency.version } },
  );
}
