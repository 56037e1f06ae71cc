/** The SQL of one direction as a text: its statements, and where they stand in their file. */
import { MigrationError, type SourcePosition } from "../errors.ts";
import type { SqlBody } from "./migration.ts";
import { locate, nextToken, ScanError, splitStatements, type Statement } from "./sql-scanner.ts";

/** A body never changes, and is asked for its statements when it is checked and again when it runs. */
const KNOWN_STATEMENTS = new WeakMap<SqlBody, readonly Statement[]>();

/**
 * Splits a body into statements, with scanner problems turned into positions.
 * @throws {MigrationError} MIGRATION_SQL_UNTERMINATED or MIGRATION_SQL_NUL.
 */
export function statementsOf(body: SqlBody): readonly Statement[] {
  const known = KNOWN_STATEMENTS.get(body);
  if (known !== undefined) return known;
  const statements = scanning(body, () => splitStatements(body.sql));
  KNOWN_STATEMENTS.set(body, statements);
  return statements;
}

/** The body of a text from a ledger; its first comments say whether it runs in a transaction. */
export function storedBody(file: string, sql: string): SqlBody {
  const body: SqlBody = { kind: "sql", sql, file, firstLine: 1 };
  const isFree = scanning(body, () => {
    let token = nextToken(sql, 0);
    while (token?.kind === "comment") {
      if (WITHOUT_TRANSACTION.test(sql.slice(token.start, token.end))) return true;
      token = nextToken(sql, token.end);
    }
    return false;
  });
  return isFree ? { ...body, isTransactional: false } : body;
}

/** Ours and dbmate's, goose's annotation, and the first words of a sqlx migration. */
const WITHOUT_TRANSACTION =
  /^--(?:[ \t]*migrate[ \t]*:[ \t]*(?:up|down)[ \t]+transaction:false[ \t\r]*$|[ \t]*\+goose[ \t]+NO[ \t]+TRANSACTION[ \t\r]*$| no-transaction)/i;

/** The position of a UTF-16 offset inside `body.sql`, counted in its file. */
export function positionIn(body: SqlBody, offset: number): SourcePosition {
  const at = locate(body.sql, offset);
  return {
    file: body.file,
    line: body.firstLine + at.line - 1,
    column: at.column,
    sourceLine: at.sourceLine,
  };
}

/** A position as messages write it: `file:line:column`. */
export function renderPosition(position: SourcePosition): string {
  return `${position.file}:${position.line}:${position.column}`;
}

/**
 * Runs what scans a body, with scanner problems turned into positions.
 * @throws {MigrationError} MIGRATION_SQL_UNTERMINATED or MIGRATION_SQL_NUL.
 */
export function scanning<T>(body: SqlBody, scan: () => T): T {
  try {
    return scan();
  } catch (error) {
    if (!(error instanceof ScanError)) throw error;
    const position = positionIn(body, error.scan.offset);
    const code = error.scan.problem === "nul" ? "MIGRATION_SQL_NUL" : "MIGRATION_SQL_UNTERMINATED";
    const observed =
      error.scan.problem === "nul" ? "a NUL byte" : `an unterminated ${error.scan.what}`;
    throw new MigrationError(
      code,
      `Cannot read ${renderPosition(position)}: ${observed}, expected complete SQL`,
      {
        details: { position },
      },
    );
  }
}
