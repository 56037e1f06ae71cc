import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "bun:test";
import { exportChanges } from "../../src/ingest/exchange/export.ts";
import { openUsageDb, type UsageDb } from "../../src/index.ts";
import type { JobReport } from "../../src/retention/job.ts";
import { storedEvent } from "../../src/serve/client-event.ts";
import { errorOf } from "../support/error-of.ts";
import { chance, FAULT_ROUNDS, withSeed } from "../support/fault-rounds.ts";
import { addEvents, compactedCount, DAY, HOUR, texts } from "../support/compactable-rows.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { clockedDb, NOON } from "../support/usage-db.ts";

async function compact(db: UsageDb, options = {}): Promise<JobReport> {
  const { jobs } = await db.maintain({ jobs: ["compact"], trustClock: true, ...options });
  return jobs[0] as JobReport;
}

/** A change file without its first line, which has the time. */
function bodyOf(path: string): string {
  const bytes = readFileSync(path);
  const text = bytes[0] === 0x1f ? new TextDecoder().decode(Bun.gunzipSync(bytes)) : String(bytes);
  return text.slice(text.indexOf("\n"));
}

describe("the compact job", () => {
  it("compresses old payloads and chats, and every reader sees what it saw before", async () => {
    using folder = tempFolder();
    using clocked = clockedDb(folder.at("a.db"));
    const { db } = clocked;
    addEvents(db, texts(60), NOON - 8 * DAY);
    addEvents(db, texts(12), NOON - 6 * DAY);
    const seen = (): unknown => ({
      recent: db.events.recent(),
      after: db.events.after(0),
      served: db.events.recent().map(storedEvent),
      count: exportChanges(db, folder.at("export")),
      exported: bodyOf(folder.at("export")),
    });
    const before = seen();
    const report = await compact(db);
    expect(report).toMatchObject({ outcome: "done" });
    // Of six kinds one is too short and one is noise; a sixth has its text twice.
    expect(report.rows).toBe(40 + 10);
    expect(compactedCount(db)).toBe(40);
    expect(report.bytes).toBeGreaterThan(0);
    expect(seen()).toEqual(before);
    const { events } = report.detail as { events: { bytesBefore: number; bytesAfter: number } };
    expect(report.bytes).toBe(events.bytesBefore - events.bytesAfter);
  });

  it("finds nothing to do a second time, takes what became old since, and what came late", async () => {
    using clocked = clockedDb();
    const { db } = clocked;
    addEvents(db, texts(6), NOON - 8 * DAY);
    expect((await compact(db)).rows).toBeGreaterThan(0);
    expect(await compact(db)).toMatchObject({ outcome: "done", rows: 0 });
    addEvents(db, texts(6), NOON - 9 * DAY);
    addEvents(db, texts(6), NOON - 6 * DAY);
    const late = await compact(db);
    expect(compactedCount(db)).toBe(8);
    expect(late.rows).toBeGreaterThan(0);
    clocked.time += 2 * DAY;
    await compact(db);
    expect(compactedCount(db)).toBe(12);
  });

  it("goes on where its time ran out, and after rows whose ids started over", async () => {
    using clocked = clockedDb();
    const { db } = clocked;
    addEvents(db, texts(600), NOON - 8 * DAY);
    const before = db.events.after(0);
    const first = await compact(db, { maxMs: 1 });
    expect(first.outcome).toBe("partial");
    expect(compactedCount(db)).toBeLessThan(400);
    await compact(db);
    expect(compactedCount(db)).toBe(400);
    expect(db.events.after(0)).toEqual(before);
    db.connection.runOnce("DELETE FROM events");
    addEvents(db, texts(6), NOON - 10 * DAY);
    await compact(db);
    expect(compactedCount(db)).toBe(4);
  });

  it("leaves snapshots alone until their policy is set, and then knows an adopted one again", async () => {
    using clocked = clockedDb();
    const { db } = clocked;
    const rows = texts(12).map((snapshot_data, index) => ({
      session_id: "s",
      snapshot_data,
      snapshot_type: "stats" as const,
      timestamp: NOON - 3 * DAY + index,
    }));
    db.snapshots.insertMany(rows);
    const before = db.snapshots.list();
    await compact(db);
    expect(compactedCount(db, "usage_snapshots", "snapshot_data")).toBe(0);
    db.retention.set("snapshots", "compact_after_ms", DAY);
    await compact(db);
    expect(compactedCount(db, "usage_snapshots", "snapshot_data")).toBe(8);
    expect(db.snapshots.list()).toEqual(before);
    expect(db.snapshots.listBySession("s")).toEqual(before);
    expect(db.snapshots.get(1)).toEqual(before.at(-1) ?? null);
    expect(db.snapshots.at(NOON)).toEqual(before[0] ?? null);
    expect(rows.map((row) => db.snapshots.countEqual(row))).toEqual(rows.map(() => 1));
    expect(db.snapshots.countEqual({ ...rows[0]!, snapshot_data: "{}" })).toBe(0);
    db.snapshots.replaceData(1, { new: true });
    expect(db.snapshots.get(1)?.snapshot_data).toBe('{"new":true}');
  });

  it("expands everything again when the policy is switched off, so that the way back is open", async () => {
    using clocked = clockedDb();
    const { db } = clocked;
    addEvents(db, texts(60), NOON - 8 * DAY);
    const before = db.events.after(0);
    const stored = db.connection.readOnce("SELECT payload, chat FROM events ORDER BY id");
    await compact(db);
    const before018 = { target: 17 };
    const refused = errorOf(() => db.migrations.rollback(before018));
    expect(refused.message).toContain("usagedb config retention set events.compact_after off");
    expect(db.events.after(0)).toEqual(before);
    db.retention.set("events", "compact_after_ms", null);
    expect(await compact(db)).toMatchObject({ outcome: "done", rows: 50, bytes: 0 });
    expect(compactedCount(db)).toBe(0);
    expect(db.connection.readOnce("SELECT payload, chat FROM events ORDER BY id")).toEqual(stored);
    db.migrations.rollback(before018);
    db.migrations.up();
    expect(db.events.after(0)).toEqual(before);
  });

  it("refuses a text that is written beside its frame", async () => {
    using clocked = clockedDb();
    const { db } = clocked;
    addEvents(db, texts(1), NOON - 8 * DAY);
    await compact(db);
    const write = (sql: string) => () => db.connection.runOnce(sql);
    expect(write("UPDATE events SET payload = '{}'")).toThrow("the row is compacted");
    expect(write("UPDATE events SET chat = NULL")).toThrow("the row is compacted");
    write("UPDATE events SET payload = '{}', payload_zstd = NULL")();
    expect(db.events.recent()[0]?.payload).toBe("{}");
  });

  it("names a frame that was damaged instead of handing out something else", async () => {
    using clocked = clockedDb();
    const { db } = clocked;
    addEvents(db, texts(1), NOON - 8 * DAY);
    await compact(db);
    const [[frame] = []] = db.connection.readOnce(
      "SELECT payload_zstd FROM events",
    ) as Uint8Array[][];
    for (let at = 0; at < (frame as Uint8Array).length; at++) {
      const bent = Uint8Array.from(frame as Uint8Array);
      bent[at] = (bent[at] as number) ^ 0x10;
      db.connection.prepare("UPDATE events SET payload_zstd = ?").run(bent);
      // A few bits of a frame mean nothing: then the text is whole.
      const found = ((): string => {
        try {
          return db.events.recent()[0]?.payload ?? "";
        } catch (error) {
          return (error as { code: string }).code;
        }
      })();
      expect([texts(1)[0] as string, "DATABASE_CORRUPT"]).toContain(found);
    }
  });

  it("says beforehand what it is going to do, and does nothing in a dry run", async () => {
    using folder = tempFolder();
    using clocked = clockedDb(folder.at("a.db"));
    const { db } = clocked;
    addEvents(db, texts(60), NOON - 8 * DAY);
    const planned = await compact(db, { dryRun: true });
    expect(compactedCount(db)).toBe(0);
    const done = await compact(db);
    // Noise is counted until it was tried.
    expect(planned.rows).toBe(done.rows + 20);
    expect(Math.abs(planned.bytes - done.bytes) / done.bytes).toBeLessThan(0.3);
    expect(planned.estimate?.staysAnswerable).toContain("byte for byte");
    expect((await compact(db, { dryRun: true })).rows).toBe(0);
  });

  it("refuses a clock that jumped, and compacts nothing of the last hour whatever the policy says", async () => {
    using clocked = clockedDb();
    const { db } = clocked;
    db.retention.set("events", "compact_after_ms", HOUR);
    addEvents(db, texts(6), NOON - 30 * 60_000);
    clocked.jump(400 * DAY);
    expect(await compact(db, { trustClock: false })).toMatchObject({
      outcome: "failed",
      error: { code: "CLOCK_JUMPED" },
    });
    expect(compactedCount(db)).toBe(0);
  });

  /**
   * Strategy: a process compacts, and is killed at a random moment.
   * Invariants: every text reads as before, the file is sound, and another run goes on to the end.
   */
  it(
    "loses no byte when it is killed at any moment",
    async () => {
      const dice = chance();
      await withSeed(dice, async () => {
        for (let round = 0; round < 2 * FAULT_ROUNDS; round++) {
          using folder = tempFolder();
          const path = folder.at("a.db");
          const now = Date.now();
          const db = openUsageDb(path);
          addEvents(db, texts(600), now - 8 * DAY);
          const before = db.events.after(0);
          db.close();
          const script = `import { openUsageDb } from "${join(import.meta.dir, "../../src/index.ts")}";
          const db = openUsageDb(process.argv[1]);
          console.log("begun");
          await db.maintain({ jobs: ["compact"], trustClock: true });`;
          const child = Bun.spawn([process.execPath, "-e", script, path], { stdout: "pipe" });
          const reader = child.stdout.getReader();
          await reader.read();
          await Bun.sleep(dice.next() * 250);
          child.kill("SIGKILL");
          await child.exited;
          using after = openUsageDb(path);
          expect(after.events.after(0)).toEqual(before);
          expect(after.connection.readOnce("PRAGMA integrity_check")).toEqual([["ok"]]);
          expect(await compact(after)).toMatchObject({ outcome: "done" });
          expect(compactedCount(after)).toBe(400);
          expect(after.events.after(0)).toEqual(before);
        }
      });
    },
    60_000 * FAULT_ROUNDS,
  );
});
