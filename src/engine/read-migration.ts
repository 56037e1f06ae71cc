/** From texts and modules to migrations: sections parsed, statements checked, checksums taken. */
import { describeKind, MigrationError } from "../errors.ts";
import { canonicalModule, canonicalSql, CANONICAL_FORM } from "../migration/canonical-sql.ts";
import type { Dependent } from "../migration/dependencies.ts";
import { isBatchedWork } from "../migration/batched.ts";
import type { BatchedBody, FunctionBody, Migration, SqlBody } from "../migration/migration.ts";
import { parseSqlFile, parseSqlHalf } from "../migration/sections.ts";
import { refuseDependence } from "../migration/section-markers.ts";
import type { Version } from "../migration/version.ts";
import { sha256 } from "./source.ts";

/** The checksum that the ledger keeps of an up section. */
export function checksumSql(sql: string): string {
  return `${CANONICAL_FORM}:${sha256(canonicalSql(sql))}`;
}

/** The checksum that the ledger keeps of a module's text. */
export function checksumModule(text: string): string {
  return `module1:${sha256(canonicalModule(text))}`;
}

/** A text, and what errors call it. */
export interface SourceText {
  readonly file: string;
  readonly text: string;
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

/** One text of a pair. */
export interface HalfText extends SourceText {
  /** False when something beside the text says so; true when left out. */
  readonly runsInTransaction?: boolean;
}

/** Reads a pair of texts; `down` is null when the pair has no second half. */
export function pairMigration(
  version: Version,
  name: string,
  up: HalfText,
  down: HalfText | null,
): Migration {
  const { body, ...described } = parseSqlHalf(up.file, up.text, up.runsInTransaction);
  return {
    version,
    name,
    file: up.file,
    up: body,
    down: down === null ? null : parseDownHalf(down),
    checksum: checksumSql(body.sql),
    ...described,
  };
}

/**
 * Reads the text of a down alone.
 * @throws {MigrationError} MIGRATION_SECTION_INVALID for dependencies, or what reading SQL throws.
 */
export function parseDownHalf({ file, text, runsInTransaction }: HalfText): SqlBody {
  const { body, dependsOn } = parseSqlHalf(file, text, runsInTransaction);
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

export interface LoadedModule {
  readonly version: Version;
  readonly name: string;
  readonly file: string;
  readonly checksum: string;
  /** What the module exports; functions may stand in its default export, as CommonJS has them. */
  readonly exports: Readonly<Record<string, unknown>>;
}

/**
 * Reads a module that has been loaded.
 * @throws {MigrationError} as `functionBody` and `dependenciesOf`.
 */
export function moduleMigration({
  version,
  name,
  file,
  checksum,
  exports,
}: LoadedModule): Migration {
  const inner = exports["default"];
  const module =
    typeof inner === "object" && inner !== null ? (inner as Record<string, unknown>) : exports;
  const down = module["down"];
  return {
    version,
    name,
    file,
    up: moduleBody(module["up"], { file, direction: "up", checksum }),
    down:
      down === undefined || down === null
        ? null
        : moduleBody(down, { file, direction: "down", checksum }),
    checksum,
    description: "",
    ...dependenciesOf(module["dependsOn"], file),
  };
}

/** Where a module's export comes from. */
export interface ModuleExport {
  readonly file: string;
  readonly direction: "up" | "down";
  /** Of the module's text; null when it was registered in code. */
  readonly checksum: string | null;
}

/**
 * Accepts what a module exports: a function, unless it is of a kind that cannot finish inside a transaction, or
 * what `batched` made.
 * @throws {MigrationError} MIGRATION_ASYNC for async and generator functions, MIGRATION_MODULE_INVALID for anything else.
 */
export function moduleBody(
  candidate: unknown,
  { file, direction, checksum }: ModuleExport,
): FunctionBody | BatchedBody {
  if (isBatchedWork(candidate)) return { kind: "batched", work: candidate, file, checksum };
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
