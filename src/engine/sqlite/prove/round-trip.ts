/** Each version up, down and up again, on tables as the migrations leave them or filled with rows. */
import { UsageDbError } from "../../../errors.ts";
import type { Migration } from "../../../migration/migration.ts";
import type { Direction } from "../../../migration/plan.ts";
import { NO_VERSION, type Version } from "../../../migration/version.ts";
import type { Connection } from "../connection.ts";
import { ENGINE_TABLES_SQL } from "../ledger-tables.ts";
import type { TableFiller } from "./fill.ts";
import { countRows } from "./insert.ts";
import { deletesFrom, labelOf, objectOf, originOf, startOf } from "./position.ts";
import { failed, failedBy, notTested, passed, type ProofCheck } from "./report.ts";
import { beforeRebuild, raiseSequences, rebuildChecks, sequenceChecks } from "./rebuilds.ts";
import type { Sandbox, SandboxDatabase } from "./sandbox.ts";
import { describeSchema, diffSchemas } from "../schema.ts";

export interface RoundTripOptions {
  readonly sandbox: Sandbox;
  readonly migrations: readonly Migration[];
  /** Fills the tables before and after each up; null leaves them as they are. */
  readonly filler: TableFiller | null;
  /** Versions that need no look with rows, because they fail without. */
  readonly skip: ReadonlySet<Version>;
  /** Awaited before each version; what it throws ends the proof. */
  readonly onVersion: () => Promise<void>;
}

/** One check or more a version; the versions themselves are taken to run on an empty database. */
export async function proveRoundTrips(options: RoundTripOptions): Promise<ProofCheck[]> {
  const walk = new RoundTrips(options);
  try {
    return await walk.run();
  } finally {
    walk.close();
  }
}

interface Schema {
  /** A fresh migration up to here builds the same. */
  readonly version: Version;
  /** The text of sqlite_schema: equal texts need no closer look. */
  readonly text: string;
  readonly tables: readonly string[];
}

class RoundTrips {
  readonly #options: RoundTripOptions;
  readonly #topic: "round-trip-empty" | "round-trip-filled";
  #database: SandboxDatabase;
  #before: Schema;

  constructor(options: RoundTripOptions) {
    this.#options = options;
    this.#topic = options.filler === null ? "round-trip-empty" : "round-trip-filled";
    this.#database = options.sandbox.open();
    this.#before = readSchema(this.#database.connection, NO_VERSION);
  }

  async run(): Promise<ProofCheck[]> {
    const checks: ProofCheck[] = [];
    let below: Version = NO_VERSION;
    for (const migration of this.#options.migrations) {
      await this.#options.onVersion();
      const found = this.#options.skip.has(migration.version)
        ? [this.#skipped(migration)]
        : this.#prove(migration, below);
      // After a failure the database is nobody knows where; the next version deserves a sound start.
      if (found.some(({ status }) => status === "failed") || this.#isSkipped(migration))
        this.#restart(migration.version);
      checks.push(...found);
      below = migration.version;
    }
    return checks;
  }

  close(): void {
    this.#database.connection.close();
  }

  #isSkipped({ version }: Migration): boolean {
    return this.#options.skip.has(version);
  }

  #skipped(migration: Migration): ProofCheck {
    return notTested(
      this.#topic,
      labelOf(migration),
      { observed: "it fails on empty tables already", remedy: "Mend that first." },
      { version: migration.version, position: startOf(migration.down) },
    );
  }

  #prove(migration: Migration, below: Version): ProofCheck[] {
    const { version, up, down } = migration;
    const { connection, migrator } = this.#database;
    const subject = labelOf(migration);
    this.#fill();
    const start = this.#before;
    const startRows = this.#countRows(start);
    const about = { topic: this.#topic, migration };
    const isFilled = this.#options.filler !== null;
    const sequences = isFilled ? raiseSequences(connection) : new Map<string, number>();
    const beforeUp = isFilled ? null : beforeRebuild(connection, up);

    const upFailure = this.#attempt(subject, "up", () => migrator.up({ target: version }));
    if (upFailure !== null) return [upFailure];
    const after = readSchema(connection, version);
    this.#before = after;
    const upLosses = this.#losses(migration, "up", startRows, this.#countRows(after));
    upLosses.push(...sequenceChecks(connection, sequences, { ...about, direction: "up" }));
    if (upLosses.length > 0) return upLosses;
    const rebuilds = rebuildChecks(connection, beforeUp, about);
    // What the up loses for good is the cause; that the down does not bring it back follows from it.
    if (rebuilds.some(({ status }) => status === "failed")) return rebuilds;
    if (down === null) {
      return [
        ...rebuilds,
        notTested(
          this.#topic,
          subject,
          { observed: "it has no down: forward only", remedy: null },
          { version, position: startOf(up) },
        ),
      ];
    }

    this.#fill();
    const afterRows = this.#countRows(after);
    // The ledger holds the same text, but the file gives better positions.
    const downFailure = this.#attempt(subject, "down", () =>
      migrator.rollback({ target: below, useFiles: true }),
    );
    if (downFailure !== null) return [downFailure];
    const differences = this.#differences(migration, this.#compare(start));
    if (differences.length > 0) return [...differences, ...rebuilds];
    const downLosses = this.#losses(migration, "down", afterRows, this.#countRows(start));
    downLosses.push(...sequenceChecks(connection, sequences, { ...about, direction: "down" }));
    if (downLosses.length > 0) return downLosses;

    const againFailure = this.#attempt(subject, "up again", () => migrator.up({ target: version }));
    if (againFailure !== null) return [againFailure];
    const lasting = this.#compare(after);
    if (lasting.length > 0) {
      return lasting.map((difference) =>
        failed(
          this.#topic,
          subject,
          {
            observed: `up, down and up again is not up: ${difference}`,
            remedy: "Make the up independent of what was there before its down.",
          },
          { version, position: startOf(up) },
        ),
      );
    }
    return [...rebuilds, passed(this.#topic, subject, "up, down and up again", { version })];
  }

  #fill(): void {
    this.#options.filler?.fill(this.#database.connection);
  }

  #attempt(
    subject: string,
    direction: Direction | "up again",
    work: () => unknown,
  ): ProofCheck | null {
    try {
      work();
      return null;
    } catch (error) {
      if (!(error instanceof UsageDbError) || error.audience === "operator") throw error;
      const remedy =
        direction === "up again"
          ? "Make the down take back everything that the up makes."
          : this.#remedyOf(error, direction);
      return failedBy(this.#topic, subject, error, remedy);
    }
  }

  #remedyOf(error: UsageDbError, direction: Direction): string {
    if (this.#options.filler === null) return error.hint;
    if (/Cannot add a .*column/i.test(error.message))
      return "It works on empty tables only: give the new column a constant DEFAULT, or add it nullable and fill it.";
    if (error.code === "MIGRATION_FOREIGN_KEYS") return error.hint;
    return direction === "up"
      ? "It works on empty tables only: bring the rows that exist into shape first, in the same migration."
      : "It works on empty tables only: let the down bring rows into the old shape, or delete them, first.";
  }

  /** What the down left behind or took too much of. */
  #differences(migration: Migration, differences: readonly string[]): ProofCheck[] {
    const { migrations } = this.#options;
    return differences.map((difference) => {
      const { type, name, isLeftBehind } = objectOf(difference);
      const origin = originOf(migrations, name);
      const isOwn = isLeftBehind && origin.version === migration.version;
      return failed(
        this.#topic,
        labelOf(migration),
        {
          observed: isLeftBehind
            ? `the down leaves ${type} ${name} behind`
            : `up and down changes the schema: ${difference}`,
          remedy: isLeftBehind
            ? `Add \`DROP ${type.toUpperCase()} ${name}\` to the down.`
            : "Make the down restore it exactly as it was.",
        },
        {
          version: migration.version,
          table: type === "table" ? name : null,
          position: isOwn ? origin.position : startOf(migration.down),
        },
      );
    });
  }

  #countRows(schema: Schema): Map<string, number> {
    const { filler } = this.#options;
    const tables = filler === null ? [] : schema.tables;
    return new Map(
      tables.map((table) => [table, countRows(this.#database.connection, table)] as const),
    );
  }

  /** Tables that were there before and after, and lost every row without a DELETE that says so: a rebuild that forgot to copy. */
  #losses(
    migration: Migration,
    direction: Direction,
    before: ReadonlyMap<string, number>,
    after: ReadonlyMap<string, number>,
  ): ProofCheck[] {
    const body = direction === "up" ? migration.up : migration.down;
    if (body === null) return [];
    return [...before]
      .filter(([table, count]) => count > 0 && after.get(table) === 0)
      .filter(([table]) => !deletesFrom(body, table))
      .map(([table, count]) =>
        failed(
          this.#topic,
          labelOf(migration),
          {
            observed: `its ${direction} loses all ${count} rows of ${table}`,
            remedy: `Copy the rows before the old table is dropped; if they must go, say so with \`DELETE FROM ${table}\`.`,
          },
          { version: migration.version, table, position: startOf(body) },
        ),
      );
  }

  #restart(version: Version): void {
    this.close();
    this.#database = this.#options.sandbox.openAt(version);
    this.#before = readSchema(this.#database.connection, version);
  }

  /** How the schema differs from what it was; a description costs too much to be made before it is needed. */
  #compare(expected: Schema): string[] {
    const { connection } = this.#database;
    if (readSchema(connection, expected.version).text === expected.text) return [];
    using fresh = this.#options.sandbox.openAt(expected.version);
    return diffSchemas(describeSchema(fresh.connection), describeSchema(connection));
  }
}

function readSchema(connection: Connection, version: Version): Schema {
  const rows = connection.readOnce(
    `SELECT type, name, sql
     FROM sqlite_schema
     WHERE tbl_name NOT IN (${ENGINE_TABLES_SQL}) AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
     ORDER BY type, name`,
  );
  const tables = rows.flatMap(([type, name]) => (type === "table" ? [String(name)] : []));
  return { version, text: JSON.stringify(rows), tables };
}
