/** The text of a seed: the rows of one environment, as statements that may run again and again. */
import { MigrationError } from "../errors.ts";
import type { SqlBody } from "./migration.ts";
import { parseSqlHalf } from "./sections.ts";
import { positionIn, renderPosition, statementsOf } from "./sql-body.ts";

/** Letters and digits, then also `_` and `-`: the name of a file, and of nothing outside its folder. */
const ENVIRONMENT = /^[\p{L}\p{N}][\p{L}\p{M}\p{N}_-]*$/u;

export function isEnvironment(name: string): boolean {
  return ENVIRONMENT.test(name);
}

/** A seed fills tables; what changes them is a migration's to do, and to undo. */
const VERBS: ReadonlySet<string> = new Set([
  "DELETE",
  "INSERT",
  "REPLACE",
  "SELECT",
  "UPDATE",
  "VALUES",
  "WITH",
]);

/**
 * Reads and checks a seed.
 * @throws {MigrationError} SEED_STATEMENT_FORBIDDEN for anything but statements about rows, or what reading the SQL of
 *   a migration throws.
 */
export function parseSeed(file: string, text: string): SqlBody {
  const { body } = parseSqlHalf(file, text);
  for (const statement of statementsOf(body)) {
    const verb = statement.words[0] ?? statement.text.slice(0, 20);
    if (VERBS.has(verb)) continue;
    const position = positionIn(body, statement.start);
    throw new MigrationError(
      "SEED_STATEMENT_FORBIDDEN",
      `Cannot use the statement at ${renderPosition(position)}: it says ${verb}, expected only statements that read and write rows`,
      { details: { position } },
    );
  }
  return body;
}
