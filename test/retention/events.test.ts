import { describe, expect, it } from "bun:test";
import type { NewEvent, UsageDb } from "../../src/index.ts";
import { chance, FAULT_ROUNDS, withSeed } from "../support/fault-rounds.ts";
import { clockedDb, NOON } from "../support/usage-db.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const event = (change: Partial<NewEvent> = {}): NewEvent => ({
  source_app: "app",
  session_id: "s",
  hook_event_type: "Stop",
  payload: { text: "…" },
  timestamp: NOON - 100 * DAY,
  ...change,
});

const counted = (db: UsageDb): unknown[] =>
  db.connection.readOnce(
    "SELECT * FROM v_events ORDER BY day, source_app, hook_event_type, model_name",
  );
const stored = (db: UsageDb): number =>
  Number(db.connection.readOnce("SELECT count(*) FROM events")[0]?.[0]);

async function prune(db: UsageDb): Promise<number> {
  const [job] = (await db.maintain({ jobs: ["prune"] })).jobs;
  expect(job?.error).toBeUndefined();
  return job?.rows ?? 0;
}

describe("the prune of events", () => {
  it("leaves the counts and bytes of every day as they were, whatever is deleted when", async () => {
    const dice = chance();
    const pick = <T>(list: readonly T[]): T => list[Math.floor(dice.next() * list.length)] as T;
    await withSeed(dice, async () => {
      for (let round = 0; round < 2 * FAULT_ROUNDS; round++) {
        using clocked = clockedDb();
        const { db } = clocked;
        const events = Array.from({ length: 200 }, (_, i) =>
          event({
            source_app: pick(["app", "other"]),
            hook_event_type: pick(["Stop", "PreToolUse"]),
            model_name: pick([null, "opus"]),
            payload: { text: "ü".repeat(Math.floor(dice.next() * 50)) },
            dedupe_key: pick([null, `key ${i}`]),
            timestamp: NOON - Math.floor(dice.next() * 12 * DAY) - pick([0, 1]),
          }),
        );
        for (const one of events) db.events.insert(one);
        const before = counted(db);
        for (const age of [9 * DAY + 17, 5 * DAY, HOUR]) {
          db.retention.set("events", "max_age_ms", age);
          const [ahead] = (await db.maintain({ jobs: ["prune"], dryRun: true })).jobs;
          const removed = await prune(db);
          expect(removed).toBe(
            events.filter(({ timestamp = 0 }) => timestamp < NOON - age).length -
              (200 - stored(db) - removed),
          );
          expect(ahead?.rows).toBe(removed);
          expect(counted(db)).toEqual(before);
        }
        for (const one of events) if (typeof one.dedupe_key === "string") db.events.insert(one);
        expect(counted(db)).toEqual(before);
      }
    });
  }, 30_000);

  it("does not count an event again that a transcript or a spool brings again", async () => {
    using clocked = clockedDb();
    const { db } = clocked;
    expect(db.events.insert(event({ dedupe_key: "k" }))).toBe(true);
    expect(await prune(db)).toBe(1);
    expect(db.events.insert(event({ dedupe_key: "k" }))).toBe(false);
    expect(db.events.insert(event({ dedupe_key: "another" }))).toBe(true);
    expect(counted(db)).toMatchObject([
      ["2026-08-12", "app", "Stop", null, 2, 28, NOON - 100 * DAY, NOON - 100 * DAY],
    ]);
  });

  it("counts a compacted payload by the bytes that were written", () => {
    using clocked = clockedDb();
    clocked.db.events.insert(event({ payload: '{"usagedb_compacted":70000}' }));
    expect(counted(clocked.db).map((row) => (row as unknown[])[5])).toEqual([70_000]);
  });
});

describe("the bounds of space", () => {
  /** An event of about 10 kB an hour, the newest at noon, and snapshots beside them. */
  function large(clocked: ReturnType<typeof clockedDb>): UsageDb {
    const { db } = clocked;
    for (let hours = 0; hours < 400; hours++) {
      db.events.insert(
        event({ timestamp: NOON - hours * HOUR, payload: { text: "x".repeat(9988) } }),
      );
      db.snapshots.insert({
        session_id: `s${hours % 3}`,
        snapshot_data: { text: "x".repeat(4000) },
        timestamp: NOON - hours * HOUR,
      });
    }
    return db;
  }

  it("keeps the newest events whose payloads fit, to the row", async () => {
    using clocked = clockedDb();
    const db = large(clocked);
    const before = counted(db);
    db.retention.set("events", "payload_max_bytes", 2_000_000);
    const [ahead] = (await db.maintain({ jobs: ["prune"], dryRun: true })).jobs;
    expect(await prune(db)).toBe(200);
    expect(ahead?.rows).toBe(200);
    expect(db.events.recent(1000).at(-1)?.timestamp).toBe(NOON - 199 * HOUR);
    expect(counted(db)).toEqual(before);
  });

  it("keeps the newest snapshots that fit, and the newest of each session in any case", async () => {
    using clocked = clockedDb();
    const db = large(clocked);
    db.snapshots.insert({ session_id: "old", snapshot_data: {}, timestamp: NOON - 500 * HOUR });
    db.retention.set("snapshots", "max_bytes", 1_000_000);
    await prune(db);
    const left = db.snapshots.list({ limit: 1000 });
    expect(left.at(-1)?.session_id).toBe("old");
    expect(left.length).toBe(1 + Math.floor(1_000_000 / (4000 + 11 + 200)));
  });

  it("brings a database below its bound by the oldest events first, then snapshots", async () => {
    using clocked = clockedDb();
    const db = large(clocked);
    db.retention.set("database", "max_bytes", 3_000_000);
    const { jobs } = await db.maintain({ jobs: ["prune"] });
    const used = (): number =>
      (Number(db.connection.readOnce("PRAGMA page_count")[0]?.[0]) -
        Number(db.connection.readOnce("PRAGMA freelist_count")[0]?.[0])) *
      4096;
    expect(used()).toBeLessThanOrEqual(3_000_000);
    expect(jobs[0]?.detail["bytesOver"]).toBeUndefined();
    expect(db.snapshots.list({ limit: 1000 })).toHaveLength(400);
    expect(db.events.recent(1000).length).toBeGreaterThan(20);
    db.retention.set("database", "max_bytes", 1_200_000);
    await prune(db);
    expect(used()).toBeLessThanOrEqual(1_200_000);
    expect(db.snapshots.list({ limit: 1000 }).length).toBeLessThan(400);
  });

  it("says how much is left over when only what never goes for its size is left", async () => {
    using clocked = clockedDb();
    const { db } = clocked;
    for (let i = 0; i < 300; i++)
      db.events.insert(event({ timestamp: NOON - i, payload: { text: "x".repeat(9988) } }));
    db.retention.set("database", "max_bytes", 1_000_000);
    const { jobs } = await db.maintain({ jobs: ["prune"] });
    expect(jobs[0]).toMatchObject({ outcome: "done", rows: 0 });
    expect(jobs[0]?.detail["bytesOver"]).toBeGreaterThan(1_000_000);
    expect(jobs[0]?.detail["remark"]).toContain("younger than an hour");
    expect(stored(db)).toBe(300);
  });
});
