/** Files, migrators and looks into a database, for tests of the engine. */
import { createMigrator, type Migrator, type MigratorOptions } from "../../src/engine/migrator.ts";
import { registeredSource } from "../../src/engine/registered.ts";
import type { MigrationSource } from "../../src/engine/source.ts";
import type { Connection } from "../../src/engine/sqlite/connection.ts";
import { createSqliteDriver } from "../../src/engine/sqlite/driver.ts";
import type { RegisteredMigration } from "../../src/migration/migration.ts";

/** Migrations 1, 2, 3, … in code: each an up, or an up and a down. */
export type Sketch =
  RegisteredMigration["up"] | readonly [RegisteredMigration["up"], RegisteredMigration["up"]];

export function listOf(...sketches: readonly Sketch[]): MigrationSource {
  return registeredSource(
    sketches.map((sketch, index) => {
      const [up, down] =
        typeof sketch === "string" || typeof sketch === "function" || "kind" in sketch
          ? [sketch, null]
          : sketch;
      return { version: index + 1, name: `m${index + 1}`, up, down };
    }),
  );
}

export function migratorOver(
  connection: Connection,
  source: MigrationSource,
  options: Omit<Partial<MigratorOptions>, "source"> = {},
): Migrator {
  return createMigrator({ driver: createSqliteDriver(connection), source, ...options });
}

/** The first column of a query's rows. */
export function column(connection: Connection, sql: string): unknown[] {
  return connection.readOnce(sql).map(([value]) => value);
}

export function appliedVersions(connection: Connection): unknown[] {
  return column(connection, "SELECT version FROM schema_migrations ORDER BY version");
}

/** Names of everything but the engine's own tables, their indexes and SQLite's. */
export function objectNames(connection: Connection): unknown[] {
  return column(
    connection,
    `SELECT name FROM sqlite_schema
     WHERE tbl_name NOT LIKE 'schema_migrations%' AND name NOT LIKE 'sqlite_%'
     ORDER BY name`,
  );
}

export function pragma(connection: Connection, name: string): unknown {
  return connection.readOnce(`PRAGMA ${name}`)[0]?.[0];
}
