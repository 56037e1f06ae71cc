/** The job that deletes by the policies: what is too old, too much in a session, or too large. */
import type { RetentionSubject } from "../store/retention-policies.ts";
import { YOUNGEST_FOLD_MS } from "../store/events.ts";
import type { UsageStore } from "../store/usage-store.ts";
import { noteClock, trustedNow } from "./clock.ts";
import { estimatePrune } from "./estimate-prune.ts";
import { eventsBefore } from "./event-removal.ts";
import type { JobContext, MaintenanceJob } from "./job.ts";
import { limitSamplesBefore } from "./limit-sample-removal.ts";
import { type Removal, removeAll } from "./removal.ts";
import { readProgress, writeProgress } from "./retention-progress.ts";
import { runsBefore } from "./run-removal.ts";
import { snapshotsBefore, snapshotsBeyond } from "./snapshot-removal.ts";
import {
  cutoffOfNewest,
  cutoffOfOldest,
  EVENT_PAYLOAD_SIZE,
  EVENT_SIZE,
  type SizedTable,
  SNAPSHOT_SIZE,
  usedBytes,
} from "./space.ts";

/** Measuring reads every row, so that it is done once an hour unless the job is asked for by name. */
const MEASURE_EVERY_MS = 3_600_000;
/** A file is measured by pages, rows by bytes: a few rounds bring the two together. */
const MAX_ROUNDS = 4;

export const pruneJob: MaintenanceJob = {
  name: "prune",
  description: "delete what the policies do not keep, after adding it to the sums that stay",

  estimate: (store, options) =>
    estimatePrune(store, trustedNow(store, options.trustClock === true)),

  async run(context) {
    const { store, options } = context;
    const now = trustedNow(store, options.trustClock === true);
    await context.pace.write(() => noteClock(store, options.trustClock === true), "note the clock");
    const run = new PruneRun(context, now);
    const isComplete =
      (await run.byAge()) &&
      (await run.byRows()) &&
      (await run.bySpace()) &&
      (await run.ofDatabase());
    return { outcome: isComplete ? "done" : "partial", ...run.sum, detail: run.detail };
  },
};

class PruneRun {
  readonly sum = { rows: 0, bytes: 0 };
  readonly detail: Record<string, unknown> = {};
  readonly #context: JobContext;
  readonly #store: UsageStore;
  readonly #now: number;

  constructor(context: JobContext, now: number) {
    this.#context = context;
    this.#store = context.store;
    this.#now = now;
  }

  async byAge(): Promise<boolean> {
    const { connection } = this.#store;
    const ages: readonly [RetentionSubject, (cutoff: number) => Removal][] = [
      ["events", (cutoff) => eventsBefore(this.#store, cutoff)],
      ["snapshots", (cutoff) => snapshotsBefore(this.#store, cutoff, { keepsNewest: false })],
      ["limit_samples", (cutoff) => limitSamplesBefore(connection, cutoff)],
      ["runs", (cutoff) => runsBefore(connection, cutoff)],
    ];
    for (const [subject, removalOf] of ages) {
      const maxAgeMs = this.#store.retention.get(subject, "max_age_ms");
      if (maxAgeMs === null) continue;
      if (!(await this.#remove(subject, removalOf(this.#now - maxAgeMs)))) return false;
    }
    return true;
  }

  async byRows(): Promise<boolean> {
    const maxRows = this.#store.retention.get("snapshots", "max_rows_per_session");
    if (maxRows === null) return true;
    return this.#remove("snapshots", snapshotsBeyond(this.#store.connection, maxRows));
  }

  async bySpace(): Promise<boolean> {
    const { retention } = this.#store;
    const bounds: readonly [RetentionSubject, number | null, SizedTable][] = [
      ["events", retention.get("events", "payload_max_bytes"), EVENT_PAYLOAD_SIZE],
      ["events", retention.get("events", "max_bytes"), EVENT_SIZE],
      ["snapshots", retention.get("snapshots", "max_bytes"), SNAPSHOT_SIZE],
    ];
    for (const [subject, maxBytes, size] of bounds) {
      if (maxBytes === null || usedBytes(this.#store.connection) <= maxBytes) continue;
      const rule = `${subject}.space.${size.overheadBytes}`;
      if (!this.#isMeasurementDue(rule)) continue;
      const cutoff = await cutoffOfNewest(this.#store.connection, size, maxBytes);
      if (cutoff !== null && !(await this.#removeBefore(subject, cutoff))) return false;
      await this.#noteMeasurement(rule);
    }
    return true;
  }

  /** Oldest events first, then snapshots; messages never go for their size. */
  async ofDatabase(): Promise<boolean> {
    const maxBytes = this.#store.retention.get("database", "max_bytes");
    if (maxBytes === null) return true;
    const { connection } = this.#store;
    for (const [subject, size] of [
      ["events", EVENT_SIZE],
      ["snapshots", SNAPSHOT_SIZE],
    ] as const) {
      for (let round = 0; round < MAX_ROUNDS && usedBytes(connection) > maxBytes; round++) {
        const before = this.sum.rows;
        const { cutoff } = await cutoffOfOldest(connection, size, usedBytes(connection) - maxBytes);
        if (!(await this.#removeBefore(subject, cutoff ?? this.#now))) return false;
        if (this.sum.rows === before) break;
      }
    }
    const bytesOver = usedBytes(connection) - maxBytes;
    if (bytesOver > 0) {
      this.detail["bytesOver"] = bytesOver;
      this.detail["remark"] =
        "The database is larger than database.max_bytes, and what is left is never deleted for its size: messages, the newest snapshot of each session, and what is younger than an hour.";
    }
    return true;
  }

  /** What is younger than an hour stays, whatever its size: its writers may still repeat it. */
  #removeBefore(
    subject: "events" | "snapshots" | RetentionSubject,
    cutoff: number,
  ): Promise<boolean> {
    const bound = Math.min(cutoff, this.#now - YOUNGEST_FOLD_MS);
    return this.#remove(
      subject,
      subject === "events"
        ? eventsBefore(this.#store, bound)
        : snapshotsBefore(this.#store, bound, { keepsNewest: true }),
    );
  }

  async #remove(subject: RetentionSubject, removal: Removal): Promise<boolean> {
    const { pace, progress } = this.#context;
    const removed = await removeAll(removal, pace, ({ rows, bytes }) => {
      this.sum.rows += rows;
      this.sum.bytes += bytes;
      this.detail[subject] = Number(this.detail[subject] ?? 0) + rows;
      progress(this.sum.rows, null);
    });
    return removed.isComplete;
  }

  #isMeasurementDue(rule: string): boolean {
    if (this.#context.options.jobs !== undefined) return true;
    const { untilAt } = readProgress(this.#store.connection, rule);
    return Math.abs(this.#store.now() - untilAt) >= MEASURE_EVERY_MS;
  }

  async #noteMeasurement(rule: string): Promise<void> {
    const { connection, now } = this.#store;
    await this.#context.pace.write(
      () => writeProgress(connection, rule, { untilAt: now(), lastId: 0 }),
      "write progress",
    );
  }
}
