/** The migration engine on its own, for anybody's SQLite file: `usagedb/migrate`. */
export { openConnection, type OpenOptions } from "./engine/sqlite/open.ts";
export type { Connection } from "./engine/sqlite/connection.ts";
export { createSqliteDriver, type SqliteDriverOptions } from "./engine/sqlite/driver.ts";
export {
  type AsyncMigrator,
  createAsyncMigrator,
  createMigrator,
  type MigrationEvent,
  type MigrationReport,
  type MigrationStatus,
  type Migrator,
  type MigratorOptions,
  type RollbackOptions,
} from "./engine/migrator.ts";
export { type DirectorySource, directorySource } from "./engine/directory.ts";
export { type BundleFinding, compareBundle } from "./engine/bundle-check.ts";
export { registeredSource } from "./engine/registered.ts";
export {
  type BundledFile,
  type BundledFiles,
  type BundledMigration,
  type BundleHead,
  type BundledModule,
  bundleSource,
  type MigrationBundle,
  type MigrationSource,
} from "./engine/source.ts";
export {
  analysePlan,
  type AnalyseOptions,
  createHazardGuard,
  type HazardGuardOptions,
  type MigrationGuard,
} from "./engine/sqlite/hazards/index.ts";
export { checkPlans, type PlanFinding, type PlanReport } from "./engine/sqlite/plans.ts";
export { parseQueries, type QueryFile } from "./migration/queries.ts";
export { readSeed, type Seed, seedFromText } from "./engine/seed-file.ts";
export { applySeed, type SeedOptions, type SeedReport } from "./engine/sqlite/seed.ts";
export { declareEnvironment } from "./engine/sqlite/seed-environment.ts";
export {
  adoptLedger,
  type AdoptLedgerOptions,
  type LedgerAdoption,
} from "./engine/sqlite/foreign-ledgers/adopt.ts";
export type { ForeignTool } from "./engine/sqlite/foreign-ledgers/foreign-ledger.ts";
export { rehearse, type RehearseOptions } from "./engine/sqlite/rehearse/rehearse.ts";
export type {
  RehearsalEvent,
  RehearsalProblem,
  RehearsalReport,
} from "./engine/sqlite/rehearse/report.ts";
export type { SafetyBackup } from "./engine/sqlite/safety-backup.ts";
export type { HazardKind } from "./migration/hazard-kind.ts";
export type {
  Hazard,
  PlanAnalysis,
  StatementEffects,
  StepAnalysis,
  StepEstimate,
  TableFacts,
} from "./migration/hazard.ts";
export { changeTable, type TableChangeReport } from "./engine/sqlite/change-table/change-table.ts";
export type {
  ForeignKey,
  ForeignKeyAction,
  TableChange,
} from "./engine/sqlite/change-table/table-change.ts";
export {
  validateConnection,
  type ValidationFinding,
  type ValidationReport,
} from "./engine/sqlite/validate.ts";
export type {
  Drift,
  LockHolder,
  MigrationDriver,
  PartOutcome,
  StepContext,
  StepOutcome,
  StepProgress,
} from "./engine/driver.ts";
export { type HistoryEntry, readHistory } from "./engine/sqlite/history.ts";
export { describeHolder, isWriteLocked, readLockHolder } from "./engine/sqlite/lock-holder.ts";
export {
  clearProgress,
  type Repair,
  type RepairKind,
  repairLedger,
  repairsFor,
} from "./engine/sqlite/repair.ts";
export { diffSchema, type SchemaDiff, type SchemaDifference } from "./engine/sqlite/schema-diff.ts";
export type { Mend } from "./engine/sqlite/mend-schema.ts";
export { type Batch, batched, type BatchedOptions, type BatchedWork } from "./migration/batched.ts";
export type { UnfinishedMigration } from "./migration/unfinished.ts";
export type {
  AppliedMigration,
  Migration,
  MigrationDatabase,
  MigrationDependency,
  RegisteredMigration,
} from "./migration/migration.ts";
export type { Step } from "./migration/plan.ts";
export type { MigrationStanding, MigrationState } from "./migration/standing.ts";
