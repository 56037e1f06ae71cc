/** Which statements a migration may have: none that would end or escape the transaction it runs in. */
import { MigrationError } from "../errors.ts";
import { canonicalSql } from "./canonical-sql.ts";
import type { SqlBody } from "./migration.ts";
import { positionIn, renderPosition, statementsOf } from "./sql-body.ts";
import type { Statement } from "./sql-scanner.ts";

/**
 * Checks every statement of a body; for texts that come from a ledger, which anybody may have written.
 * @throws {MigrationError} as `statementsOf` and `checkStatement`.
 */
export function checkBody(body: SqlBody): void {
  for (const statement of statementsOf(body)) checkStatement(body, statement);
}

/**
 * Refuses what would end or escape the transaction a migration runs in.
 * @throws {MigrationError} MIGRATION_TRANSACTION_CONTROL or MIGRATION_STATEMENT_FORBIDDEN.
 */
export function checkStatement(body: SqlBody, statement: Statement): void {
  const verb = statement.words[0] ?? "";
  if (TRANSACTION_VERBS.has(verb)) {
    throw refusal("MIGRATION_TRANSACTION_CONTROL", body, statement, `it says ${verb}`);
  }
  const isFree = body.isTransactional === false;
  if (FORBIDDEN_VERBS.has(verb) && !(isFree && isPlainVacuum(statement))) {
    throw refusal("MIGRATION_STATEMENT_FORBIDDEN", body, statement, `it says ${verb}`);
  }
  if (verb !== "PRAGMA") return;
  const pragma = pragmaOf(statement);
  if (pragma === undefined || ALLOWED_PRAGMAS.has(pragma)) return;
  if (isFree && ALONE_PRAGMAS.has(pragma)) return;
  throw refusal("MIGRATION_STATEMENT_FORBIDDEN", body, statement, `it sets PRAGMA ${pragma}`);
}

/**
 * True for a statement that does nothing inside a transaction, or fails there: VACUUM and pragmas that change how
 * the file is built. All of them may be repeated.
 */
export function runsAlone(statement: Statement): boolean {
  const verb = statement.words[0];
  return verb === "VACUUM" || (verb === "PRAGMA" && ALONE_PRAGMAS.has(pragmaOf(statement) ?? ""));
}

/** The name of the pragma that a statement sets, in lower case; undefined for one that only reads. */
export function pragmaOf(statement: Statement): string | undefined {
  // Canonical, because `PRAGMA/**/"user_version"` means the same.
  return PRAGMA_WITH_VALUE.exec(canonicalSql(statement.text))?.[1]?.toLowerCase();
}

/** `VACUUM INTO` would write another file. */
function isPlainVacuum({ words, text }: Statement): boolean {
  return words[0] === "VACUUM" && !/\bINTO\b/i.test(canonicalSql(text));
}

const TRANSACTION_VERBS: ReadonlySet<string> = new Set([
  "BEGIN",
  "COMMIT",
  "END",
  "ROLLBACK",
  "SAVEPOINT",
  "RELEASE",
]);

const FORBIDDEN_VERBS: ReadonlySet<string> = new Set(["ATTACH", "DETACH", "VACUUM"]);

/** A pragma with a value or an argument; reading one is always fine. */
const PRAGMA_WITH_VALUE = /^PRAGMA (?:\S+ \. )?["'`[]?(\w+)["'`\]]? [=(]/i;

/**
 * All others are refused: they stay on the connection after the migration, change what later statements mean
 * depending on which migrations ran together, or write into the file's header, which belongs to the ledger.
 */
const ALLOWED_PRAGMAS: ReadonlySet<string> = new Set([
  // Without effect inside a transaction; the driver has them as a migration needs them.
  "foreign_keys",
  "defer_foreign_keys",
  // Undone with the transaction, and the mark of whoever owns the file.
  "application_id",
  // They only look.
  "foreign_key_check",
  "foreign_key_list",
  "index_info",
  "index_list",
  "index_xinfo",
  "integrity_check",
  "quick_check",
  "table_info",
  "table_list",
  "table_xinfo",
]);

/** Allowed where there is no transaction: they change the file, not what later statements mean. */
const ALONE_PRAGMAS: ReadonlySet<string> = new Set([
  "auto_vacuum",
  "incremental_vacuum",
  "journal_mode",
  "optimize",
  "page_size",
  "wal_checkpoint",
]);

function refusal(
  code: "MIGRATION_TRANSACTION_CONTROL" | "MIGRATION_STATEMENT_FORBIDDEN",
  body: SqlBody,
  statement: Statement,
  observed: string,
): MigrationError {
  const position = positionIn(body, statement.start);
  return new MigrationError(
    code,
    `Cannot use the statement at ${renderPosition(position)}: ${observed}, expected only statements that stay inside the migration's own transaction`,
    { details: { position } },
  );
}
