/** The product's own schema: its migrations, and the mark by which its files are known. */
import { OperationError } from "../errors.ts";
import { bundleSource, type MigrationBundle, type MigrationSource } from "../engine/source.ts";
import type { Connection } from "../engine/sqlite/connection.ts";
import { earlierDatabaseHint } from "../engine/sqlite/earlier-database.ts";
import { head } from "./own-head.ts";

/** `PRAGMA application_id` of our files: "USDB". */
export const APPLICATION_ID = 0x55534442;

/** The texts are loaded only when something is pending. */
const MIGRATIONS: MigrationBundle = {
  ...head,
  load: () => {
    const { migrations } = require("./own-migrations.ts") as typeof import("./own-migrations.ts");
    return migrations.load();
  },
};

/** The migrations under `migrations/sqlite`, as they were bundled. */
export function ownMigrations(): MigrationSource {
  return bundleSource(MIGRATIONS, "usagedb's own migrations");
}

/** Whose file it is; 0 when nobody marked it. */
export function applicationIdOf(connection: Connection): number {
  const sql = "PRAGMA application_id";
  return Number(connection.prepare(sql, `open ${connection.path}`).values()[0]?.[0] ?? 0);
}

/** The names of its tables, without SQLite's own. */
export function tablesOf(connection: Connection): string[] {
  return connection
    .prepare(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
      `open ${connection.path}`,
    )
    .values()
    .map(([name]) => String(name));
}

/**
 * Refuses a file that another application owns; an empty file and one with our ledger pass.
 * @throws {OperationError} DATABASE_FOREIGN.
 */
export function refuseForeign(connection: Connection): void {
  const applicationId = applicationIdOf(connection);
  if (applicationId === APPLICATION_ID) return;
  if (applicationId !== 0)
    refuse(connection, `its application_id is 0x${applicationId.toString(16)}`, applicationId);
  const tables = tablesOf(connection);
  const isOurs = tables.length === 0 || tables.includes("schema_migrations");
  if (!isOurs)
    refuse(connection, `it holds ${tables.length} table(s) and no ledger`, applicationId);
}

/**
 * Refuses a file with our mark and tables that no ledger speaks of: somebody else's that claims to be ours, or ours
 * without its ledger. Migrating it would begin anew among its tables.
 * @throws {OperationError} DATABASE_FOREIGN.
 */
export function refuseWithoutLedger(connection: Connection): void {
  const tables = tablesOf(connection);
  if (tables.length === 0 || tables.includes("schema_migrations")) return;
  const observed = `it has our mark, ${tables.length} table(s) and no ledger`;
  refuse(connection, observed, applicationIdOf(connection));
}

function refuse(connection: Connection, observed: string, applicationId: number): never {
  const hint = earlierDatabaseHint(connection);
  throw new OperationError(
    "DATABASE_FOREIGN",
    `Cannot use ${connection.path}: ${observed}, expected a database of usagedb or an empty file`,
    {
      details: { path: connection.path, applicationId },
      ...(hint === undefined ? {} : { hint }),
    },
  );
}
