/** The schema that a ledger promises, built from nothing in memory. */
import { Database } from "bun:sqlite";
import { MigrationError } from "../../errors.ts";
import type { AppliedMigration, FunctionBody, Migration } from "../../migration/migration.ts";
import { checkBody, runsAlone } from "../../migration/statement-rules.ts";
import { statementsOf, storedBody } from "../../migration/sql-body.ts";
import { formatVersion } from "../../migration/version.ts";
import type { Drift } from "../driver.ts";
import { isPromise } from "../task.ts";
import { Connection } from "./connection.ts";
import { moduleDatabase } from "./module-database.ts";
import { IN_MEMORY } from "./open.ts";
import { describeSchema, diffSchemas } from "./schema.ts";
import { isSqliteError } from "./sqlite-errors.ts";

/** A database in memory with the schema that the ledger's migrations build, or the reason why there is none. */
export type ExpectedSchema =
  | { readonly database: Connection; readonly failure: null }
  | { readonly database: null; readonly failure: string };

/**
 * Compares a database's schema with what its ledger's migrations build; reads only.
 * Migrations are needed for functions, of which the ledger has no text; one that is not among them, or that does
 * not run on an empty database, leaves the schema unknown.
 */
export function schemaDrift(
  live: Connection,
  ledger: readonly AppliedMigration[],
  migrations: readonly Migration[],
): Drift {
  if (ledger.length === 0) return { differences: [], unknown: null };
  const expected = buildExpectedSchema(live, ledger, migrations);
  if (expected.database === null) return { differences: [], unknown: expected.failure };
  using database = expected.database;
  return {
    differences: diffSchemas(describeSchema(database), describeSchema(live)),
    unknown: null,
  };
}

/**
 * Builds the schema by version, and when that is not the live one, in the order of time: a version that was merged
 * late ran after its followers. The caller closes the database.
 */
export function buildExpectedSchema(
  live: Connection,
  ledger: readonly AppliedMigration[],
  migrations: readonly Migration[],
): ExpectedSchema {
  const byVersion = [...ledger].sort((a, b) => a.version - b.version);
  const first = replay(byVersion, migrations);
  const isOrdered = byVersion.every(
    ({ applied_at }, index) => index === 0 || applied_at >= (byVersion[index - 1]?.applied_at ?? 0),
  );
  if (isOrdered || (first.database !== null && isEqual(first.database, live))) return first;
  const byTime = [...ledger].sort((a, b) => a.applied_at - b.applied_at || a.version - b.version);
  const second = replay(byTime, migrations);
  const isBetter =
    second.database !== null && (first.database === null || isEqual(second.database, live));
  (isBetter ? first : second).database?.close();
  return isBetter ? second : first;
}

function isEqual(left: Connection, right: Connection): boolean {
  return diffSchemas(describeSchema(left), describeSchema(right)).length === 0;
}

function replay(
  order: readonly AppliedMigration[],
  migrations: readonly Migration[],
): ExpectedSchema {
  const memory = new Connection(new Database(IN_MEMORY), IN_MEMORY);
  memory.runOnce("PRAGMA foreign_keys = OFF");
  for (const applied of order) {
    const failure = replayOne(memory, applied, migrations);
    if (failure === null) continue;
    memory.close();
    return {
      database: null,
      failure: `${formatVersion(applied.version)}_${applied.name} ${failure}`,
    };
  }
  return { database: memory, failure: null };
}

/** Why a version could not be applied, null when it could. */
function replayOne(
  memory: Connection,
  { version, up_sql }: AppliedMigration,
  migrations: readonly Migration[],
): string | null {
  const body = migrations.find((migration) => migration.version === version)?.up;
  try {
    if (up_sql !== null) runSql(memory, version, up_sql);
    else if (body?.kind === "function") return runFunction(memory, body);
    // It changes rows, of which there are none, and may not change the schema.
    else if (body?.kind === "batched") return null;
    else return "is a function, and its module is not here";
    return null;
  } catch (error) {
    if (error instanceof TypeError || !(error instanceof Error)) throw error;
    const isKnown = isSqliteError(error) || error instanceof MigrationError || up_sql === null;
    if (!isKnown) throw error;
    return `does not run on an empty database (${error.message})`;
  }
}

/** Statement by statement, as the driver does: bun:sqlite takes a text without any for an error. */
function runSql(memory: Connection, version: number, sql: string): void {
  const body = storedBody(`ledger entry ${version}`, sql);
  // The text comes from the file that is being looked at: an ATTACH in it must not reach any other.
  checkBody(body);
  for (const statement of statementsOf(body))
    if (!runsAlone(statement)) memory.runOnce(statement.text);
}

function runFunction(memory: Connection, body: FunctionBody): string | null {
  return memory.transaction(() => {
    const access = moduleDatabase(memory, body.file);
    try {
      const result: unknown = body.run(access.database);
      if (!isPromise(result)) return null;
      result.then(undefined, () => undefined);
      return "returned a promise";
    } finally {
      access.revoke();
      memory.forgetStatements();
    }
  });
}
