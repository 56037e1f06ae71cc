/** How fast a job may go beside others: pauses as long as its own work, small chunks, a WAL that stays small. */
import { setTimeout as sleep } from "node:timers/promises";
import { OperationError } from "../errors.ts";
import { withBusyTimeout } from "../engine/sqlite/busy-timeout.ts";
import { checkpoint, checkpointPassively, walState } from "../engine/sqlite/checkpoint.ts";
import type { Connection } from "../engine/sqlite/connection.ts";

/**
 * Who waits for SQLite's lock looks again after 1, 3, 8 and 18 ms. What is held for 3 ms is waited for hardly longer, and
 * a pause of 7 ms lets eight writers have their turn before the next chunk. With pauses of 2 ms a prune takes 40 % of the
 * time, and their p99 is 34 ms instead of 19; chunks of 6 ms with pauses of 18 are worse in both.
 */
const MIN_PAUSE_MS = 7;
const PAUSE_SHARE = 2;
const TARGET_MS = { min: 2, max: 4 };
const DEFAULT_CHUNK_ROWS = { min: 50, max: 1000 };
const FIRST_CHUNK_ROWS = 200;
/** From 1,000 pages on, each writer that commits moves the WAL and waits for its two flushes: it has to be moved before. */
const CHECKPOINT_PAGES = 400;
/** Writers that never pause keep a WAL from beginning anew by itself; then they have to wait for once. */
const TRUNCATE_PAGES = 700;
const CHECKPOINT_WAIT_MS = 15;
/** How long one attempt at the write lock may hold the thread, and how long to go on trying. */
const LOCK_WAIT_MS = 10;
const LOCK_RETRY_MS = { min: 5, max: 30 };
const LOCK_PATIENCE_MS = 10_000;

export interface PaceOptions {
  readonly connection: Connection;
  readonly signal?: AbortSignal | undefined;
  /** How long the job may take, in milliseconds; without bound when left out. */
  readonly maxMs?: number;
}

export class Pace {
  readonly signal: AbortSignal | undefined;
  readonly #connection: Connection;
  readonly #endsAt: number;
  #limits = DEFAULT_CHUNK_ROWS;
  #chunkRows = FIRST_CHUNK_ROWS;
  #writeMs = 0;
  #busyCheckpoints = 0;
  #patience = 1;

  constructor({ connection, signal, maxMs = Number.POSITIVE_INFINITY }: PaceOptions) {
    this.#connection = connection;
    this.signal = signal;
    this.#endsAt = performance.now() + maxMs;
  }

  /** How many rows the next chunk should have, from what the last ones took. */
  get chunkRows(): number {
    return this.#chunkRows;
  }

  /** Other bounds for `chunkRows`, for rows that are much heavier or lighter than a snapshot. */
  boundChunks(min: number, max: number): void {
    this.#limits = { min, max };
    this.#chunkRows = Math.min(max, Math.max(min, this.#chunkRows));
  }

  /** Checkpoints that a reader or writer kept from finishing. */
  get busyCheckpoints(): number {
    return this.#busyCheckpoints;
  }

  /** How much of the job's time is left, in milliseconds; 0 when it is over. */
  get remainingMs(): number {
    return Math.max(0, this.#endsAt - performance.now());
  }

  /**
   * Pauses after a chunk: at least 7 ms, and at least twice as long as the chunk took, so that others have the lock
   * for two thirds of the time. Checkpoints when it is due.
   * @param tookMs how long the chunk had the lock; what the last `write` took when left out.
   * @returns false when the job's time is over: it returns `partial` then.
   * @throws {OperationError} CANCELLED when the signal says so.
   */
  async after(tookMs: number = this.#writeMs): Promise<boolean> {
    this.#count(tookMs);
    const pauseMs = pauseAfter(tookMs);
    if (pauseMs >= this.remainingMs) {
      this.refuseCancelled();
      return false;
    }
    await this.#sleep(pauseMs);
    return true;
  }

  /**
   * Runs `work` in one transaction, waiting for others without holding the event loop.
   * @throws {OperationError} DATABASE_BUSY when the lock was not free for ten seconds; CANCELLED.
   */
  async write<T>(work: () => T, action: string): Promise<T> {
    const givesUpAt = performance.now() + Math.min(LOCK_PATIENCE_MS, this.remainingMs);
    for (;;) {
      this.refuseCancelled();
      try {
        return withBusyTimeout(this.#connection, LOCK_WAIT_MS, () => this.#timed(work, action));
      } catch (error) {
        const isBusy = error instanceof OperationError && error.code === "DATABASE_BUSY";
        if (!isBusy || performance.now() >= givesUpAt) throw error;
      }
      const { min, max } = LOCK_RETRY_MS;
      await this.#sleep(min + Math.random() * (max - min));
    }
  }

  /** The same without promises: waits for the lock as long as the connection does. */
  writeSync<T>(work: () => T, action: string): T {
    this.refuseCancelled();
    return this.#timed(work, action);
  }

  /** The same without promises: blocks the thread for the pause. */
  afterSync(): void {
    this.#count(this.#writeMs);
    Bun.sleepSync(pauseAfter(this.#writeMs));
  }

  /** Moves the WAL into the database now; a busy answer is counted. */
  checkpoint(): void {
    if (checkpoint(this.#connection, CHECKPOINT_WAIT_MS).isBusy) this.#busyCheckpoints++;
  }

  /** @throws {OperationError} CANCELLED when the signal says so. */
  refuseCancelled(): void {
    if (this.signal?.aborted !== true) return;
    throw new OperationError(
      "CANCELLED",
      "Cannot go on with maintenance: it was interrupted, expected to reach its end; what was done stays",
    );
  }

  #count(tookMs: number): void {
    this.#adapt(tookMs);
    const { walPages, movedPages } = walState(this.#connection);
    const isDue =
      walPages - movedPages >= CHECKPOINT_PAGES * this.#patience ||
      walPages >= TRUNCATE_PAGES * this.#patience;
    if (isDue) this.#shortenWal();
  }

  /** Most is moved while others write; only a WAL that goes on growing makes them wait. */
  #shortenWal(): void {
    const { walPages: pages, movedPages } = checkpointPassively(this.#connection);
    const busy = this.#busyCheckpoints;
    if (movedPages < pages) this.#busyCheckpoints++;
    else if (pages >= TRUNCATE_PAGES) this.checkpoint();
    // A long reader: asking again after each chunk would be in vain, and writers would wait for it as well.
    this.#patience = this.#busyCheckpoints > busy ? this.#patience * 2 : 1;
  }

  #timed<T>(work: () => T, action: string): T {
    let lockedAt = performance.now();
    const result = this.#connection.transaction(() => {
      lockedAt = performance.now();
      return work();
    }, action);
    this.#writeMs = performance.now() - lockedAt;
    return result;
  }

  #adapt(tookMs: number): void {
    const { min, max } = this.#limits;
    if (tookMs > TARGET_MS.max) this.#chunkRows = Math.max(min, this.#chunkRows >> 1);
    else if (tookMs < TARGET_MS.min) this.#chunkRows = Math.min(max, this.#chunkRows * 2);
  }

  async #sleep(ms: number): Promise<void> {
    this.refuseCancelled();
    try {
      await sleep(ms, undefined, this.signal === undefined ? {} : { signal: this.signal });
    } catch (error) {
      if (this.signal?.aborted !== true) throw error;
    }
    this.refuseCancelled();
  }
}

const pauseAfter = (tookMs: number): number => Math.max(MIN_PAUSE_MS, tookMs * PAUSE_SHARE);
