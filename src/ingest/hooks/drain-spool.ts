/** Brings what is spooled into the database, each event once, in short transactions. */
import { closeSync, constants, lstatSync, openSync } from "node:fs";
import { OperationError, UsageDbError } from "../../errors.ts";
import { createLineBuffer, readLines } from "../line-reader.ts";
import type { HookEvent } from "./hook-event.ts";
import { Spool, spoolPath } from "./spool.ts";
import { type EventSink, storeHookEvents } from "./store-hook-events.ts";

export interface DrainReport {
  /** Events that are new in the database. */
  readonly stored: number;
  /** Events that were there already. */
  readonly repeated: number;
  /** Lines that are no event of ours: a record that a full disk cut short. They are kept in `<spool>.refused`. */
  readonly refused: number;
}

const NOTHING: DrainReport = { stored: 0, repeated: 0, refused: 0 };
/** So that a batch holds the lock, and a server's loop, for a millisecond or two. */
const BATCH_SIZE = 100;

/**
 * Drains the spool, and gives its caller a turn after each batch; returns the sums at the end. A caller that stops
 * half-way, or is killed, loses nothing: the file is brought in again, and what is stored is known.
 * @throws {OperationError} DATABASE_BUSY and the other failures of a write; SPOOL_FAILED.
 */
export function* drainSpool(
  sink: EventSink,
  spool: Spool,
  now: number,
): Generator<DrainReport, DrainReport> {
  let sum = NOTHING;
  // What is left of earlier drains goes first: while the database takes nothing, nothing more is taken from the spool.
  for (const files of [() => spool.taken(), () => spool.take(now)]) {
    for (const file of files()) {
      for (const batch of batchesOf(file)) {
        sum = add(sum, storeBatch(sink, spool, batch));
        yield sum;
      }
      spool.release(file);
    }
  }
  return sum;
}

/** The same in one go. */
export function drainWholeSpool(sink: EventSink, spool: Spool, now: number): DrainReport {
  const steps = drainSpool(sink, spool, now);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/**
 * Brings in what a database that is being written to anyway has spooled; the everyday case, none, costs a look.
 * @throws {OperationError} as `drainSpool`.
 */
export function drainBeside(sink: EventSink, now: number): DrainReport {
  using spool = new Spool(spoolPath(sink.connection.path));
  return spool.sizeBytes() === 0 ? NOTHING : drainWholeSpool(sink, spool, now);
}

interface Batch {
  readonly events: readonly HookEvent[];
  readonly refused: readonly string[];
}

/** The lines of a taken file; none when another process was faster. */
function* batchesOf(file: string): Generator<Batch> {
  let descriptor: number;
  try {
    descriptor = openTaken(file);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return;
    throw error;
  }
  try {
    let events: HookEvent[] = [];
    let refused: string[] = [];
    for (const { bytes } of readLines(descriptor, 0, createLineBuffer())) {
      if (bytes.length === 0) continue;
      const text = bytes.toString("utf8");
      const event = readRecord(text);
      if (event === null) refused.push(text);
      else events.push(event);
      if (events.length + refused.length < BATCH_SIZE) continue;
      yield { events, refused };
      [events, refused] = [[], []];
    }
    if (events.length + refused.length > 0) yield { events, refused };
  } finally {
    closeSync(descriptor);
  }
}

/**
 * A name like that of a taken file may have been given to anything: a pipe would be waited for without end.
 * @throws {OperationError} SPOOL_FAILED.
 */
function openTaken(file: string): number {
  const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
  const stat = lstatSync(file);
  const observed = stat.isSymbolicLink()
    ? "it is a symbolic link"
    : stat.isFile()
      ? null
      : "it is no regular file";
  if (observed === null) return openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  throw new OperationError(
    "SPOOL_FAILED",
    `Cannot read ${file}: ${observed}, expected a file of spooled events`,
    { details: { path: file, observed }, hint: "Look at who put it there, and take it away." },
  );
}

function storeBatch(sink: EventSink, spool: Spool, { events, refused }: Batch): DrainReport {
  if (refused.length > 0) keepRefused(spool, refused);
  try {
    const stored = storeHookEvents(sink, events);
    return { stored, repeated: events.length - stored, refused: refused.length };
  } catch (error) {
    if (!isFaultOfEvent(error)) throw error;
    if (events.length === 1) {
      keepRefused(
        spool,
        events.map((event) => JSON.stringify(event)),
      );
      return { stored: 0, repeated: 0, refused: 1 + refused.length };
    }
    // One event that no table takes must not keep the others out for ever.
    const parts = events.map((event) => storeBatch(sink, spool, { events: [event], refused: [] }));
    return parts.reduce(add, { ...NOTHING, refused: refused.length });
  }
}

const isFaultOfEvent = (error: unknown): boolean =>
  error instanceof UsageDbError &&
  (error.code === "VALUE_INVALID" || error.code === "CONSTRAINT_VIOLATED");

function readRecord(text: string): HookEvent | null {
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  return typeof record === "object" && record !== null && "fingerprint" in record
    ? (record as HookEvent)
    : null;
}

/** A second spool, which nobody drains: what is in it is for a person to look at. */
function keepRefused(spool: Spool, lines: readonly string[]): void {
  using refused = new Spool(`${spool.path}.refused`);
  refused.append(lines);
}

function add(left: DrainReport, right: DrainReport): DrainReport {
  return {
    stored: left.stored + right.stored,
    repeated: left.repeated + right.repeated,
    refused: left.refused + right.refused,
  };
}
