/** Fills a migrated database with the rows of an environment, once for every text that a seed has had. */
import { MigrationError, OperationError, type UsageDbError } from "../../errors.ts";
import { positionIn, statementsOf } from "../../migration/sql-body.ts";
import type { Statement } from "../../migration/sql-scanner.ts";
import type { Migrator } from "../migrator.ts";
import type { Seed } from "../seed-file.ts";
import type { Connection } from "./connection.ts";
import { baselineOf, newViolations, readViolations } from "./foreign-keys.ts";
import { quoteIdentifier } from "./quote.ts";
import { type DeclareOptions, enterSeed, refuseEnvironment } from "./seed-environment.ts";
import { readSeedEntries, type SeedEntry } from "./seed-ledger.ts";
import { writtenTables } from "./seed-tables.ts";
import { type FailedWork, failureAt, refuseOrphans } from "./step-failure.ts";
import { readContents, type TableContents } from "./table-contents.ts";

export interface SeedOptions extends DeclareOptions {
  /** Over the same connection; says whether anything is pending. */
  readonly migrator: Pick<Migrator, "plan">;
}

export interface SeedReport {
  readonly environment: string;
  /** up-to-date: this very seed was the last one, and nothing was done. */
  readonly status: "applied" | "up-to-date";
  readonly file: string;
  readonly checksum: string;
  readonly statementCount: number;
  /** The tables that the seed may write to; empty when nothing was done. */
  readonly tables: readonly {
    readonly name: string;
    readonly rowsBefore: number;
    readonly rowsAfter: number;
  }[];
  /** Epoch milliseconds: when this seed was applied. */
  readonly appliedAt: number;
  readonly executionTimeMs: number;
}

/** Long enough for a clock in milliseconds to show another time in the second run. */
const TICK_MS = 2;

/**
 * Runs a seed in one transaction, unless the database has had this very text last. Inside it the seed is run a second
 * time, which must change nothing, and that run is undone. Foreign keys are off and checked, as for a migration.
 * @throws {OperationError} DATABASE_OUTDATED when migrations are pending, SEED_ENVIRONMENT for another environment's
 *   database.
 * @throws {MigrationError} SEED_FAILED with the statement's position, SEED_NOT_IDEMPOTENT with the tables,
 *   SEED_STATEMENT_FORBIDDEN, MIGRATION_FOREIGN_KEYS, MIGRATION_ENDED_TRANSACTION; nothing was written.
 */
export function applySeed(connection: Connection, seed: Seed, options: SeedOptions): SeedReport {
  const known = upToDateEntry(connection, seed, options);
  if (known !== null) return reportOf(seed, known, []);
  const work = workOf(seed);
  const statements = statementsOf(seed.body);
  const tables = writtenTables(connection, seed.body, statements);
  return withoutForeignKeys(connection, () =>
    connection.transaction(() => {
      // Another process may have migrated or seeded since the look without a lock.
      const entry = upToDateEntry(connection, seed, options);
      if (entry !== null) return reportOf(seed, entry, []);
      const baseline = baselineOf(readViolations(connection));
      const rowsBefore = tables.map((table) => rowCount(connection, table));
      const startedAt = performance.now();
      run(connection, seed, work);
      const executionTimeMs = performance.now() - startedAt;
      refuseOrphans(work, newViolations(readViolations(connection), baseline));
      refuseUnrepeatable(connection, seed, tables);
      const applied = enterSeed(connection, seed.environment, {
        checksum: seed.checksum,
        now: options.now,
        executionTimeMs,
      });
      const changes = tables.map((name, index) => ({
        name,
        rowsBefore: rowsBefore[index] ?? 0,
        rowsAfter: rowCount(connection, name),
      }));
      return { ...reportOf(seed, applied, changes), status: "applied" as const };
    }, work.action),
  );
}

/** What `applySeed` would find: the entry that makes it do nothing, null when it would run. Reads only. */
export function upToDateEntry(
  connection: Connection,
  { environment, checksum }: Seed,
  { migrator, switchFrom }: SeedOptions,
): SeedEntry | null {
  refusePending(migrator, environment);
  const entries = readSeedEntries(connection);
  refuseEnvironment(connection, entries, environment, switchFrom);
  const since = entries.findIndex((entry) => entry.environment !== environment);
  const own = since < 0 ? entries : entries.slice(0, since);
  const last = own.find((entry) => entry.checksum !== null);
  return last?.checksum === checksum ? last : null;
}

function refusePending(migrator: Pick<Migrator, "plan">, environment: string): void {
  const pending = migrator.plan();
  if (pending.length === 0) return;
  const versions = pending.map(({ version }) => version);
  throw new OperationError(
    "DATABASE_OUTDATED",
    `Cannot seed ${environment}: ${pending.length} migration(s) are pending (${versions.join(", ")}), expected none`,
    { details: { environment, pending: versions }, hint: "Run `migrate up` first." },
  );
}

function workOf({ environment, body }: Seed): FailedWork {
  const details = { environment, file: body.file };
  return {
    action: `seed ${environment}`,
    file: body.file,
    code: "SEED_FAILED",
    details,
    orphanHint: "Insert the rows that they point at in the same seed, or leave them out.",
  };
}

function run(connection: Connection, { body }: Seed, work: FailedWork): void {
  for (const statement of statementsOf(body)) runOne(connection, body, statement, work);
}

function runOne(
  connection: Connection,
  body: Seed["body"],
  statement: Statement,
  work: FailedWork,
): void {
  try {
    connection.runOnce(statement.text);
  } catch (error) {
    throw failureAt(error, work, { body, statement });
  }
  if (connection.inTransaction) return;
  throw new MigrationError(
    "MIGRATION_ENDED_TRANSACTION",
    `Cannot ${work.action}: a statement ended its transaction, expected it to stay open`,
    { details: { ...work.details, position: positionIn(body, statement.start) } },
  );
}

/** Reading whole tables is left for a seed that writes to them again, be it the same values. */
function refuseUnrepeatable(connection: Connection, seed: Seed, tables: readonly string[]): void {
  const before = totalChanges(connection);
  const written = runAgain(connection, seed, () => totalChanges(connection) - before);
  if (written === 0) return;
  const once = contentsOf(connection, tables);
  const twice = runAgain(connection, seed, () => contentsOf(connection, tables));
  const changes = tables.flatMap((table) => {
    const [then, now] = [once.get(table), twice.get(table)];
    if (then?.rowCount === now?.rowCount && then?.digest === now?.digest) return [];
    return [{ table, rowsOnce: then?.rowCount ?? 0, rowsTwice: now?.rowCount ?? 0 }];
  });
  if (changes.length === 0) return;
  const named = changes.map(({ table, rowsOnce, rowsTwice }) =>
    rowsOnce === rowsTwice
      ? `${table} has other values`
      : `${table} has ${rowsTwice} row(s) instead of ${rowsOnce}`,
  );
  throw new MigrationError(
    "SEED_NOT_IDEMPOTENT",
    `Cannot seed ${seed.environment}: run a second time, ${named.join(", ")}, expected ${seed.body.file} to change nothing then`,
    { details: { environment: seed.environment, file: seed.body.file, changes } },
  );
}

/** Runs the seed once more, looks at the result and undoes it. */
function runAgain<T>(connection: Connection, seed: Seed, look: () => T): T {
  Bun.sleepSync(TICK_MS);
  connection.runOnce("SAVEPOINT seed_again");
  try {
    run(connection, seed, { ...workOf(seed), action: `seed ${seed.environment} again` });
  } catch (error) {
    throw repeatFailure(error, seed);
  }
  const seen = look();
  connection.runOnce("ROLLBACK TO seed_again");
  connection.runOnce("RELEASE seed_again");
  return seen;
}

/** Rows that this connection has inserted, updated or deleted so far, by triggers too. */
function totalChanges(connection: Connection): number {
  return Number(connection.readOnce("SELECT total_changes()")[0]?.[0]);
}

function rowCount(connection: Connection, table: string): number {
  return Number(connection.readOnce(`SELECT count(*) FROM ${quoteIdentifier(table)}`)[0]?.[0]);
}

/** The author's seed failed on its own rows; a full disk or another process is something else. */
function repeatFailure(error: unknown, seed: Seed): unknown {
  const isSeeds = error instanceof MigrationError && error.code === "SEED_FAILED";
  if (!isSeeds) return error;
  const { details, message }: UsageDbError = error;
  return new MigrationError(
    "SEED_NOT_IDEMPOTENT",
    `${message}, expected ${seed.body.file} to run twice`,
    {
      details,
      cause: error.cause,
    },
  );
}

function contentsOf(
  connection: Connection,
  tables: readonly string[],
): ReadonlyMap<string, TableContents> {
  return new Map(tables.map((table) => [table, readContents(connection, table)]));
}

function reportOf(
  { environment, body, checksum }: Seed,
  { applied_at, execution_time_ms }: SeedEntry,
  tables: SeedReport["tables"],
): SeedReport {
  return {
    environment,
    status: "up-to-date",
    file: body.file,
    checksum,
    statementCount: statementsOf(body).length,
    tables,
    appliedAt: applied_at,
    executionTimeMs: execution_time_ms,
  };
}

/** With foreign keys on, INSERT OR REPLACE of a parent would take its children along in silence. */
function withoutForeignKeys<T>(connection: Connection, work: () => T): T {
  const before = Number(connection.readOnce("PRAGMA foreign_keys")[0]?.[0] ?? 0);
  connection.runOnce("PRAGMA foreign_keys = OFF");
  try {
    // Inside somebody's transaction the pragma does nothing.
    if (connection.readOnce("PRAGMA foreign_keys")[0]?.[0] !== 0) refuseForeignKeys(connection);
    return work();
  } finally {
    connection.forgetStatements();
    connection.runOnce(`PRAGMA foreign_keys = ${before}`);
  }
}

function refuseForeignKeys({ path }: Connection): never {
  throw new OperationError("PRAGMA_REFUSED", `Cannot seed ${path}: foreign_keys is 1, expected 0`, {
    details: { pragma: "foreign_keys", observed: "1", expected: 0 },
  });
}
