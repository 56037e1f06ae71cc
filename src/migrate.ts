/** The migration engine on its own, for anybody's SQLite file: `usagedb/migrate`. */
export { openConnection, type OpenOptions } from "./engine/sqlite/open.ts";
export type { Connection } from "./engine/sqlite/connection.ts";
export { createSqliteDriver, type SqliteDriverOptions } from "./engine/sqlite/driver.ts";
export {
  createMigrator,
  type MigrationEvent,
  type MigrationReport,
  type MigrationStatus,
  type Migrator,
  type MigratorOptions,
} from "./engine/migrator.ts";
export { directorySource } from "./engine/directory.ts";
export { registeredSource } from "./engine/registered.ts";
export {
  type BundledMigration,
  bundleSource,
  type MigrationBundle,
  type MigrationSource,
} from "./engine/source.ts";
export {
  validateConnection,
  type ValidationFinding,
  type ValidationReport,
} from "./engine/sqlite/validate.ts";
export type { MigrationDriver, StepContext, StepOutcome } from "./engine/driver.ts";
export type {
  AppliedMigration,
  Migration,
  MigrationDatabase,
  RegisteredMigration,
} from "./migration/migration.ts";
export type { MigrationStanding, MigrationState, Step } from "./migration/plan.ts";
