/** The tables that are the engine's own: no part of anybody's schema. */

export const LEDGER_TABLE = "schema_migrations";
export const HISTORY_TABLE = "schema_migrations_history";
export const PROGRESS_TABLE = "schema_migrations_progress";
export const SEEDS_TABLE = "schema_migrations_seeds";
/** Where the ledger of another tool stands that had the name of ours. */
export const FORMER_LEDGER_TABLE = "schema_migrations_before_usagedb";
/** The same for the table with the lock of one whose names were the user's own. */
export const FORMER_LOCK_TABLE = "schema_migrations_before_usagedb_lock";

/** Where other tools remember what they applied; a ledger that was taken over stays as they left it. */
const FOREIGN_TABLES: readonly string[] = [
  "goose_db_version",
  "_sqlx_migrations",
  "__drizzle_migrations",
  "kysely_migration",
  "kysely_migration_lock",
  "knex_migrations",
  "knex_migrations_lock",
  "SequelizeMeta",
  "ar_internal_metadata",
  "__diesel_schema_migrations",
];

/** What schema hashes, comparisons and analyses leave out. */
export const ENGINE_TABLES: ReadonlySet<string> = new Set([
  LEDGER_TABLE,
  HISTORY_TABLE,
  PROGRESS_TABLE,
  SEEDS_TABLE,
  FORMER_LEDGER_TABLE,
  FORMER_LOCK_TABLE,
  ...FOREIGN_TABLES,
]);

/** The same as a list for `NOT IN (…)`. */
export const ENGINE_TABLES_SQL = [...ENGINE_TABLES].map((name) => `'${name}'`).join(", ");

/** `version, name, applied_at` and the index are those of the seed documents. */
export const LEDGER_SQL: readonly string[] = [
  `CREATE TABLE schema_migrations (
  version INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  applied_at INTEGER NOT NULL CHECK (applied_at BETWEEN 100000000000 AND 253402300799999),
  checksum TEXT,
  execution_time_ms REAL NOT NULL,
  up_sql TEXT,
  down_sql TEXT,
  schema_hash TEXT NOT NULL,
  tool_version TEXT NOT NULL,
  source_stamp TEXT,
  applied_by TEXT,
  backup_path TEXT,
  schema_cookie INTEGER,
  schema_drift TEXT
) STRICT`,
  "CREATE INDEX idx_schema_migrations_applied_at ON schema_migrations (applied_at)",
];

/** Columns that a ledger of usagedb 0.1 lacks; added by the first write, all nullable, so that 0.1 can go on too. */
export const ADDED_COLUMNS: readonly (readonly [name: string, type: string])[] = [
  ["applied_by", "TEXT"],
  ["backup_path", "TEXT"],
  ["schema_cookie", "INTEGER"],
  ["schema_drift", "TEXT"],
];

/** What the ledger itself cannot hold: rollbacks, failures, and whatever else happened to a version. */
export const HISTORY_SQL = `CREATE TABLE IF NOT EXISTS schema_migrations_history (
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL CHECK (at BETWEEN 100000000000 AND 253402300799999),
  version INTEGER NOT NULL,
  name TEXT NOT NULL,
  action TEXT NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('done', 'failed')),
  execution_time_ms REAL NOT NULL,
  tool_version TEXT NOT NULL,
  actor TEXT,
  backup_path TEXT,
  detail TEXT
) STRICT`;
