/** Whether the clock may be trusted with deleting. */
import { OperationError } from "../errors.ts";
import type { UsageStore } from "../store/usage-store.ts";

export const DAY_MS = 86_400_000;

/** A machine may rest this long; a clock that claims more since the last write has more likely jumped. */
const MAX_IDLE_MS = 30 * DAY_MS;
/** How far clock and machine may part while a database is open. */
const MAX_DRIFT_MS = DAY_MS;
/** How far behind its own last write a clock may be before it is wrong rather than corrected. */
const MAX_BEHIND_MS = DAY_MS;

/**
 * The moment from which ages are counted: the clock, but never later than the newest write it is borne out by.
 * After a jump of a day, or a month of rest, nothing younger than the window at the last write is deleted;
 * the next prune after a write catches up.
 *
 * While a database is open its clock is also held against how long the machine has run, so a jump shows even
 * after rows were written by it. A process that starts later has only the writes to go by.
 * @throws {OperationError} CLOCK_JUMPED when clock and writes are more than a month apart, or the clock went back.
 */
export function trustedNow(store: UsageStore, trustClock: boolean): number {
  const now = store.now();
  if (trustClock) return now;
  const { madeAt } = store;
  const driftMs = now - madeAt.now - (store.uptimeMs() - madeAt.uptimeMs);
  if (Math.abs(driftMs) > MAX_DRIFT_MS) {
    refuse(
      now,
      madeAt.now,
      `the clock moved by ${Math.round(driftMs / DAY_MS)} day(s) since the database was opened`,
    );
  }
  const newestWrite = newestWriteAt(store);
  if (newestWrite > now + MAX_BEHIND_MS)
    refuse(now, newestWrite, "the clock is behind the newest write");
  const newestKnown = Math.max(Math.min(newestWrite, now), newestSnapshotAt(store, now));
  if (now - newestKnown > MAX_IDLE_MS)
    refuse(now, newestKnown, "nothing was written for longer than 30 days");
  // What the clock skipped while the machine did not run it is no age.
  return Math.min(newestKnown, now - Math.max(0, driftMs));
}

/** The newest time that the machine's own clock put into the database. */
function newestWriteAt({ connection }: UsageStore): number {
  const sql = `SELECT max(
    coalesce((SELECT max(applied_at) FROM schema_migrations), 0),
    coalesce((SELECT max(updated_at) FROM sessions), 0),
    coalesce((SELECT max(read_at) FROM usage_sources), 0))`;
  return Number(connection.prepare(sql, "prune snapshots").values()[0]?.[0] ?? 0);
}

/** Of snapshots that claim to be from the future nothing can be learned. */
function newestSnapshotAt({ connection }: UsageStore, now: number): number {
  const sql = "SELECT max(timestamp) FROM usage_snapshots WHERE timestamp <= ?";
  return Number(connection.prepare(sql, "prune snapshots").values(now)[0]?.[0] ?? 0);
}

function refuse(now: number, newest: number, observed: string): never {
  throw new OperationError(
    "CLOCK_JUMPED",
    `Cannot prune: ${observed} (clock ${new Date(now).toISOString()}, newest write ${new Date(newest).toISOString()}), expected them close together`,
    { details: { now, newestWrite: newest } },
  );
}
