/** `schema_migrations`: what was applied, when, and how to undo it. */
import { OperationError } from "../../errors.ts";
import type { AppliedMigration } from "../../migration/migration.ts";
import type { Step } from "../../migration/plan.ts";
import type { Version } from "../../migration/version.ts";
import type { LedgerHead } from "../driver.ts";
import type { Connection } from "./connection.ts";
import { earlierDatabaseHint } from "./earlier-database.ts";
import { LEDGER_HEAD_SQL, ledgerHeadOf } from "./peek.ts";
import { isSqliteError } from "./sqlite-errors.ts";

export const LEDGER_TABLE = "schema_migrations";

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
  source_stamp TEXT
) STRICT`,
  "CREATE INDEX idx_schema_migrations_applied_at ON schema_migrations (applied_at)",
];

const COLUMNS =
  "version, name, applied_at, checksum, execution_time_ms, up_sql, down_sql, schema_hash, tool_version";

/**
 * The newest entry; null when there is no ledger or nothing in it. One read, no lock, no schema scan.
 * @throws {OperationError} LEDGER_FOREIGN when the table is not ours.
 */
export function readLedgerHead(connection: Connection): LedgerHead | null {
  try {
    return readHeadRow(connection);
  } catch (error) {
    // SQLITE_ERROR: no such table or no such column. Looking first would cost every opening a second read.
    if (!isSqliteError(error) || error.errno !== 1) throw error;
  }
  // Another process may have created the ledger since the read failed, so what is there now is read again.
  return hasLedger(connection) ? readHeadRow(connection) : null;
}

function readHeadRow(connection: Connection): LedgerHead | null {
  const row = connection.readOnce(LEDGER_HEAD_SQL)[0];
  return row === undefined ? null : ledgerHeadOf(row);
}

/**
 * True when a ledger of ours exists.
 * @throws {OperationError} LEDGER_FOREIGN when a table of that name has other columns.
 */
export function hasLedger(connection: Connection): boolean {
  const columns = connection
    .readOnce("SELECT name FROM pragma_table_info('schema_migrations')")
    .map(([name]) => name);
  if (columns.length === 0) return false;
  const missing = `${COLUMNS}, source_stamp`
    .split(", ")
    .filter((column) => !columns.includes(column));
  if (missing.length === 0) return true;
  const hint = earlierDatabaseHint(connection);
  throw new OperationError(
    "LEDGER_FOREIGN",
    `Cannot use the ledger of ${connection.path}: ${LEDGER_TABLE} has no column ${missing.join(", ")}, expected a ledger written by usagedb`,
    {
      details: { path: connection.path, columns, missing },
      ...(hint === undefined ? {} : { hint }),
    },
  );
}

/** All entries, ascending. */
export function readLedgerRows(connection: Connection): AppliedMigration[] {
  return connection.readOnce(`SELECT ${COLUMNS} FROM schema_migrations ORDER BY version`).map(
    ([
      version,
      name,
      applied_at,
      checksum,
      execution_time_ms,
      up_sql,
      down_sql,
      schema_hash,
      tool_version,
    ]) =>
      ({
        version,
        name,
        applied_at,
        checksum,
        execution_time_ms,
        up_sql,
        down_sql,
        schema_hash,
        tool_version,
      }) as AppliedMigration,
  );
}

export function readAppliedVersions(connection: Connection): Version[] {
  return connection
    .readOnce("SELECT version FROM schema_migrations ORDER BY version")
    .map(([version]) => version as Version);
}

export interface LedgerEntry {
  readonly step: Step;
  readonly appliedAt: number;
  readonly executionTimeMs: number;
  readonly schemaHash: string;
  readonly toolVersion: string;
}

export function insertLedgerRow(connection: Connection, entry: LedgerEntry): void {
  const { step } = entry;
  connection
    .prepare(
      `INSERT INTO schema_migrations (${COLUMNS})
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      "write the ledger",
    )
    .run(
      step.version,
      step.name,
      entry.appliedAt,
      step.ledger.checksum,
      entry.executionTimeMs,
      step.ledger.upSql,
      step.ledger.downSql,
      entry.schemaHash,
      entry.toolVersion,
    );
}

export function deleteLedgerRow(connection: Connection, version: Version): void {
  connection
    .prepare("DELETE FROM schema_migrations WHERE version = ?", "write the ledger")
    .run(version);
}

/** PRAGMA user_version holds 32 bits; a timestamp version does not fit and leaves 0. */
export function mirroredVersion(head: Version): number {
  return head <= 0x7fff_ffff ? head : 0;
}
