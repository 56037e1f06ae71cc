/** `schema_migrations_progress`: where a step in parts stands; a row of it commits with each part. */
import type { Direction } from "../../migration/plan.ts";
import type { UnfinishedMigration } from "../../migration/unfinished.ts";
import type { Version } from "../../migration/version.ts";
import type { Binding, Connection } from "./connection.ts";
import { PROGRESS_TABLE } from "./ledger-tables.ts";

export const PROGRESS_SQL = `CREATE TABLE IF NOT EXISTS ${PROGRESS_TABLE} (
  version INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  direction TEXT NOT NULL CHECK (direction IN ('up', 'down')),
  unit TEXT NOT NULL CHECK (unit IN ('rows', 'statements')),
  state TEXT NOT NULL CHECK (state IN ('running', 'failed')),
  done INTEGER NOT NULL,
  total INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  checksum TEXT,
  done_sql TEXT,
  statement TEXT,
  error TEXT,
  cursor TEXT,
  work_ms REAL NOT NULL,
  owner TEXT NOT NULL,
  schema_hash TEXT,
  violations TEXT
) STRICT`;

export interface Progress extends UnfinishedMigration {
  /** The key of the last row that is done, as JSON of SQL literals; null before the first. */
  readonly cursor: string | null;
  /** What the parts took so far, pauses left out. */
  readonly workMs: number;
  /** The process that works on it, see `owner.ts`. */
  readonly owner: string;
  /** The schema's hash when a step of statements began. */
  readonly schemaHash: string | null;
  /** The foreign key violations that were there when it began, as JSON. */
  readonly violations: string | null;
}

const COLUMNS = `version, name, direction, unit, state, done, total, started_at, updated_at, checksum, done_sql,
  statement, error, cursor, work_ms, owner, schema_hash, violations`;

/** The unfinished step; null for none. Throws SQLite's own error. */
export function readProgress(connection: Connection): Progress | null {
  const exists = connection.readOnce(
    `SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '${PROGRESS_TABLE}'`,
  );
  if (exists.length === 0) return null;
  const row = connection.readOnce(`SELECT ${COLUMNS} FROM ${PROGRESS_TABLE} LIMIT 1`)[0];
  return row === undefined ? null : progressOf(row);
}

function progressOf(row: readonly Binding[]): Progress {
  const text = (value: Binding | undefined): string | null =>
    value === null || value === undefined ? null : String(value);
  return {
    version: Number(row[0]),
    name: String(row[1]),
    direction: row[2] as Direction,
    unit: row[3] as Progress["unit"],
    state: row[4] as Progress["state"],
    done: Number(row[5]),
    total: Math.max(Number(row[5]), Number(row[6])),
    startedAt: Number(row[7]),
    updatedAt: Number(row[8]),
    checksum: text(row[9]),
    doneSql: text(row[10]),
    statement: text(row[11]),
    error: text(row[12]),
    cursor: text(row[13]),
    workMs: Number(row[14]),
    owner: String(row[15]),
    schemaHash: text(row[16]),
    violations: text(row[17]),
  };
}

/** Writes the progress of a step, creating the table for the first one; inside the caller's transaction. */
export function writeProgress(connection: Connection, progress: Progress): void {
  connection.runOnce(PROGRESS_SQL);
  connection
    .prepare(
      `INSERT OR REPLACE INTO ${PROGRESS_TABLE} (${COLUMNS})
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      "write the progress of a migration",
    )
    .run(
      progress.version,
      progress.name,
      progress.direction,
      progress.unit,
      progress.state,
      progress.done,
      progress.total,
      progress.startedAt,
      progress.updatedAt,
      progress.checksum,
      progress.doneSql,
      progress.statement,
      progress.error,
      progress.cursor,
      progress.workMs,
      progress.owner,
      progress.schemaHash,
      progress.violations,
    );
}

/** Takes the progress of a version away, and with it the table: the last part of a step, or its end by decision. */
export function deleteProgress(connection: Connection, version: Version): void {
  const progress = readProgress(connection);
  if (progress === null || progress.version !== version) return;
  connection.runOnce(`DROP TABLE ${PROGRESS_TABLE}`);
}
