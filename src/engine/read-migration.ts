/** From texts and modules to migrations: sections parsed, statements checked, checksums taken. */
import { MigrationError } from "../errors.ts";
import { canonicalSql, CANONICAL_FORM } from "../migration/canonical-sql.ts";
import type { FunctionBody, Migration, SqlBody } from "../migration/migration.ts";
import { parseSqlFile, parseSqlHalf } from "../migration/sections.ts";
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
  const { up, down, description } = parseSqlFile(file, text);
  return { version, name, file, up, down, checksum: checksumSql(up.sql), description };
}

/** Reads a pair of texts; `down` is null when the pair has no second half. */
export function pairMigration(
  version: Version,
  name: string,
  up: { readonly file: string; readonly text: string },
  down: { readonly file: string; readonly text: string } | null,
): Migration {
  const { body, description } = parseSqlHalf(up.file, up.text);
  const downBody: SqlBody | null = down === null ? null : parseSqlHalf(down.file, down.text).body;
  return {
    version,
    name,
    file: up.file,
    up: body,
    down: downBody,
    checksum: checksumSql(body.sql),
    description,
  };
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
