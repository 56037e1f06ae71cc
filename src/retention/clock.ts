/** Whether the clock may be trusted with deleting. */
import { OperationError } from "../errors.ts";
import type { UsageStore } from "../store/usage-store.ts";
import {
  type ClockReference,
  readClockReference,
  systemBootId,
  writeClockReference,
} from "./clock-reference.ts";

export const DAY_MS = 86_400_000;

/** A machine may rest this long; a clock that claims more since the last write has more likely jumped. */
const MAX_IDLE_MS = 30 * DAY_MS;
/** How far clock and machine may part while a database is open, and between two runs of maintenance. */
const MAX_DRIFT_MS = DAY_MS;
/** Corrections of a clock, and how exactly a machine knows how long it has run. */
const MAX_STEP_MS = 5 * 60_000;
/** How far behind its own last write a clock may be before it is wrong rather than corrected. */
const MAX_BEHIND_MS = DAY_MS;
/** A reference that is younger is as good as a new one. */
const NOTE_EVERY_MS = 10 * 60_000;
/** A clock that nobody corrected for so long is believed about the time that the machine was off. */
const PROBATION_MS = 7 * DAY_MS;

/**
 * The moment from which ages are counted: the clock, but never later than the newest write it is borne out by.
 * After a jump of a day, or a month of rest, nothing younger than the window at the last write is deleted;
 * the next prune after a write catches up.
 *
 * The clock is also held against how long the machine has run: since the database was opened, and since maintenance
 * ran last, whichever process did. So a jump shows even after rows were written by it. A step of less than a day, and
 * more than a day in which the machine was off, are known from the clock alone; ages are counted without them until the
 * clock has stood for a week.
 * @throws {OperationError} CLOCK_JUMPED when clock, writes and machine disagree.
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
      `the clock moved by ${daysOf(driftMs)} day(s) since the database was opened`,
    );
  }
  const { unprovedMs } = compareWithReference(store, now);
  const newestWrite = newestWriteAt(store);
  if (newestWrite > now + MAX_BEHIND_MS)
    refuse(now, newestWrite, "the clock is behind the newest write");
  const newestKnown = Math.max(Math.min(newestWrite, now), newestSnapshotAt(store, now));
  if (now - newestKnown > MAX_IDLE_MS)
    refuse(now, newestKnown, "nothing was written for longer than 30 days");
  return Math.min(newestKnown, now - unprovedMs);
}

/**
 * Remembers what the clock shows, for the processes that come later; call after `trustedNow`, as one who may write.
 * @param trustClock begins anew: what was not known to be true is taken for true.
 */
export function noteClock(store: UsageStore, trustClock: boolean): void {
  const now = store.now();
  const none = { unprovedMs: 0, unprovedSince: 0 };
  const { unprovedMs, unprovedSince } = trustClock ? none : compareWithReference(store, now);
  const known = readClockReference(store);
  const isKnown =
    known !== null &&
    known.bootId === bootIdOf(store) &&
    known.unprovedMs === unprovedMs &&
    Math.abs(now - known.wallAt) < NOTE_EVERY_MS;
  if (isKnown) return;
  writeClockReference(store, {
    bootId: bootIdOf(store),
    uptimeMs: store.uptimeMs(),
    wallAt: now,
    unprovedMs,
    unprovedSince,
  });
}

type Unproved = Pick<ClockReference, "unprovedMs" | "unprovedSince">;

/**
 * How much of the time since the last reference only the clock tells of.
 * @throws {OperationError} CLOCK_JUMPED.
 */
function compareWithReference(store: UsageStore, now: number): Unproved {
  const reference = readClockReference(store);
  if (reference === null) return sinceOpened(store, now);
  const { bootId, wallAt } = reference;
  const uptimeMs = store.uptimeMs();
  const ownBootId = bootIdOf(store);
  const hasRisen = uptimeMs >= reference.uptimeMs;
  const ranOn = bootId !== "" && bootId === ownBootId && hasRisen;
  // Where nothing names the starts of a machine it may have run on: then the lesser time is proved.
  const mayHaveRunOn = hasRisen && (ranOn || bootId === "" || ownBootId === "");
  const ranMs = mayHaveRunOn ? uptimeMs - reference.uptimeMs : uptimeMs;
  const driftMs = now - wallAt - ranMs;
  const since = "since maintenance ran last";
  if (ranOn && Math.abs(driftMs) > MAX_DRIFT_MS)
    refuse(
      now,
      wallAt,
      `the clock moved by ${daysOf(driftMs)} day(s) ${since}, and the machine did not`,
    );
  if (now < wallAt - MAX_BEHIND_MS)
    refuse(now, wallAt, `the clock went back by ${daysOf(now - wallAt)} day(s) ${since}`);
  const stood = settled(reference, now);
  if (ranOn) return stepped(stood, driftMs, now);
  // Machines are off at night.
  if (driftMs <= MAX_DRIFT_MS) return stood;
  if (driftMs > MAX_IDLE_MS)
    refuse(now, wallAt, `the machine was off for ${daysOf(driftMs)} days ${since}, says the clock`);
  return { unprovedMs: stood.unprovedMs + driftMs, unprovedSince: now };
}

/** Maintenance never ran: what passed since the database was opened is all that is known. */
function sinceOpened({ madeAt, uptimeMs }: UsageStore, now: number): Unproved {
  const driftMs = now - madeAt.now - (uptimeMs() - madeAt.uptimeMs);
  return stepped({ unprovedMs: 0, unprovedSince: 0 }, driftMs, now);
}

/** A clock that was put forward by less than a day may be right now; what it skipped is no age until that is sure. */
function stepped(stood: Unproved, driftMs: number, now: number): Unproved {
  if (Math.abs(driftMs) <= MAX_STEP_MS) return stood;
  return { unprovedMs: Math.max(0, stood.unprovedMs + driftMs), unprovedSince: now };
}

function settled({ unprovedMs, unprovedSince }: Unproved, now: number): Unproved {
  return unprovedMs > 0 && now - unprovedSince < PROBATION_MS
    ? { unprovedMs, unprovedSince }
    : { unprovedMs: 0, unprovedSince: 0 };
}

const daysOf = (ms: number): number => Math.round(ms / DAY_MS);

function bootIdOf(store: UsageStore): string {
  return (store.bootId ?? systemBootId)();
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
    { details: { now, newestWrite: newest, reason: observed } },
  );
}
