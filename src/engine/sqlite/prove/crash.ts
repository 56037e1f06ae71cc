/** A migration that is killed at a statement of one's choice, and the counting of the statements there are. */
import { Database } from "bun:sqlite";
import type { Direction } from "../../../migration/plan.ts";
import type { Version } from "../../../migration/version.ts";
import { createMigrator } from "../../migrator.ts";
import type { MigrationSource } from "../../source.ts";
import { type Binding, Connection, Prepared, type RunResult } from "../connection.ts";
import { createSqliteDriver } from "../driver.ts";

export interface CrashJob {
  /** An existing database, in WAL mode. */
  readonly databasePath: string;
  readonly direction: Direction;
  /** The version to go up or back to. */
  readonly target: Version;
}

/** Runs the job and calls `kill` before the statement of this number, which is expected not to return. */
export function crashAt(
  job: CrashJob,
  source: MigrationSource,
  { killAt, kill }: { readonly killAt: number; readonly kill: () => void },
): void {
  runWatched(job, source, (count) => {
    if (count === killAt) kill();
  });
}

/**
 * Runs the job and calls `onStatement` before every statement that can write: those of the migration and the engine's
 * own, from BEGIN to COMMIT. Statements count from 1, the same ones each time as long as the migrations do the same.
 */
export function runWatched(
  { databasePath, direction, target }: CrashJob,
  source: MigrationSource,
  onStatement: (count: number, sql: string) => void,
): void {
  let count = 0;
  const database = new Database(databasePath, { readwrite: true, create: false });
  using connection = new WatchedConnection(database, databasePath, (sql) =>
    onStatement(++count, sql),
  );
  // A killed process leaves what it wrote, whether or not it has reached the disk.
  for (const pragma of ["busy_timeout = 5000", "foreign_keys = ON", "synchronous = OFF"])
    database.run(`PRAGMA ${pragma}`);
  const migrator = createMigrator({ driver: createSqliteDriver(connection), source });
  if (direction === "up") migrator.up({ target });
  else migrator.rollback({ target, useFiles: true });
}

class WatchedConnection extends Connection {
  readonly #inner: Database;
  readonly #onStatement: (sql: string) => void;
  readonly #kept = new Map<string, Prepared<never>>();

  constructor(database: Database, path: string, onStatement: (sql: string) => void) {
    super(database, path);
    this.#inner = database;
    this.#onStatement = onStatement;
  }

  override prepare<Row = Record<string, Binding>>(sql: string, action?: string): Prepared<Row> {
    const known = this.#kept.get(sql);
    if (known !== undefined) return known as Prepared<unknown> as Prepared<Row>;
    const prepared = this.compile<Row>(sql, action ?? "run a statement");
    this.#kept.set(sql, prepared as Prepared<unknown> as Prepared<never>);
    return prepared;
  }

  override compile<Row = Record<string, Binding>>(sql: string, action: string): Prepared<Row> {
    return new WatchedPrepared<Row>(this.#inner, { sql, action, onStatement: this.#onStatement });
  }

  override runOnce(sql: string): void {
    this.#onStatement(sql);
    super.runOnce(sql);
  }

  override forgetStatements(): void {
    for (const prepared of this.#kept.values()) prepared.finalize();
    super.forgetStatements();
  }
}

/** Only `run` writes: BEGIN and COMMIT, the ledger's rows, what a function runs. */
class WatchedPrepared<Row> extends Prepared<Row> {
  readonly #onStatement: () => void;

  constructor(
    database: Database,
    {
      sql,
      action,
      onStatement,
    }: {
      readonly sql: string;
      readonly action: string;
      readonly onStatement: (sql: string) => void;
    },
  ) {
    super(database, sql, action);
    this.#onStatement = () => onStatement(sql);
  }

  override run(...values: Binding[]): RunResult {
    this.#onStatement();
    return super.run(...values);
  }
}
