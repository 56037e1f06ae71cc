/** The SQLite side of the migrator: one step, one immediate transaction, one ledger row. */
import { type MigrationError, OperationError } from "../../errors.ts";
import type { AppliedMigration, Migration } from "../../migration/migration.ts";
import type { Step } from "../../migration/plan.ts";
import { headOf } from "../../migration/standing.ts";
import { hasLimit } from "../../migration/touches.ts";
import type { UnfinishedMigration } from "../../migration/unfinished.ts";
import type { Version } from "../../migration/version.ts";
import type {
  Drift,
  LedgerHead,
  MigrationDriver,
  PartOutcome,
  StepContext,
  StepOutcome,
} from "../driver.ts";
import type { Connection } from "./connection.ts";
import { writeIfIdle } from "./idle-write.ts";
import {
  ensureLedger,
  hasLedger,
  readAppliedVersions,
  readLedgerHead,
  readLedgerRows,
  recordedHash,
} from "./ledger.ts";
import type { PartsResult } from "./parts/part-host.ts";
import type { PartRunner } from "./parts/part-runner.ts";
import { deleteProgress, type Progress, readProgress } from "./progress.ts";
import { RunSettings } from "./run-settings.ts";
import { runStep } from "./run-step.ts";
import { SchemaFingerprint } from "./schema-fingerprint.ts";
import { StepLock } from "./step-lock.ts";
import { toUsageDbError } from "./sqlite-errors.ts";
import { actionOf } from "./step-failure.ts";
import { StepKeys } from "./step-keys.ts";
import { recordFailedStep, recordStep } from "./step-record.ts";

/** No value of PRAGMA data_version. */
const NEVER_SEEN = -1;

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
  readonly #lock: StepLock;
  readonly #settings: RunSettings;
  readonly #keys: StepKeys;
  readonly #fingerprint = new SchemaFingerprint();
  /** PRAGMA data_version when the database was last looked at: unchanged means nobody else committed since. */
  #seenDataVersion = NEVER_SEEN;
  #hasLedger = false;
  #unfinished: Progress | null = null;
  #parts: PartRunner | null = null;

  constructor(connection: Connection, options: SqliteDriverOptions) {
    this.#connection = connection;
    this.#lock = new StepLock(connection);
    this.#settings = new RunSettings(connection);
    this.#keys = new StepKeys(connection);
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

  checkSteps(steps: readonly Step[]): void {
    if (!steps.some(({ body }) => hasLimit(body))) return;
    // Not loaded with this module: hardly a section has a limit.
    const { checkLimits } =
      require("./hazards/touch-limit.ts") as typeof import("./hazards/touch-limit.ts");
    this.#reading(() => checkLimits(this.#connection, steps));
  }

  /**
   * The database is looked at by the first step, inside its lock: looked at here, a commit between the plan and now
   * would pass for what the plan was made from.
   */
  startRun(): void {
    this.#reading(() => {
      this.#connection.forgetStatements();
      this.#seenDataVersion = NEVER_SEEN;
      this.#settings.start();
      this.#lock.start();
    });
  }

  finishRun(): void {
    if (!this.#settings.isInForce) return;
    this.#lock.end();
    this.#reading(() => {
      this.#connection.forgetStatements();
      this.#settings.end();
    });
  }

  applyStep(planned: Step, context: StepContext): StepOutcome {
    const action = actionOf(planned);
    return this.#lock.hold(action, context, () => {
      if (!this.#isLedgerAsExpected(context.expectedVersions)) return { outcome: "ledger-changed" };
      // Another process began a step in parts after this plan was made: nothing may run past it.
      if (this.#isBlocked(planned)) return { outcome: "ledger-changed" };
      this.#refuseElsewhere(action);
      const step = planned.confirm?.() ?? planned;
      // The schema may not be the one that the plan was checked against.
      this.checkSteps([step]);
      if (!this.#hasLedger) ensureLedger(this.#connection);
      if (context.expectedVersions.length === 0) this.#markAsOwn();
      this.#hasLedger = true;
      const startedAt = performance.now();
      const isAdditive = runStep(this.#connection, step, context);
      const executionTimeMs = performance.now() - startedAt;
      this.#fingerprint.refresh(this.#connection, isAdditive);
      this.#refuseNewViolations(step);
      this.#record(step, context, executionTimeMs);
      return { outcome: "applied", executionTimeMs };
    });
  }

  readUnfinished(): UnfinishedMigration | null {
    return this.#reading(() => readProgress(this.#connection));
  }

  /**
   * Chunks run with foreign keys on, as they only change rows: SQLite looks after them row by row, where a check of
   * everything would take longer than the chunk.
   */
  applyPart(step: Step, context: StepContext): PartOutcome {
    this.#parts ??= this.#partRunner();
    this.#settings.resume(step.body.kind === "batched" ? 1 : 0);
    this.#lock.resume();
    const outcome = this.#parts.apply(step, context);
    const isOver = outcome.outcome === "applied" || outcome.outcome === "ledger-changed";
    if (isOver) this.#settings.setForeignKeys(0);
    else {
      // In the pause the connection is as its owner has it.
      this.#settings.pause();
      this.#lock.pause();
    }
    this.#seenDataVersion = NEVER_SEEN;
    return outcome;
  }

  /** Only when nobody holds the lock: the step's own error must not wait. */
  writeFailure(step: Step, failure: MigrationError, context: StepContext): void {
    if (this.#connection.inTransaction) return;
    writeIfIdle(this.#connection, () => {
      ensureLedger(this.#connection);
      recordFailedStep(this.#connection, step, { failure, context });
    });
  }

  checkDrift(migrations: readonly Migration[], isRemembered: boolean): Drift | null {
    const drift = require("./drift.ts") as typeof import("./drift.ts");
    return drift.checkDrift(this.#connection, migrations, isRemembered);
  }

  writeStamp(stamp: string, expectedVersions: readonly Version[]): void {
    const head = headOf(expectedVersions.map((version) => ({ version })));
    if (this.#connection.inTransaction) return;
    const write = (): void => {
      const versions = readAppliedVersions(this.#connection);
      if (!isSame(versions, expectedVersions)) return;
      this.#connection
        .prepare(
          "UPDATE schema_migrations SET source_stamp = ? WHERE version = ?",
          "write the ledger",
        )
        .run(stamp, head);
    };
    this.#settings.withoutCheckpoint(() => writeIfIdle(this.#connection, write));
  }

  #partRunner(): PartRunner {
    const connection = this.#connection;
    const parts = require("./parts/part-runner.ts") as typeof import("./parts/part-runner.ts");
    const owners = require("./parts/owner.ts") as typeof import("./parts/owner.ts");
    return new parts.PartRunner({
      connection,
      owner: owners.newOwner(),
      inLock: (step, context, work) => this.#lock.hold(actionOf(step), context, work),
      alone: (work) => this.#lock.withoutIt(work),
      isLedgerAsExpected: (expected) => {
        this.#hasLedger = hasLedger(connection);
        return isSame(this.#hasLedger ? readAppliedVersions(connection) : [], expected);
      },
      begin: () => {
        ensureLedger(connection);
        // A rollback that has begun must not pass for "nothing to do".
        connection.runOnce(
          "UPDATE schema_migrations SET source_stamp = NULL WHERE source_stamp IS NOT NULL",
        );
      },
      finish: (step, context, result) => this.#finishParts(step, context, result),
    });
  }

  /** Inside the lock of the last part. */
  #finishParts(step: Step, context: StepContext, result: PartsResult): void {
    ensureLedger(this.#connection);
    this.#hasLedger = true;
    if (context.expectedVersions.length === 0) this.#markAsOwn();
    deleteProgress(this.#connection, step.version);
    this.#fingerprint.refresh(this.#connection, false);
    this.#fingerprint.expect(
      recordedHash(this.#connection),
      result.schemaHash ?? this.#fingerprint.hash,
    );
    if (result.violations !== null) {
      this.#keys.resume(result.violations);
      this.#refuseNewViolations(step);
    }
    this.#record(step, context, result.executionTimeMs);
  }

  /** Inside the lock: true when a step in parts stands in the way; one that this step undoes does not. */
  #isBlocked({ version, direction }: Step): boolean {
    const unfinished = this.#unfinished;
    if (unfinished === null) return false;
    return (
      unfinished.version !== version || unfinished.direction === direction || direction === "up"
    );
  }

  /** @throws {OperationError} DATABASE_BUSY when another process goes on with what this step would undo. */
  #refuseElsewhere(action: string): void {
    if (this.#unfinished === null) return;
    const { isElsewhere, pidOf } = require("./parts/owner.ts") as typeof import("./parts/owner.ts");
    if (!isElsewhere(this.#unfinished, "")) return;
    const pid = pidOf(this.#unfinished.owner);
    throw new OperationError(
      "DATABASE_BUSY",
      `Cannot ${action}: process ${pid} is at work on it, expected nobody else`,
      { details: { path: this.#connection.path, pid } },
    );
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

  /** Takes in what others may have changed: the schema, the ledger's existence, violations that are not ours. */
  #look(): void {
    this.#seenDataVersion = this.#dataVersion();
    this.#hasLedger = hasLedger(this.#connection);
    // One of an earlier version lacks columns.
    if (this.#hasLedger) ensureLedger(this.#connection);
    this.#unfinished = readProgress(this.#connection);
    this.#fingerprint.refresh(this.#connection, false);
    this.#fingerprint.expect(this.#hasLedger ? recordedHash(this.#connection) : null);
    this.#keys.look(this.#fingerprint.hasForeignKeys);
  }

  #dataVersion(): number {
    return this.#connection.prepare("PRAGMA data_version").values()[0]?.[0] as number;
  }

  #isLedgerAsExpected(expected: readonly Version[]): boolean {
    if (this.#dataVersion() === this.#seenDataVersion) return true;
    this.#look();
    return isSame(this.#hasLedger ? readAppliedVersions(this.#connection) : [], expected);
  }

  /** The mark comes with the first entry: a failed first migration leaves a ledger, but nobody's file. */
  #markAsOwn(): void {
    if (this.#applicationId !== undefined)
      this.#connection.runOnce(`PRAGMA application_id = ${this.#applicationId}`);
  }

  #refuseNewViolations(step: Step): void {
    if (this.#fingerprint.hasForeignKeys) this.#keys.refuseNew(step);
  }

  #record(step: Step, context: StepContext, executionTimeMs: number): void {
    if (step.direction === "down") {
      if (this.#unfinished !== null) deleteProgress(this.#connection, step.version);
      this.#unfinished = null;
    }
    const fingerprint = this.#fingerprint;
    recordStep(this.#connection, step, { context, executionTimeMs, fingerprint });
  }
}

function isSame(left: readonly Version[], right: readonly Version[]): boolean {
  return left.length === right.length && left.every((version, index) => version === right[index]);
}
