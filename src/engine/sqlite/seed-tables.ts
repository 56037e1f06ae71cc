/** Which tables a seed can write to, triggers included; asked of SQLite, not read from the text. */
import { MigrationError } from "../../errors.ts";
import type { SqlBody } from "../../migration/migration.ts";
import { positionIn, renderPosition } from "../../migration/sql-body.ts";
import type { Statement } from "../../migration/sql-scanner.ts";
import type { Connection } from "./connection.ts";
import { Shadow } from "./hazards/shadow.ts";
import { ENGINE_TABLES } from "./ledger-tables.ts";

/**
 * The tables in the order of their names. Every table of the database when a statement does not compile on an empty
 * copy of the schema: running it says why, or shows that it does.
 * @throws {MigrationError} SEED_STATEMENT_FORBIDDEN when one of them is the engine's own.
 */
export function writtenTables(
  connection: Connection,
  body: SqlBody,
  statements: readonly Statement[],
): string[] {
  const all = tableNames(connection);
  const written = new Set<string>();
  using shadow = new Shadow(connection);
  for (const statement of statements) {
    const { accesses, failure } = shadow.probe(statement.text);
    if (failure !== null) return all;
    for (const { does, table } of accesses) {
      if (does !== "insert" && does !== "update" && does !== "delete") continue;
      if (ENGINE_TABLES.has(table.toLowerCase())) refuse(body, statement, table);
      written.add(table.toLowerCase());
    }
  }
  return all.filter((name) => written.has(name.toLowerCase()));
}

function tableNames(connection: Connection): string[] {
  return connection
    .readOnce(
      `SELECT name FROM pragma_table_list
       WHERE schema = 'main' AND type IN ('table', 'virtual') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
       ORDER BY name`,
    )
    .map(([name]) => String(name))
    .filter((name) => !ENGINE_TABLES.has(name));
}

function refuse(body: SqlBody, statement: Statement, table: string): never {
  const position = positionIn(body, statement.start);
  throw new MigrationError(
    "SEED_STATEMENT_FORBIDDEN",
    `Cannot use the statement at ${renderPosition(position)}: it writes to ${table}, expected only tables that migrations made`,
    { details: { position } },
  );
}
