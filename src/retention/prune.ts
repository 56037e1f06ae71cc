/** Deleting old snapshots without anybody waiting for it: the prune that is asked for by an age, not by policies. */
import { InputError, OperationError } from "../errors.ts";
import type { Binding } from "../engine/sqlite/connection.ts";
import { walBytes } from "../engine/sqlite/checkpoint.ts";
import { checkInteger, checkKeys } from "../store/checks.ts";
import type { UsageStore } from "../store/usage-store.ts";
import { DAY_MS, noteClock, trustedNow } from "./clock.ts";
import type { Removed } from "./fold-rows.ts";
import { Pace } from "./pace.ts";
import { type Removal, removeAll, removeAllSync } from "./removal.ts";
import { snapshotsBefore } from "./snapshot-removal.ts";

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

/** What is less need not be moved at once. */
const LARGE_WAL_BYTES = 1 << 20;

const OPTIONS = ["olderThanMs", "dryRun", "trustClock", "signal", "onProgress"];

/**
 * Deletes snapshots older than `olderThanMs`, chunk by chunk, leaving the event loop free in between. How many there
 * were of each session on each day stays in the view `v_snapshots`.
 * @throws {InputError} VALUE_INVALID or OPTION_UNKNOWN.
 * @throws {OperationError} CLOCK_JUMPED before anything is deleted; CANCELLED with what was done so far.
 */
export async function pruneSnapshots(
  store: UsageStore,
  options: PruneOptions,
): Promise<PruneReport> {
  const prune = begin(store, options);
  if (prune.removal === null) return prune.finish();
  try {
    await removeAll(prune.removal, prune.pace, prune.count);
  } catch (error) {
    throw prune.named(error);
  }
  return prune.finish();
}

/** The same without promises, for callers that need the answer at once; blocks the thread in its pauses. */
export function pruneSnapshotsSync(store: UsageStore, options: PruneOptions): PruneReport {
  const prune = begin(store, options);
  if (prune.removal === null) return prune.finish();
  try {
    removeAllSync(prune.removal, prune.pace, prune.count);
  } catch (error) {
    throw prune.named(error);
  }
  return prune.finish();
}

interface Prune {
  /** Null for a dry run. */
  readonly removal: Removal | null;
  readonly pace: Pace;
  readonly count: (removed: Removed) => void;
  readonly finish: () => PruneReport;
  /** The error of a prune that was interrupted, with what it did. */
  readonly named: (error: unknown) => unknown;
}

function begin(store: UsageStore, options: PruneOptions): Prune {
  checkKeys("prune", options, OPTIONS);
  const maxSpanMs = 100 * 365 * DAY_MS;
  const olderThanMs = checkInteger("olderThanMs", options.olderThanMs, 3_600_000, maxSpanMs);
  const startedAt = performance.now();
  const cutoff = trustedNow(store, options.trustClock === true) - olderThanMs;
  const [[expiredCount] = []] = read(store, "count(*)", "timestamp < ?", cutoff);
  const expired = Number(expiredCount);
  const isDryRun = options.dryRun === true;
  if (!isDryRun) noteClock(store, options.trustClock === true);
  const pace = new Pace({ connection: store.connection, signal: options.signal });
  let deleted = 0;
  return {
    removal: isDryRun ? null : snapshotsBefore(store, cutoff, { keepsNewest: false }),
    pace,
    count: ({ rows }) => {
      deleted += rows;
      options.onProgress?.({ deleted, expired });
    },
    finish: () => {
      if (!isDryRun && walBytes(store.connection) > LARGE_WAL_BYTES) pace.checkpoint();
      const [kept = []] = read(
        store,
        "count(*), min(timestamp)",
        "timestamp >= ?",
        isDryRun ? cutoff : 0,
      );
      return {
        cutoff,
        expired,
        deleted,
        kept: Number(kept[0]),
        oldestKeptAt: kept[1] as number | null,
        durationMs: performance.now() - startedAt,
        isDryRun,
        busyCheckpoints: pace.busyCheckpoints,
      };
    },
    named: (error) =>
      error instanceof OperationError && error.code === "CANCELLED" ? cancelled(deleted) : error,
  };
}

function read({ connection }: UsageStore, what: string, where: string, at: number): Binding[][] {
  return connection
    .prepare(`SELECT ${what} FROM usage_snapshots WHERE ${where}`, "prune snapshots")
    .values(at);
}

function cancelled(deleted: number): OperationError {
  return new OperationError(
    "CANCELLED",
    `Cannot go on pruning: it was interrupted after ${deleted} row(s), which stay deleted`,
    { details: { deleted } },
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
