import { describe, expect, it } from "bun:test";
import { type NewUsageMessage, type UsageDb, verifyRollups } from "../../src/index.ts";
import { setOverride } from "../../src/ingest/price-catalogue.ts";

import { reportBlocks } from "../../src/report/blocks.ts";
import { reportPeriods } from "../../src/report/periods.ts";
import { reportSessions } from "../../src/report/sessions.ts";
import { chance, FAULT_ROUNDS, withSeed } from "../support/fault-rounds.ts";
import { clockedDb, NOON } from "../support/usage-db.ts";
import { message } from "../support/usage-message.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const ZONES = [
  { timeZone: "UTC" },
  { timeZone: "Europe/Berlin", resetHour: 3 },
  { timeZone: "Asia/Kolkata" },
  { timeZone: "Asia/Kathmandu", resetHour: 17 },
  { timeZone: "Pacific/Chatham" },
  { timeZone: "America/St_Johns" },
] as const;

const SESSIONS = [
  { session_id: "s1", project: "/a", agent: "claude" },
  { session_id: "s2", project: "/b", agent: "claude" },
  { session_id: "s3", project: "/a", agent: "codex" },
] as const;

/** Everything that is said of tokens. */
function said(db: UsageDb): Record<string, unknown> {
  const view = (name: string): unknown =>
    db.connection.readOnce(`SELECT * FROM ${name} ORDER BY 1, 2, 3, 4`);
  return {
    periods: ZONES.flatMap((zone) =>
      (["daily", "weekly", "monthly"] as const).map((period) =>
        reportPeriods(db, { ...zone, period, by: "project" }),
      ),
    ),
    ranges: ZONES.map((zone) =>
      reportPeriods(db, { ...zone, since: "2026-11-14", until: "2026-11-17", by: "model" }),
    ),
    sessions: ZONES.flatMap((zone) => [
      reportSessions(db, zone),
      reportSessions(db, { ...zone, since: "2026-11-14", until: "2026-11-17" }),
    ]),
    blocks: ["claude", "codex", undefined].map((agent) =>
      reportBlocks(db, { timeZone: "UTC", nowMs: NOON, ...(agent === undefined ? {} : { agent }) }),
    ),
    views: ["v_daily", "v_models", "v_sessions", "v_blocks"].map(view),
    differences: verifyRollups(db),
  };
}

function randomMessages(next: () => number, count: number): NewUsageMessage[] {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T;
  return Array.from({ length: count }, (_, i) =>
    message({
      message_id: `m${i}`,
      request_id: `r${i}`,
      // In UTC, days of the zones begin in these hours, at 15 or 30 minutes past them.
      timestamp:
        NOON -
        12 * HOUR -
        Math.floor(1 + next() * 8) * DAY +
        pick([3, 10, 11, 18, 18, Math.floor(next() * 24)]) * HOUR +
        pick([
          0,
          0,
          1,
          900_000,
          899_999,
          1_800_000,
          2_700_001,
          3_599_999,
          Math.floor(next() * HOUR),
        ]),
      model: pick(["opus", "opus", "unheard-of"]),
      ...pick(SESSIONS),
      input_tokens: pick([10, 1000, 250_000]),
      output_tokens: Math.floor(next() * 1000),
    }),
  );
}

function fold(db: UsageDb, maxAgeMs = 2 * DAY): Promise<number> {
  db.retention.set("messages", "max_age_ms", maxAgeMs);
  return db.maintain({ jobs: ["fold"] }).then(({ jobs: [job] }) => {
    expect(job?.error).toBeUndefined();
    return job?.rows ?? 0;
  });
}

const RATES = {
  input: { base: 3, tiers: [{ start: 200_000, price: 6 }] },
  output: 15,
  cache_read: 0.3,
};

describe("the fold job", () => {
  it("deletes no message unless a policy asks for it", async () => {
    using clocked = clockedDb();
    clocked.db.messages.record([message({ timestamp: NOON - 4000 * DAY })]);
    expect((await clocked.db.maintain({ jobs: ["fold"] })).jobs[0]).toMatchObject({ rows: 0 });
    expect(clocked.db.messages.count()).toBe(1);
  });

  it("changes no report, in any zone, whatever is folded when", async () => {
    const dice = chance();
    await withSeed(dice, async () => {
      for (let round = 0; round < 2 * FAULT_ROUNDS; round++) {
        using clocked = clockedDb();
        const { db } = clocked;
        setOverride(db, "opus", [
          { validFrom: 0, rates: RATES },
          { validFrom: NOON - 5 * DAY + 1_000_000, rates: { input: 1, output: 5 } },
        ]);
        const messages = randomMessages(() => dice.next(), 300);
        db.messages.record(messages);
        const before = said(db);
        expect(before["differences"]).toEqual([]);
        for (const age of [6 * DAY + 1234, 3 * DAY, HOUR]) {
          expect(await fold(db, age)).toBeGreaterThan(0);
          expect(said(db)).toEqual(before);
        }
        expect(db.messages.count()).toBeLessThan(10);
        const copies = db.messages.record(messages);
        expect([copies.inserted, copies.updated]).toEqual([0, 0]);
        expect(said(db)).toEqual(before);
        // What is priced anew is what was folded, too.
        setOverride(db, "unheard-of", [{ validFrom: 0, rates: { input: 2, output: 2 } }]);
        expect(verifyRollups(db)).toEqual([]);
      }
    });
  }, 60_000);

  it("folds whole hours, and what comes late for one with the next run", async () => {
    using clocked = clockedDb();
    const { db } = clocked;
    const at = NOON - 3 * DAY;
    db.messages.record([
      message({ message_id: "old", timestamp: at - 1 }),
      message({ message_id: "young", timestamp: at + 30_000 }),
    ]);
    clocked.time += 59_000;
    db.snapshots.insert({ session_id: "s", snapshot_data: {} });
    expect(await fold(db, 3 * DAY)).toBe(1);
    expect(db.messages.byMessageId("young")).toHaveLength(1);
    const late = message({ message_id: "late", timestamp: at - 2, request_id: "r9" });
    expect(db.messages.record([late])).toMatchObject({ inserted: 1 });
    const before = said(db);
    expect(await fold(db, 3 * DAY)).toBe(1);
    expect(said(db)).toEqual(before);
  });

  it.each([
    ["the very line", {}, 0],
    ["a line with more tokens, which comes too late", { output_tokens: 500 }, 0],
    ["another session's copy", { session_id: "s2" }, 0],
    ["a sidechain's copy under another request", { request_id: "r2", is_sidechain: 1 }, 0],
    ["a line that names no request", { request_id: "" }, 0],
    ["a message of another request", { request_id: "r2" }, 1],
    ["a message of another agent", { agent: "codex" }, 1],
    ["another message", { message_id: "msg_2" }, 1],
  ] as const)("counts %s as often as it should", async (_, change, inserted) => {
    using clocked = clockedDb();
    const { db } = clocked;
    db.messages.record([message({ timestamp: NOON - 5 * DAY })]);
    expect(await fold(db)).toBe(1);
    const copy = message({ timestamp: NOON - 5 * DAY, ...change });
    expect(db.messages.record([copy]).inserted).toBe(inserted);
    const { totals } = reportPeriods(db, { timeZone: "UTC" });
    expect(totals.outputTokens).toBe(5 + inserted * 5);
    expect(verifyRollups(db)).toEqual([]);
  });

  it("deletes nothing when the hours do not have what it would delete", async () => {
    using clocked = clockedDb();
    const { db } = clocked;
    db.messages.record([message({ timestamp: NOON - 5 * DAY })]);
    db.connection.runOnce("UPDATE usage_rollups SET output_tokens = output_tokens - 1");
    db.retention.set("messages", "max_age_ms", DAY);
    const { jobs, isComplete } = await db.maintain({ jobs: ["fold"] });
    expect(isComplete).toBe(false);
    expect(jobs[0]).toMatchObject({ outcome: "failed", error: { code: "FOLD_MISMATCH" } });
    expect(db.messages.count()).toBe(1);
    expect(db.connection.readOnce("SELECT count(*) FROM usage_message_folds")).toEqual([[0]]);
  });
});
