/** From texts and modules to migrations: sections parsed, statements checked, checksums taken. */
import { describeKind, MigrationError } from "../errors.ts";
import { canonicalSql, CANONICAL_FORM } from "../migration/canonical-sql.ts";
import type { Dependent } from "../migration/dependencies.ts";
import type { FunctionBody, Migration, SqlBody } from "../migration/migration.ts";
import { parseSqlFile, parseSqlHalf, refuseDependence } from "../migration/sections.ts";
import type { Version } from "../migration/version.ts";
import { sha256 } from "./source.ts";

/** The checksum that the ledger keeps of an up section. */
export function checksumSql(sql: string): string {
  return `${CANONICAL_FORM}:${sha256(canonicalSql(sql))}`;
}

/** Reads one `.sql` text with optional sections. */
export function sqlMigration(
  version: Version,
  name: string,
  file: string,
  text: string,
): Migration {
  const { hasSections: _, ...parsed } = parseSqlFile(file, text);
  return { version, name, file, checksum: checksumSql(parsed.up.sql), ...parsed };
}

/** Reads a pair of texts; `down` is null when the pair has no second half. */
export function pairMigration(
  version: Version,
  name: string,
  up: { readonly file: string; readonly text: string },
  down: { readonly file: string; readonly text: string } | null,
): Migration {
  const { body, ...described } = parseSqlHalf(up.file, up.text);
  return {
    version,
    name,
    file: up.file,
    up: body,
    down: down === null ? null : parseDownHalf(down.file, down.text),
    checksum: checksumSql(body.sql),
    ...described,
  };
}

/**
 * Reads the text of a down alone.
 * @throws {MigrationError} MIGRATION_SECTION_INVALID for dependencies, or what reading SQL throws.
 */
export function parseDownHalf(file: string, text: string): SqlBody {
  const { body, dependsOn } = parseSqlHalf(file, text);
  if (dependsOn !== undefined) refuseDependence(body, body.sql.search(/--[ \t]*migrate[ \t]*:/i));
  return body;
}

/**
 * Reads what a module exports, or a registered migration has, as `dependsOn`.
 * @throws {MigrationError} MIGRATION_DEPENDENCY_INVALID for anything but a list of versions.
 */
export function dependenciesOf(value: unknown, file: string): Dependent {
  if (value === undefined) return {};
  const isVersions =
    Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item > 0);
  if (isVersions)
    return { dependsOn: (value as Version[]).map((version) => ({ version, file, line: null })) };
  throw new MigrationError(
    "MIGRATION_DEPENDENCY_INVALID",
    `Cannot use ${file}: its dependsOn is ${describeKind(value)}, expected a list of versions`,
    { details: { file } },
  );
}

/**
 * Accepts a migration function, refusing the kinds that cannot finish inside a transaction.
 * @throws {MigrationError} MIGRATION_ASYNC for async and generator functions, MIGRATION_MODULE_INVALID for no function.
 */
export function functionBody(
  candidate: unknown,
  file: string,
  direction: "up" | "down",
): FunctionBody {
  if (typeof candidate !== "function") {
    throw new MigrationError(
      "MIGRATION_MODULE_INVALID",
      `Cannot use ${file}: its ${direction} is not a function, expected \`${direction}(db)\``,
      { details: { file, direction } },
    );
  }
  const kind = candidate.constructor.name;
  if (kind !== "Function") {
    throw new MigrationError(
      "MIGRATION_ASYNC",
      `Cannot use ${file}: its ${direction} is ${kind === "AsyncFunction" ? "async" : "a generator"}, expected a synchronous function`,
      { details: { file, direction } },
    );
  }
  return { kind: "function", run: candidate as FunctionBody["run"], file };
}
