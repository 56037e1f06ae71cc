/** The SQLite side of the migrator: one step, one immediate transaction, one ledger row. */
import { MigrationError, OperationError, UsageDbError } from "../../errors.ts";
import type { AppliedMigration, FunctionBody } from "../../migration/migration.ts";
import type { Step } from "../../migration/plan.ts";
import { headOf } from "../../migration/standing.ts";
import { statementsOf } from "../../migration/sections.ts";
import type { Version } from "../../migration/version.ts";
import type { LedgerHead, MigrationDriver, StepContext, StepOutcome } from "../driver.ts";
import { isPromise } from "../task.ts";
import type { Connection } from "./connection.ts";
import {
  baselineOf,
  deleteOrphans,
  newViolations,
  readViolations,
  type ViolationBaseline,
} from "./foreign-keys.ts";
import {
  deleteLedgerRow,
  hasLedger,
  insertLedgerRow,
  LEDGER_SQL,
  mirroredVersion,
  readAppliedVersions,
  readLedgerHead,
  readLedgerRows,
} from "./ledger.ts";
import { moduleDatabase } from "./module-database.ts";
import { SchemaFingerprint } from "./schema.ts";
import { toUsageDbError } from "./sqlite-errors.ts";
import { actionOf, failureOf, refuseViolations } from "./step-failure.ts";

/** No value of PRAGMA data_version. */
const NEVER_SEEN = -1;
/**
 * Pages of WAL between checkpoints while a run goes on. At SQLite's own 1,000, two hundred small migrations wait
 * for the disk once or twice in their midst; what is left over is checkpointed when the connection closes.
 */
const RUN_AUTOCHECKPOINT_PAGES = 4000;

export interface SqliteDriverOptions {
  /** Written together with the ledger, to mark the file as the product's own. */
  readonly applicationId?: number;
}

export function createSqliteDriver(
  connection: Connection,
  options: SqliteDriverOptions = {},
): MigrationDriver {
  return new SqliteDriver(connection, options);
}

class SqliteDriver implements MigrationDriver {
  readonly dialect = "sqlite";
  readonly #connection: Connection;
  readonly #applicationId: number | undefined;
  readonly #fingerprint = new SchemaFingerprint();
  #baseline: ViolationBaseline = new Map();
  /** The settings that a run changes, as they were; null between runs. */
  #settingsBefore: { readonly foreignKeys: number; readonly autocheckpoint: number } | null = null;
  /** PRAGMA data_version when the database was last looked at: unchanged means nobody else committed since. */
  #seenDataVersion = NEVER_SEEN;
  #hasLedger = false;

  constructor(connection: Connection, options: SqliteDriverOptions) {
    this.#connection = connection;
    this.#applicationId = options.applicationId;
  }

  readHead(): LedgerHead | null {
    return this.#reading(() => readLedgerHead(this.#connection));
  }

  readLedger(): AppliedMigration[] {
    return this.#reading(() =>
      hasLedger(this.#connection) ? readLedgerRows(this.#connection) : [],
    );
  }

  /**
   * Switches foreign keys off: inside a transaction the pragma does nothing, and with them on a table
   * rebuild deletes every child row by cascade. The database is looked at by the first step, inside its lock:
   * looked at here, a commit between the plan and now would pass for what the plan was made from.
   */
  startRun(): void {
    this.#reading(() => {
      this.#connection.forgetStatements();
      this.#seenDataVersion = NEVER_SEEN;
      this.#settingsBefore = {
        foreignKeys: this.#numberOf("foreign_keys"),
        autocheckpoint: this.#numberOf("wal_autocheckpoint"),
      };
      this.#setForeignKeys(0);
      // 0 is somebody's decision to checkpoint on their own.
      if (this.#settingsBefore.autocheckpoint > 0)
        this.#connection.runOnce(`PRAGMA wal_autocheckpoint = ${RUN_AUTOCHECKPOINT_PAGES}`);
    });
  }

  finishRun(): void {
    const before = this.#settingsBefore;
    if (before === null) return;
    this.#reading(() => {
      this.#connection.forgetStatements();
      this.#setForeignKeys(before.foreignKeys);
      this.#connection.runOnce(`PRAGMA wal_autocheckpoint = ${before.autocheckpoint}`);
    });
    this.#settingsBefore = null;
  }

  applyStep(step: Step, context: StepContext): StepOutcome {
    const action = actionOf(step);
    return this.#connection.transaction(() => {
      if (!this.#isLedgerAsExpected(context.expectedVersions)) return { outcome: "ledger-changed" };
      if (!this.#hasLedger) this.#createLedger();
      const startedAt = performance.now();
      const isAdditive = this.#run(step);
      const executionTimeMs = performance.now() - startedAt;
      this.#fingerprint.refresh(this.#connection, isAdditive);
      this.#refuseNewViolations(step);
      this.#writeLedger(step, context, executionTimeMs);
      return { outcome: "applied", executionTimeMs };
    }, action);
  }

  writeStamp(stamp: string, expectedVersions: readonly Version[]): void {
    const head = headOf(expectedVersions.map((version) => ({ version })));
    if (this.#connection.inTransaction) return;
    const busyTimeoutMs = this.#numberOf("busy_timeout");
    const autocheckpoint = this.#numberOf("wal_autocheckpoint");
    // Only a cache: whoever holds the lock now matters more, and it is not worth a wait for the disk.
    this.#connection.runOnce("PRAGMA busy_timeout = 0");
    this.#connection.runOnce("PRAGMA wal_autocheckpoint = 0");
    try {
      this.#connection.transaction(() => {
        const versions = readAppliedVersions(this.#connection);
        if (!isSame(versions, expectedVersions)) return;
        this.#connection
          .prepare(
            "UPDATE schema_migrations SET source_stamp = ? WHERE version = ?",
            "write the ledger",
          )
          .run(stamp, head);
      }, "write the ledger");
    } catch (error) {
      // Busy, read-only, full: the migrations are as applied as before.
      if (!(error instanceof OperationError)) throw error;
    } finally {
      this.#connection.runOnce(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
      this.#connection.runOnce(`PRAGMA wal_autocheckpoint = ${autocheckpoint}`);
    }
  }

  #reading<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw toUsageDbError(error, `read the ledger of ${this.#connection.path}`, {
        path: this.#connection.path,
      });
    }
  }

  #numberOf(pragma: string): number {
    return Number(this.#connection.readOnce(`PRAGMA ${pragma}`)[0]?.[0] ?? 0);
  }

  #setForeignKeys(value: number): void {
    this.#connection.runOnce(`PRAGMA foreign_keys = ${value}`);
    const observed = this.#numberOf("foreign_keys");
    if (observed === value) return;
    throw new UsageDbError(
      "PRAGMA_REFUSED",
      `Cannot migrate ${this.#connection.path}: foreign_keys is ${String(observed)}, expected ${value}`,
      { details: { pragma: "foreign_keys", observed: String(observed), expected: value } },
    );
  }

  /** Takes in what others may have changed: the schema, the ledger's existence, violations that are not ours. */
  #look(): void {
    this.#seenDataVersion = this.#dataVersion();
    this.#hasLedger = hasLedger(this.#connection);
    this.#fingerprint.refresh(this.#connection, false);
    this.#baseline = this.#fingerprint.hasForeignKeys ? baselineOf(this.#violations()) : new Map();
  }

  #dataVersion(): number {
    return this.#connection.prepare("PRAGMA data_version").values()[0]?.[0] as number;
  }

  #isLedgerAsExpected(expected: readonly Version[]): boolean {
    if (this.#dataVersion() === this.#seenDataVersion) return true;
    this.#look();
    return isSame(this.#hasLedger ? readAppliedVersions(this.#connection) : [], expected);
  }

  #createLedger(): void {
    for (const sql of LEDGER_SQL) this.#connection.runOnce(sql);
    if (this.#applicationId !== undefined)
      this.#connection.runOnce(`PRAGMA application_id = ${this.#applicationId}`);
    this.#hasLedger = true;
  }

  /** Runs a step's body; true when it can only have added to the schema. */
  #run(step: Step): boolean {
    const { body } = step;
    if (body.kind === "function") {
      this.#runFunction(step, body);
      return false;
    }
    let isAdditive = true;
    for (const statement of statementsOf(body)) {
      const verb = statement.words[0];
      if (verb === "ALTER" || verb === "DROP") isAdditive = false;
      try {
        this.#connection.runOnce(statement.text);
      } catch (error) {
        throw failureOf(error, step, body, statement);
      }
      this.#refuseEndedTransaction(step);
    }
    return isAdditive;
  }

  #runFunction(step: Step, body: FunctionBody): void {
    const access = moduleDatabase(this.#connection, body.file);
    let result: unknown;
    try {
      result = body.run(access.database);
    } catch (error) {
      const last = access.lastStatement();
      throw failureOf(error, step, last?.body ?? null, last?.statement ?? null);
    } finally {
      access.revoke();
      this.#connection.forgetStatements();
    }
    if (isPromise(result)) {
      // It may still be rejected, for instance by the handle that was just revoked.
      result.then(undefined, () => undefined);
      throw new MigrationError(
        "MIGRATION_ASYNC",
        `Cannot ${actionOf(step)}: its ${step.direction} returned a promise, expected a synchronous function`,
        { details: { version: step.version, file: body.file, direction: step.direction } },
      );
    }
    this.#refuseEndedTransaction(step);
  }

  #refuseEndedTransaction(step: Step): void {
    if (this.#connection.inTransaction) return;
    throw new MigrationError(
      "MIGRATION_ENDED_TRANSACTION",
      `Cannot ${actionOf(step)}: it ended its own transaction, expected it to stay open`,
      { details: { version: step.version, file: step.file, direction: step.direction } },
    );
  }

  #violations(): ReturnType<typeof readViolations> {
    return readViolations(this.#connection);
  }

  #refuseNewViolations(step: Step): void {
    if (!this.#fingerprint.hasForeignKeys) return;
    if (step.cascades !== undefined) deleteOrphans(this.#connection, step.cascades, this.#baseline);
    const violations = this.#violations();
    refuseViolations(step, newViolations(violations, this.#baseline));
    this.#baseline = baselineOf(violations);
  }

  #writeLedger(step: Step, context: StepContext, executionTimeMs: number): void {
    let head: Version;
    if (step.direction === "up") {
      insertLedgerRow(this.#connection, {
        step,
        appliedAt: context.appliedAt,
        executionTimeMs,
        schemaHash: this.#fingerprint.hash,
        toolVersion: context.toolVersion,
      });
      head = Math.max(step.version, context.expectedVersions.at(-1) ?? 0);
    } else {
      deleteLedgerRow(this.#connection, step.version);
      head = headOf(
        context.expectedVersions
          .filter((version) => version !== step.version)
          .map((version) => ({ version })),
      );
    }
    this.#connection.runOnce(`PRAGMA user_version = ${mirroredVersion(head)}`);
  }
}

function isSame(left: readonly Version[], right: readonly Version[]): boolean {
  return left.length === right.length && left.every((version, index) => version === right[index]);
}
