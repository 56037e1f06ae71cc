/** `schema_migrations`: what was applied, when, and how to undo it. */
import { OperationError } from "../../errors.ts";
import type { AppliedMigration } from "../../migration/migration.ts";
import type { Step } from "../../migration/plan.ts";
import type { Version } from "../../migration/version.ts";
import type { LedgerHead } from "../driver.ts";
import type { Binding, Connection } from "./connection.ts";
import { earlierDatabaseHint } from "./earlier-database.ts";
import { ADDED_COLUMNS, LEDGER_SQL, LEDGER_TABLE } from "./ledger-tables.ts";
import { FIRST_LEDGER_HEAD_SQL, LEDGER_HEAD_SQL, ledgerHeadOf } from "./peek.ts";
import { isSqliteError } from "./sqlite-errors.ts";

const COLUMNS =
  "version, name, applied_at, checksum, execution_time_ms, up_sql, down_sql, schema_hash, tool_version";

/**
 * The newest entry; null when there is no ledger or nothing in it. One read, no lock, no schema scan.
 * @throws {OperationError} LEDGER_FOREIGN when the table is not ours.
 */
export function readLedgerHead(connection: Connection): LedgerHead | null {
  try {
    return readHeadRow(connection, LEDGER_HEAD_SQL);
  } catch (error) {
    // SQLITE_ERROR: no such table or no such column. Looking first would cost every opening a second read.
    if (!isSqliteError(error) || error.errno !== 1) throw error;
  }
  // Another process may have created or widened the ledger since the read failed, so what is there now is read again.
  const columns = ledgerColumns(connection);
  if (columns === null) return null;
  return readHeadRow(connection, lacksColumns(columns) ? FIRST_LEDGER_HEAD_SQL : LEDGER_HEAD_SQL);
}

function readHeadRow(connection: Connection, sql: string): LedgerHead | null {
  const row = connection.readOnce(sql)[0];
  return row === undefined ? null : ledgerHeadOf(row);
}

/**
 * True when a ledger of ours exists.
 * @throws {OperationError} LEDGER_FOREIGN when a table of that name has other columns.
 */
export function hasLedger(connection: Connection): boolean {
  return ledgerColumns(connection) !== null;
}

/** The columns of our ledger, null when there is none; throws LEDGER_FOREIGN for another's. */
function ledgerColumns(connection: Connection): readonly unknown[] | null {
  const columns = connection
    .readOnce("SELECT name FROM pragma_table_info('schema_migrations')")
    .map(([name]) => name);
  if (columns.length === 0) return null;
  const missing = `${COLUMNS}, source_stamp`
    .split(", ")
    .filter((column) => !columns.includes(column));
  if (missing.length === 0) return columns;
  const hint = earlierDatabaseHint(connection) ?? adoptHint(connection);
  throw new OperationError(
    "LEDGER_FOREIGN",
    `Cannot use the ledger of ${connection.path}: ${LEDGER_TABLE} has no column ${missing.join(", ")}, expected a ledger written by usagedb`,
    {
      details: { path: connection.path, columns, missing },
      ...(hint === undefined ? {} : { hint }),
    },
  );
}

/** Loaded only for a ledger that is not ours. */
function adoptHint(connection: Connection): string | undefined {
  const { foreignLedgerHint } =
    require("./foreign-ledgers/detect.ts") as typeof import("./foreign-ledgers/detect.ts");
  return foreignLedgerHint(connection);
}

const lacksColumns = (columns: readonly unknown[]): boolean =>
  ADDED_COLUMNS.some(([name]) => !columns.includes(name));

/**
 * Creates the ledger, or gives an older one the columns that it lacks; inside the caller's transaction.
 * @returns true when it was created.
 */
export function ensureLedger(connection: Connection): boolean {
  const columns = ledgerColumns(connection);
  if (columns === null) {
    for (const sql of LEDGER_SQL) connection.runOnce(sql);
    return true;
  }
  for (const [name, type] of ADDED_COLUMNS) {
    if (!columns.includes(name))
      connection.runOnce(`ALTER TABLE schema_migrations ADD COLUMN ${name} ${type}`);
  }
  return false;
}

/**
 * All entries, ascending.
 * @throws {OperationError} DATABASE_CORRUPT when one holds what was never written there.
 */
export function readLedgerRows(connection: Connection): AppliedMigration[] {
  const rows = connection.readOnce(`SELECT ${COLUMNS} FROM schema_migrations ORDER BY version`);
  for (const row of rows) refuseDamaged(row);
  return rows.map(
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

/** STRICT holds for what is written; a damaged page may hold anything. */
function refuseDamaged([version, name, appliedAt, checksum, , upSql, downSql]: Binding[]): void {
  const isText = (value: Binding | undefined): boolean =>
    value === null || typeof value === "string";
  const isSound =
    typeof version === "number" &&
    typeof name === "string" &&
    typeof appliedAt === "number" &&
    [checksum, upSql, downSql].every(isText);
  if (isSound) return;
  throw new OperationError(
    "DATABASE_CORRUPT",
    `Cannot read the ledger: the entry of version ${String(version)} has values of wrong types, expected a number, a name, a time and texts`,
    { details: { table: "schema_migrations", version: String(version) } },
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
  /** Who applied it, as `user@host`; null when that is not known. */
  readonly appliedBy: string | null;
  /** `PRAGMA schema_version` as the step leaves it; null when the schema had drifted before. */
  readonly schemaCookie: number | null;
}

/** Writes an entry into a ledger that has every column. */
export function insertLedgerRow(connection: Connection, entry: LedgerEntry): void {
  const { step } = entry;
  connection
    .prepare(
      `INSERT INTO schema_migrations (${COLUMNS}, applied_by, backup_path, schema_cookie)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
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
      entry.appliedBy,
      step.backupPath ?? null,
      entry.schemaCookie,
    );
}

export function deleteLedgerRow(connection: Connection, version: Version): void {
  connection
    .prepare("DELETE FROM schema_migrations WHERE version = ?", "write the ledger")
    .run(version);
}

/** Puts other texts and another name into the entry of an applied version. */
export function rewriteLedgerRow(connection: Connection, { version, name, ledger }: Step): void {
  connection
    .prepare(
      `UPDATE schema_migrations
       SET name = ?, checksum = ?, up_sql = ?, down_sql = ?
       WHERE version = ?`,
      "write the ledger",
    )
    .run(name, ledger.checksum, ledger.upSql, ledger.downSql, version);
}

/** Has the next look compare everything: the migrations with the ledger, and the schema with what they build. */
export function forgetSchemaState(connection: Connection): void {
  connection
    .prepare(
      `UPDATE schema_migrations
       SET source_stamp = NULL, schema_cookie = NULL, schema_drift = NULL, schema_hash = ?
       WHERE version = (SELECT max(version) FROM schema_migrations)`,
      "write the ledger",
    )
    .run(UNKNOWN_SCHEMA_HASH);
}

/** Equal to no hash, and taken for no drift. */
const UNKNOWN_SCHEMA_HASH = "unknown";

/** What the ledger says of the schema as it is now; on the row of the head. */
export function writeSchemaState(
  connection: Connection,
  head: Version,
  state: {
    readonly hash: string;
    readonly cookie: number | null;
    /** The differences from what the ledger's migrations build, as JSON; null when there are none. */
    readonly drift: string | null;
  },
): void {
  connection
    .prepare(
      `UPDATE schema_migrations
       SET schema_hash = ?, schema_cookie = ?, schema_drift = ?
       WHERE version = ?`,
      "write the ledger",
    )
    .run(state.hash, state.cookie, state.drift, head);
}

/** The schema's hash as the head's row has it; null when nothing is applied. */
export function recordedHash(connection: Connection): string | null {
  const row = connection.readOnce(
    "SELECT schema_hash FROM schema_migrations ORDER BY version DESC LIMIT 1",
  )[0];
  return row === undefined ? null : (row[0] as string);
}

/** `PRAGMA schema_version`: rises with every change of the schema that commits. */
export function schemaCookie(connection: Connection): number {
  return connection.prepare("PRAGMA schema_version", "read the schema").values()[0]?.[0] as number;
}

/** PRAGMA user_version holds 32 bits; a timestamp version does not fit and leaves 0. */
export function mirroredVersion(head: Version): number {
  return head <= 0x7fff_ffff ? head : 0;
}
