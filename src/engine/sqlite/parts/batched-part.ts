/** One chunk of a batched step: rows, position and, at the end, the ledger row in one transaction. */
import { statSync } from "node:fs";
import { MigrationError } from "../../../errors.ts";
import type { BatchedBody } from "../../../migration/migration.ts";
import type { Step } from "../../../migration/plan.ts";
import type { PartOutcome, StepContext } from "../../driver.ts";
import { checkpoint } from "../checkpoint.ts";
import { moduleDatabase } from "../module-database.ts";
import { type Progress, readProgress } from "../progress.ts";
import { quoteIdentifier } from "../quote.ts";
import { refuseEndedTransaction, refusePromise } from "../run-step.ts";
import { actionOf, failureOf } from "../step-failure.ts";
import { batchOf } from "./batch.ts";
import {
  hasRowsBehind,
  type KeyRange,
  type KeyValue,
  nextRange,
  type TableKey,
  tableKey,
} from "./key-range.ts";
import { outcomeBefore, recordFailure, savePart } from "./part.ts";
import type { PartHost } from "./part-host.ts";

/** A chunk should hold the lock for about this long: writers that come meanwhile wait for it. */
const TARGET_MS = 10;
const MAX_ROWS = 20_000;
/** A waiting writer looks for the lock now and then only: with a pause as short as the chunk it may miss several. */
const PAUSES_PER_CHUNK = 2;
const MIN_PAUSE_MS = 10;
/** Without checkpoints of its own a run beside writers grows the WAL without end. */
const CHUNKS_PER_CHECKPOINT = 4;
/** Above this a checkpoint may wait a moment for readers, so that the WAL begins anew. */
const LARGE_WAL_BYTES = 8 * 1024 * 1024;
const CHECKPOINT_WAIT_MS = 20;

/** Applies the chunks of one step, with what it learns of their pace. */
export class BatchedPart {
  readonly #host: PartHost;
  readonly #step: Step;
  readonly #body: BatchedBody;
  #rowCount: number;
  #chunks = 0;
  #total: number | null = null;

  constructor(host: PartHost, step: Step, body: BatchedBody) {
    this.#host = host;
    this.#step = step;
    this.#body = body;
    this.#rowCount = body.work.firstRows;
  }

  apply(context: StepContext): PartOutcome {
    const { connection } = this.#host;
    // Counted before the lock is taken: on a big table it takes a while.
    if (this.#total === null && readProgress(connection) === null) this.#total = this.#countRows();
    const [outcome, tookMs] = this.#applyChunk(context);
    if (outcome.outcome !== "unfinished") return outcome;
    this.#adapt(tookMs);
    if (++this.#chunks % CHUNKS_PER_CHECKPOINT === 0) this.#checkpoint();
    return { ...outcome, pauseMs: Math.max(MIN_PAUSE_MS, tookMs * PAUSES_PER_CHUNK) };
  }

  #applyChunk(context: StepContext): [PartOutcome, number] {
    let startedAt = 0;
    try {
      const outcome = this.#host.inLock(this.#step, context, () => {
        startedAt = performance.now();
        return this.#inLock(context, startedAt);
      });
      return [outcome, performance.now() - startedAt];
    } catch (error) {
      recordFailure(this.#host, this.#step, error);
      throw error;
    }
  }

  #inLock(context: StepContext, startedAt: number): PartOutcome {
    const { connection } = this.#host;
    const before = readProgress(connection);
    const other = outcomeBefore(this.#host, this.#step, { context, progress: before });
    if (other !== null) return other;
    const known = before?.direction === this.#step.direction ? before : null;
    if (known !== null && known.checksum !== this.#body.checksum)
      return { outcome: "ledger-changed" };
    if (known === null) this.#host.begin();
    const key = tableKey(connection, this.#body.work.table);
    const cursor =
      known?.cursor === null || known === null ? null : (JSON.parse(known.cursor) as KeyValue);
    const range = nextRange(connection, key, cursor, this.#rowCount);
    const hasMore = range !== null && this.#runChunk(key, range, context);
    const workMs = (known?.workMs ?? 0) + (performance.now() - startedAt);
    if (range === null || !hasMore) {
      const result = { executionTimeMs: workMs, schemaHash: null, violations: null };
      this.#host.finish(this.#step, context, result);
      return { outcome: "applied", executionTimeMs: workMs };
    }
    return savePart(this.#host, this.#step, known, this.#progress(known, range, workMs));
  }

  /** True when rows are left behind the range. */
  #runChunk(key: TableKey, range: KeyRange, context: StepContext): boolean {
    const { connection } = this.#host;
    const { work, file } = this.#body;
    const hadMore = hasRowsBehind(connection, key, range.last);
    const { onStatement } = context;
    let number = 0;
    const access = moduleDatabase(connection, file, {
      isDataOnly: true,
      ...(onStatement !== undefined && {
        onStatement: (statement: string) => onStatement(statement, ++number),
      }),
    });
    let result: unknown;
    try {
      result = work.run(access.database, batchOf(access.database, key, range));
    } catch (error) {
      const last = access.lastStatement();
      throw failureOf(error, this.#step, last?.body ?? null, last?.statement ?? null);
    } finally {
      access.revoke();
    }
    refusePromise(this.#step, this.#body.file, result);
    refuseEndedTransaction(connection, this.#step);
    const hasMore = hasRowsBehind(connection, key, range.last);
    if (hasMore && !hadMore) this.#refuseGrowth();
    return hasMore;
  }

  #progress(
    known: Progress | null,
    range: KeyRange,
    workMs: number,
  ): Parameters<typeof savePart>[3] {
    const done = (known?.done ?? 0) + range.rowCount;
    return {
      unit: "rows",
      done,
      total: Math.max(done, known?.total ?? this.#total ?? 0),
      checksum: this.#body.checksum,
      doneSql: null,
      statement: null,
      cursor: JSON.stringify(range.last),
      workMs,
      schemaHash: null,
      violations: null,
    };
  }

  #countRows(): number {
    const { connection } = this.#host;
    const { table } = tableKey(connection, this.#body.work.table);
    return Number(connection.readOnce(`SELECT count(*) FROM ${quoteIdentifier(table)}`)[0]?.[0]);
  }

  /** Towards the target by at most a factor of two, so that one slow chunk does not spoil the next ones. */
  #adapt(tookMs: number): void {
    const factor = Math.min(2, Math.max(0.5, TARGET_MS / Math.max(tookMs, 0.1)));
    this.#rowCount = Math.min(MAX_ROWS, Math.max(1, Math.round(this.#rowCount * factor)));
  }

  #checkpoint(): void {
    const { connection } = this.#host;
    connection.readOnce("PRAGMA wal_checkpoint(PASSIVE)");
    const wal = statSync(`${connection.path}-wal`, { throwIfNoEntry: false });
    if ((wal?.size ?? 0) > LARGE_WAL_BYTES) checkpoint(connection, CHECKPOINT_WAIT_MS);
  }

  #refuseGrowth(): never {
    const { version, direction } = this.#step;
    const { table } = this.#body.work;
    throw new MigrationError(
      "MIGRATION_FAILED",
      `Cannot ${actionOf(this.#step)}: it adds rows to ${table}, the table that it goes through, expected rows for other tables only`,
      {
        details: { version, file: this.#body.file, direction, table },
        hint: `Write the new rows to another table, or go through another one than ${table}.`,
      },
    );
  }
}
