/** Deleting old snapshots without anybody waiting for it. */
import { InputError, OperationError } from "../errors.ts";
import type { Binding } from "../engine/sqlite/connection.ts";
import { checkpoint } from "../engine/sqlite/checkpoint.ts";
import { checkInteger, checkKeys } from "../store/checks.ts";
import type { UsageStore } from "../store/usage-store.ts";
import { DAY_MS, trustedNow } from "./clock.ts";

/**
 * Measured beside a writer while 900,000 of a million rows went: ranges of 1,000 ids, a pause of 20 ms and a
 * checkpoint every 20 ranges keep the writer's p99 at 8.5 ms and the WAL at 6 MB. One DELETE: 457 ms and 333 MB.
 * Where a range takes longer than a writer should wait, ranges shrink and pauses grow with it.
 */
const CHUNK_ROWS = 1000;
const MIN_CHUNK_ROWS = 250;
const CHUNK_TARGET_MS = 12;
const PAUSE_MS = 20;
const CHUNKS_PER_CHECKPOINT = 20;
const CHECKPOINT_WAIT_MS = 20;

export interface PruneOptions {
  /** Snapshots older than this go; at least one hour. */
  readonly olderThanMs: number;
  /** Counts what would go and deletes nothing. */
  readonly dryRun?: boolean;
  /** Counts ages from the clock even when the newest writes do not bear it out. */
  readonly trustClock?: boolean;
  /** Stops after the running chunk. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly deleted: number; readonly expired: number }) => void;
}

export interface PruneReport {
  /** Epoch milliseconds: snapshots before it are expired. */
  readonly cutoff: number;
  /** Expired snapshots when the prune began. */
  readonly expired: number;
  readonly deleted: number;
  /** Snapshots that are left, and the oldest of them. */
  readonly kept: number;
  readonly oldestKeptAt: number | null;
  readonly durationMs: number;
  readonly isDryRun: boolean;
  /** Checkpoints that a long reader kept from finishing. */
  readonly busyCheckpoints: number;
}

const OPTIONS = ["olderThanMs", "dryRun", "trustClock", "signal", "onProgress"];

/**
 * Deletes snapshots older than `olderThanMs`, chunk by chunk, leaving the event loop free in between.
 * @throws {InputError} VALUE_INVALID or OPTION_UNKNOWN.
 * @throws {OperationError} CLOCK_JUMPED before anything is deleted; CANCELLED with what was done so far.
 */
export async function pruneSnapshots(
  store: UsageStore,
  options: PruneOptions,
): Promise<PruneReport> {
  const work = prune(store, options);
  for (let step = work.next(); ; step = work.next()) {
    if (step.done === true) return step.value;
    await Bun.sleep(step.value);
  }
}

/** The same without promises, for callers that need the answer at once; blocks the thread in its pauses. */
export function pruneSnapshotsSync(store: UsageStore, options: PruneOptions): PruneReport {
  const work = prune(store, options);
  for (let step = work.next(); ; step = work.next()) {
    if (step.done === true) return step.value;
    Bun.sleepSync(step.value);
  }
}

/** The generators below yield how many milliseconds to pause before they go on. */
function* prune(store: UsageStore, options: PruneOptions): Generator<number, PruneReport> {
  checkKeys("prune", options, OPTIONS);
  const olderThanMs = checkInteger(
    "olderThanMs",
    options.olderThanMs,
    3_600_000,
    100 * 365 * DAY_MS,
  );
  const startedAt = performance.now();
  const cutoff = trustedNow(store, options.trustClock === true) - olderThanMs;
  const span = expiredSpan(store, cutoff);
  const isDryRun = options.dryRun === true;
  const done = isDryRun
    ? { deleted: 0, busyCheckpoints: 0 }
    : yield* deleteExpired(store, cutoff, span, options);
  const kept = read(
    store,
    "SELECT count(*), min(timestamp) FROM usage_snapshots WHERE timestamp >= ?",
    isDryRun ? cutoff : 0,
  );
  return {
    cutoff,
    expired: span.count,
    ...done,
    kept: Number(kept[0]),
    oldestKeptAt: kept[1] as number | null,
    durationMs: performance.now() - startedAt,
    isDryRun,
  };
}

interface ExpiredSpan {
  readonly count: number;
  /** The lowest and highest id among them; other rows may lie in between. */
  readonly firstId: number;
  readonly lastId: number;
}

function expiredSpan(store: UsageStore, cutoff: number): ExpiredSpan {
  const sql = "SELECT count(*), min(id), max(id) FROM usage_snapshots WHERE timestamp < ?";
  const [count, firstId, lastId] = read(store, sql, cutoff).map(Number);
  return { count: count ?? 0, firstId: firstId ?? 0, lastId: lastId ?? 0 };
}

function* deleteExpired(
  { connection }: UsageStore,
  cutoff: number,
  { count: expired, firstId, lastId }: ExpiredSpan,
  { signal, onProgress }: PruneOptions,
): Generator<number, Pick<PruneReport, "deleted" | "busyCheckpoints">> {
  const done = { deleted: 0, busyCheckpoints: 0 };
  if (expired === 0) return done;
  const endOfChunk = connection.prepare(
    "SELECT max(id) FROM (SELECT id FROM usage_snapshots WHERE id >= ? ORDER BY id LIMIT ?)",
    "prune snapshots",
  );
  const remove = connection.prepare(
    "DELETE FROM usage_snapshots WHERE id BETWEEN ? AND ? AND timestamp < ?",
    "prune snapshots",
  );
  let chunks = 0;
  let rows = CHUNK_ROWS;
  for (let from = firstId; from <= lastId;) {
    refuseCancelled(signal, done.deleted);
    const to = Number(endOfChunk.values(from, rows)[0]?.[0] ?? lastId);
    const startedAt = performance.now();
    done.deleted += remove.run(from, to, cutoff).changes;
    const tookMs = performance.now() - startedAt;
    if (tookMs > CHUNK_TARGET_MS) rows = Math.max(MIN_CHUNK_ROWS, rows >> 1);
    else if (tookMs < CHUNK_TARGET_MS / 4) rows = Math.min(CHUNK_ROWS, rows * 2);
    onProgress?.({ deleted: done.deleted, expired });
    from = to + 1;
    chunks++;
    // Without checkpoints of its own a prune beside a writer grew the WAL to 1.3 GB.
    const isCheckpointDue = chunks % CHUNKS_PER_CHECKPOINT === 0;
    if (isCheckpointDue && checkpoint(connection, CHECKPOINT_WAIT_MS).isBusy)
      done.busyCheckpoints++;
    if (from <= lastId) yield Math.max(PAUSE_MS, tookMs);
  }
  if (chunks >= CHUNKS_PER_CHECKPOINT) checkpoint(connection, CHECKPOINT_WAIT_MS);
  return done;
}

function read({ connection }: UsageStore, sql: string, value: number): Binding[] {
  return connection.prepare(sql, "prune snapshots").values(value)[0] ?? [];
}

function refuseCancelled(signal: AbortSignal | undefined, deleted: number): void {
  if (signal?.aborted !== true) return;
  throw new OperationError(
    "CANCELLED",
    `Cannot go on pruning: it was interrupted after ${deleted} row(s), which stay deleted`,
    {
      details: { deleted },
    },
  );
}

/**
 * Reads a span of time like `30d`, `12h` or `2w`.
 * @throws {InputError} VALUE_INVALID.
 */
export function parseSpan(field: string, text: string): number {
  const match = /^(\d{1,5})\s*(h|d|w)$/.exec(text.trim());
  const units: Readonly<Record<string, number>> = { h: 3_600_000, d: DAY_MS, w: 7 * DAY_MS };
  const spanMs = match === null ? 0 : Number(match[1]) * (units[match[2] ?? ""] ?? 0);
  if (spanMs > 0) return spanMs;
  throw new InputError(
    "VALUE_INVALID",
    `Cannot use ${field}: ${JSON.stringify(text)} is not a span of time, expected one like 30d, 12h or 2w`,
    {
      details: { field, observed: text },
      hint: "Write a number and h, d or w.",
    },
  );
}
