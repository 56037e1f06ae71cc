/**
 * The ledgers of other tools, each with its table, the columns by which it is known, and what its rows say.
 * Tables and columns are those of the tools' own sources for SQLite.
 */
import { OperationError } from "../../../errors.ts";
import { versionOfTime } from "../../../migration/time-version.ts";
import { parseVersion, type Version } from "../../../migration/version.ts";
import type { Binding, Connection } from "../connection.ts";
import { quoteIdentifier } from "../quote.ts";
import type { ForeignEntry, ForeignLedger, ForeignTool } from "./foreign-ledger.ts";
import { readMoment } from "./moments.ts";

export interface LedgerReader extends Pick<ForeignLedger, "matching"> {
  readonly table: string;
  /** Columns that the table has at least; of a table with a common name these and no others. */
  readonly columns: readonly string[];
  readonly isExact?: true;
  readonly hashAlgorithm?: "sha256" | "sha384";
  /** @throws {OperationError} ADOPT_LEDGER_DIRTY, ADOPT_LEDGER_DIFFERS for a row that makes no sense. */
  readonly read: (connection: Connection, table: string) => readonly ForeignEntry[];
}

/** The table in which knex and kysely keep a lock, beside that of the ledger. */
export function lockTableOf(table: string): string {
  return `${table}_lock`;
}

const NOTHING_MORE = { appliedAt: null, executionTimeMs: null, hash: null } as const;
const NANOSECONDS_PER_MS = 1_000_000;

export const LEDGER_READERS: Readonly<Record<ForeignTool, LedgerReader>> = {
  dbmate: versionList("dbmate"),
  rails: versionList("rails"),
  diesel: {
    table: "__diesel_schema_migrations",
    columns: ["version", "run_on"],
    matching: "version",
    read: (connection, table) =>
      connection
        .readOnce(`SELECT version, run_on FROM ${quoteIdentifier(table)} ORDER BY run_on, version`)
        .map(([version, runOn]) => {
          const entry = byVersion("diesel", version);
          // Its folder of version 0 is version 1 with us.
          return { ...entry, version: entry.version || 1, appliedAt: readMoment(runOn) };
        }),
  },
  goose: {
    table: "goose_db_version",
    columns: ["version_id", "is_applied", "tstamp"],
    matching: "version",
    read: readGoose,
  },
  "golang-migrate": {
    table: "schema_migrations",
    columns: ["version", "dirty"],
    isExact: true,
    matching: "watermark",
    read: readGolangMigrate,
  },
  sqlx: {
    table: "_sqlx_migrations",
    columns: ["version", "installed_on", "success", "checksum", "execution_time"],
    matching: "version",
    hashAlgorithm: "sha384",
    read: readSqlx,
  },
  drizzle: {
    table: "__drizzle_migrations",
    columns: ["hash", "created_at"],
    matching: "hash",
    hashAlgorithm: "sha256",
    read: readDrizzle,
  },
  kysely: {
    table: "kysely_migration",
    columns: ["name", "timestamp"],
    matching: "name",
    read: (connection, table) => {
      refuseLock(connection, "kysely", table);
      return namesOf(
        connection,
        `SELECT name, timestamp FROM ${quoteIdentifier(table)} ORDER BY 2, 1`,
      );
    },
  },
  knex: {
    table: "knex_migrations",
    columns: ["name", "batch", "migration_time"],
    matching: "name",
    read: (connection, table) => {
      refuseLock(connection, "knex", table);
      return namesOf(
        connection,
        `SELECT name, migration_time FROM ${quoteIdentifier(table)} ORDER BY id`,
      );
    },
  },
  umzug: {
    table: "SequelizeMeta",
    columns: ["name"],
    matching: "name",
    read: (connection, table) => {
      const hasTime = columnsOf(connection, table).includes("createdAt");
      const time = hasTime ? '"createdAt"' : "NULL";
      return namesOf(
        connection,
        `SELECT name, ${time} FROM ${quoteIdentifier(table)} ORDER BY name`,
      );
    },
  },
};

/** The names of a table's columns; none when there is no such table. A view is none: reading it may take for ever. */
export function columnsOf(connection: Connection, table: string): string[] {
  return connection
    .readOnce(
      `SELECT name
       FROM pragma_table_info(?1)
       WHERE EXISTS (
         SELECT 1
         FROM sqlite_schema
         WHERE type = 'table' AND rootpage > 0 AND name = ?1 COLLATE NOCASE
       )`,
      table,
    )
    .map(([name]) => String(name));
}

function versionList(tool: ForeignTool): LedgerReader {
  return {
    table: "schema_migrations",
    columns: ["version"],
    isExact: true,
    matching: "version",
    read: (connection, table) =>
      connection
        .readOnce(`SELECT version FROM ${quoteIdentifier(table)} ORDER BY length(version), version`)
        .map(([version]) => byVersion(tool, version)),
  };
}

function byVersion(
  tool: ForeignTool,
  value: Binding | undefined,
): ForeignEntry & { version: Version } {
  const label = String(value);
  const version = parseVersion(label);
  if (version !== undefined) return { label, version, ...NOTHING_MORE };
  throw new OperationError(
    "ADOPT_LEDGER_DIFFERS",
    `Cannot take over the ledger of ${tool}: it has ${JSON.stringify(label)} for a version, expected at most 15 digits`,
    { details: { entry: label } },
  );
}

/** Older releases write a further row for a rollback instead of deleting one: the newest row decides. */
function readGoose(connection: Connection, table: string): ForeignEntry[] {
  const newest = new Map<Version, ForeignEntry>();
  for (const [version, isApplied, time] of connection.readOnce(
    `SELECT version_id, is_applied, tstamp FROM ${quoteIdentifier(table)} ORDER BY id`,
  )) {
    const entry = { ...byVersion("goose", version), appliedAt: readMoment(time) };
    newest.delete(entry.version);
    // Version 0 is goose's own mark that the table is there.
    if (entry.version !== 0 && isApplied === 1) newest.set(entry.version, entry);
  }
  return [...newest.values()];
}

/** One row at most: the version that was reached, and whether getting there failed. */
function readGolangMigrate(connection: Connection, table: string): ForeignEntry[] {
  const rows = connection.readOnce(`SELECT version, dirty FROM ${quoteIdentifier(table)}`);
  const [dirty] = rows.filter(([, flag]) => flag !== 0);
  if (dirty !== undefined) {
    refuseDirty("golang-migrate", `version ${String(dirty[0])} is dirty`, {
      hint: "See what that migration left, mend it, run `migrate force VERSION` with golang-migrate, and adopt again.",
    });
  }
  return rows.map(([version]) => byVersion("golang-migrate", version));
}

function readSqlx(connection: Connection, table: string): ForeignEntry[] {
  const rows = connection.readOnce(
    `SELECT version, installed_on, success, hex(checksum), execution_time
     FROM ${quoteIdentifier(table)}
     ORDER BY version`,
  );
  const [failed] = rows.filter(([, , success]) => success !== 1);
  if (failed !== undefined) {
    refuseDirty("sqlx", `version ${String(failed[0])} did not succeed`, {
      hint: "See what that migration left, mend it with sqlx, and adopt again.",
    });
  }
  return rows.map(([version, installedOn, , checksum, nanoseconds]) => ({
    ...byVersion("sqlx", version),
    appliedAt: readMoment(installedOn),
    // -1 until it was measured.
    executionTimeMs:
      typeof nanoseconds === "number" && nanoseconds >= 0 ? nanoseconds / NANOSECONDS_PER_MS : null,
    hash: String(checksum).toLowerCase(),
  }));
}

/** `created_at` is the moment at which a migration was written; only the newer ledger has the one of applying. */
function readDrizzle(connection: Connection, table: string): ForeignEntry[] {
  const columns = columnsOf(connection, table);
  const optional = (column: string): string => (columns.includes(column) ? column : "NULL");
  return connection
    .readOnce(
      `SELECT hash, created_at, ${optional("name")}, ${optional("applied_at")}
       FROM ${quoteIdentifier(table)}
       ORDER BY created_at, rowid`,
    )
    .map(([hash, createdAt, name, appliedAt]) => {
      const writtenAt = Number(createdAt);
      const hasTime = createdAt !== null && writtenAt >= 0 && writtenAt < 253_402_300_800_000;
      const fromName = typeof name === "string" ? parseVersion(name.split("_", 1)[0] ?? "") : null;
      return {
        label:
          typeof name === "string" ? name : `${String(hash).slice(0, 12)} of ${String(createdAt)}`,
        version: fromName ?? (hasTime ? versionOfTime(writtenAt) : null),
        appliedAt: readMoment(appliedAt),
        executionTimeMs: null,
        // drizzle-kit writes none for a schema that it pulled from the database.
        hash: hash === "" ? null : String(hash).toLowerCase(),
      };
    });
}

function namesOf(connection: Connection, sql: string): ForeignEntry[] {
  return connection.readOnce(sql).map(([name, time]) => ({
    label: String(name),
    version: null,
    appliedAt: readMoment(time),
    executionTimeMs: null,
    hash: null,
  }));
}

function refuseLock(connection: Connection, tool: ForeignTool, table: string): void {
  const lock = lockTableOf(table);
  if (!columnsOf(connection, lock).includes("is_locked")) return;
  const [[count] = []] = connection.readOnce(
    `SELECT count(*) FROM ${quoteIdentifier(lock)} WHERE is_locked <> 0`,
  );
  if (count === 0) return;
  refuseDirty(tool, `its lock in ${lock} is held`, {
    hint: `Wait until ${tool} is done; if it died, see what it left, release its lock with ${tool}, and adopt again.`,
  });
}

function refuseDirty(
  tool: ForeignTool,
  observed: string,
  { hint }: { readonly hint: string },
): never {
  throw new OperationError(
    "ADOPT_LEDGER_DIRTY",
    `Cannot take over the ledger of ${tool}: ${observed}, expected every entry to be whole`,
    { details: { tool, observed }, hint },
  );
}
