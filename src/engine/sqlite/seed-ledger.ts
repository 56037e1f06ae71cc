/** `schema_migrations_seeds`: which environment a database belongs to, and which seeds it has had. */
import type { Connection } from "./connection.ts";
import { SEEDS_TABLE } from "./ledger-tables.ts";

export interface SeedEntry {
  readonly environment: string;
  /** Null for an environment that was declared without a seed. */
  readonly checksum: string | null;
  /** Epoch milliseconds. */
  readonly applied_at: number;
  readonly execution_time_ms: number;
  readonly tool_version: string;
  /** `user@host`; null when it was not known. */
  readonly actor: string | null;
}

const SEEDS_SQL = `CREATE TABLE IF NOT EXISTS ${SEEDS_TABLE} (
  id INTEGER PRIMARY KEY,
  environment TEXT NOT NULL CHECK (environment <> ''),
  checksum TEXT,
  applied_at INTEGER NOT NULL CHECK (applied_at BETWEEN 100000000000 AND 253402300799999),
  execution_time_ms REAL NOT NULL,
  tool_version TEXT NOT NULL,
  actor TEXT
) STRICT`;

const COLUMNS = "environment, checksum, applied_at, execution_time_ms, tool_version, actor";

/** Newest first; empty when the database was never seeded. Reads only. */
export function readSeedEntries(connection: Connection): SeedEntry[] {
  const isThere = connection.readOnce(
    "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?",
    SEEDS_TABLE,
  );
  if (isThere.length === 0) return [];
  return connection.readOnce(`SELECT ${COLUMNS} FROM ${SEEDS_TABLE} ORDER BY id DESC`).map(
    ([environment, checksum, applied_at, execution_time_ms, tool_version, actor]) =>
      ({
        environment,
        checksum,
        applied_at,
        execution_time_ms,
        tool_version,
        actor,
      }) as SeedEntry,
  );
}

/** Creates the table when it is missing; inside the caller's transaction. */
export function ensureSeedsTable(connection: Connection): void {
  connection.runOnce(SEEDS_SQL);
}

export function insertSeedEntry(connection: Connection, entry: SeedEntry): void {
  connection
    .prepare(`INSERT INTO ${SEEDS_TABLE} (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)`, "record a seed")
    .run(
      entry.environment,
      entry.checksum,
      entry.applied_at,
      entry.execution_time_ms,
      entry.tool_version,
      entry.actor,
    );
}
