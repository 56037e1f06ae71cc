import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import type { NewUsageMessage, UsageDb } from "../../src/index.ts";
import { setOverride } from "../../src/ingest/price-catalogue.ts";
import { BLOCK_MS, type BlockRow, reportBlocks } from "../../src/report/blocks.ts";
import { type PeriodReportOptions, reportPeriods } from "../../src/report/periods.ts";
import { reportSessions } from "../../src/report/sessions.ts";
import { verifyRollups } from "../../src/report/verify.ts";
import { HOUR_MS } from "../../src/store/token-counts.ts";
import { errorOf } from "../support/error-of.ts";
import { chance, FAULT_ROUNDS } from "../support/fault-rounds.ts";
import { clockedDb } from "../support/usage-db.ts";
import { message } from "../support/usage-message.ts";

const at = (text: string): number => Date.parse(text);
const UTC = { timeZone: "UTC" } as const;

function record(db: UsageDb, changes: readonly Partial<NewUsageMessage>[]): void {
  db.messages.record(changes.map((change, i) => message({ message_id: `m${i}`, ...change })));
}

function periods(db: UsageDb, options: Omit<PeriodReportOptions, "timeZone">): unknown[] {
  return reportPeriods(db, { ...UTC, ...options }).rows.map(({ period, group, messageCount }) =>
    group === null ? [period, messageCount] : [period, group, messageCount],
  );
}

describe("reportPeriods()", () => {
  it("begins weeks on Monday and months on the first", () => {
    using clocked = clockedDb();
    record(clocked.db, [
      { timestamp: at("2026-01-31T23:00:00Z") },
      { timestamp: at("2026-02-01T23:00:00Z") },
      { timestamp: at("2026-02-02T00:00:00Z") },
      { timestamp: at("2026-02-28T00:00:00Z") },
    ]);
    expect(periods(clocked.db, { period: "weekly" })).toEqual([
      ["2026-01-26", 2],
      ["2026-02-02", 1],
      ["2026-02-23", 1],
    ]);
    expect(periods(clocked.db, { period: "monthly" })).toEqual([
      ["2026-01", 1],
      ["2026-02", 3],
    ]);
  });

  it("moves the borders of weeks and months with zone and reset hour", () => {
    using clocked = clockedDb();
    record(clocked.db, [{ timestamp: at("2026-02-01T03:00:00Z") }]);
    const of = (options: Partial<PeriodReportOptions>): unknown =>
      reportPeriods(clocked.db, { ...UTC, ...options }).rows[0]?.period;
    expect(of({ period: "monthly" })).toBe("2026-02");
    expect(of({ period: "monthly", resetHour: 4 })).toBe("2026-01");
    expect(of({ period: "monthly", timeZone: "America/New_York" })).toBe("2026-01");
    expect(of({ period: "weekly", resetHour: 4 })).toBe("2026-01-26");
  });

  it("tells projects, models or agents apart within a period, and keeps the newest periods", () => {
    using clocked = clockedDb();
    record(clocked.db, [
      { timestamp: at("2026-02-01T10:00:00Z"), project: "/b" },
      { timestamp: at("2026-02-02T10:00:00Z"), project: "/b", agent: "codex" },
      { timestamp: at("2026-02-02T11:00:00Z"), project: "/a", model: "sonnet" },
    ]);
    expect(periods(clocked.db, { by: "project" })).toEqual([
      ["2026-02-01", "/b", 1],
      ["2026-02-02", "/a", 1],
      ["2026-02-02", "/b", 1],
    ]);
    expect(periods(clocked.db, { by: "agent", last: 1, order: "desc" })).toEqual([
      ["2026-02-02", "claude", 1],
      ["2026-02-02", "codex", 1],
    ]);
    expect(periods(clocked.db, { by: "model", period: "monthly" })).toEqual([
      ["2026-02", "opus", 2],
      ["2026-02", "sonnet", 1],
    ]);
    expect(
      errorOf(() => reportPeriods(clocked.db, { ...UTC, by: "session" as "model" })).code,
    ).toBe("VALUE_INVALID");
  });

  it.each(["opus", "/p", "claude"])(
    "refuses a blend of two databases, in which the name %s is missing",
    (name) => {
      using clocked = clockedDb();
      const { db } = clocked;
      record(db, [{ timestamp: at("2026-02-01T10:20:00Z") }]);
      db.connection.runOnce("PRAGMA foreign_keys = OFF");
      db.connection.runOnce(`DELETE FROM usage_names WHERE name = '${name}'`);
      // Kathmandu's days cut an hour, which is summed from the messages themselves.
      const options = { timeZone: "Asia/Kathmandu", until: "2026-02-01" } as const;
      expect(errorOf(() => verifyRollups(db)).code).toBe("DATABASE_CORRUPT");
      expect(reportPeriods(db, options).totals.inputTokens).toBe(10);
    },
  );

  it("lists a model without a price, and does not count it as free", () => {
    using clocked = clockedDb();
    const { db } = clocked;
    setOverride(db, "opus", [{ validFrom: 0, rates: { input: 1, output: 1 } }]);
    record(db, [{ output_tokens: 1_000_000 }, { model: "unheard-of" }]);
    const { rows, totals, unpricedModels } = reportPeriods(db, UTC);
    expect(unpricedModels).toEqual(["unheard-of"]);
    expect(totals.totalCost).toBeCloseTo(1, 3);
    expect(rows[0]?.modelBreakdowns.map(({ cost }) => cost)).toEqual([expect.any(Number), null]);
  });
});

describe("reportSessions()", () => {
  it("sums by session, the one active last at the end", () => {
    using clocked = clockedDb();
    const { db } = clocked;
    record(db, [
      { session_id: "old", timestamp: at("2026-02-01T10:00:00Z") },
      { session_id: "new", timestamp: at("2026-02-01T09:00:00Z"), model: "sonnet" },
      { session_id: "new", timestamp: at("2026-02-02T09:00:00Z") },
    ]);
    const { session } = reportSessions(db, UTC);
    expect(
      session.map(({ period, messageCount, modelsUsed, metadata }) => [
        period,
        messageCount,
        modelsUsed,
        metadata.lastActivity,
      ]),
    ).toEqual([
      ["old", 1, ["opus"], "2026-02-01T10:00:00.000Z"],
      ["new", 2, ["opus", "sonnet"], "2026-02-02T09:00:00.000Z"],
    ]);
    expect(reportSessions(db, { ...UTC, last: 1 })).toMatchObject({
      session: [{ period: "new" }],
      totals: { inputTokens: 20 },
    });
    expect(reportSessions(db, { ...UTC, until: "2026-02-01" }).totals.inputTokens).toBe(20);
  });
});

describe("reportBlocks()", () => {
  const START = at("2026-02-12T16:00:00Z");
  const blocks = (db: UsageDb, nowMs = START + 100 * HOUR_MS): readonly BlockRow[] =>
    reportBlocks(db, { ...UTC, nowMs }).blocks;

  it("keeps a message at the very end of a block in it, and opens a new one a millisecond later", () => {
    using clocked = clockedDb();
    record(clocked.db, [
      { timestamp: START + 1000 },
      { timestamp: START + BLOCK_MS },
      { timestamp: START + BLOCK_MS + 1 },
    ]);
    expect(blocks(clocked.db).map(({ startTime, entries }) => [startTime, entries])).toEqual([
      ["2026-02-12T16:00:00.000Z", 2],
      ["2026-02-12T21:00:00.000Z", 1],
    ]);
  });

  it("leaves a gap when nothing happened for more than five hours", () => {
    using clocked = clockedDb();
    record(clocked.db, [{ timestamp: START }, { timestamp: START + 11 * HOUR_MS + 60_000 }]);
    expect(blocks(clocked.db)).toMatchObject([
      { isGap: false, entries: 1 },
      {
        id: "gap-2026-02-12T21:00:00.000Z",
        isGap: true,
        startTime: "2026-02-12T21:00:00.000Z",
        endTime: "2026-02-13T03:01:00.000Z",
        entries: 0,
        totalTokens: 0,
      },
      { isGap: false, startTime: "2026-02-13T03:00:00.000Z" },
    ]);
  });

  it("tells burn rate and projection of the block that goes on, and of no other", () => {
    using clocked = clockedDb();
    const { db } = clocked;
    setOverride(db, "opus", [{ validFrom: 0, rates: { input: 1, output: 1 } }]);
    record(db, [
      { timestamp: START, input_tokens: 994 },
      { timestamp: START + HOUR_MS, input_tokens: 994 },
    ]);
    const [active] = blocks(db, START + 2 * HOUR_MS);
    const each = 994 + 5 + 1 + 2 + 3;
    expect(active).toMatchObject({
      isActive: true,
      totalTokens: 2 * each,
      burnRate: { tokensPerMinute: (2 * each) / 60 },
      projection: {
        totalTokens: Math.round(2 * each + ((2 * each) / 60) * 180),
        remainingMinutes: 180,
      },
    });
    expect(blocks(db, START + BLOCK_MS)).toMatchObject([
      { isActive: false, burnRate: null, projection: null },
    ]);
    expect(reportBlocks(db, { ...UTC, nowMs: START + HOUR_MS, agent: "codex" }).blocks).toEqual([]);
  });
});

/**
 * Strategy: random messages that grow, of four models (one without a price, one with tiers and a price that changes), two
 * agents, three projects, gathered around hours and block ends, recorded in random pieces and twice.
 * Invariants: every report adds up to what the messages say; blocks are those of the definition, message by message;
 * the hours are what the messages say.
 */
describe("every report", () => {
  const BASE = at("2026-03-28T20:00:00Z");
  const messageArb = fc.record({
    timestamp: fc
      .tuple(fc.integer({ min: 0, max: 14 }), fc.constantFrom(0, 1, 999, 1_800_000, 3_599_999))
      .map(([hours, rest]) => BASE + hours * HOUR_MS + rest),
    model: fc.constantFrom("flat", "tiered", "unknown", "opus"),
    agent: fc.constantFrom("claude", "codex"),
    project: fc.constantFrom("/a", "/b", "/c"),
    session_id: fc.constantFrom("s1", "s2", "s3"),
    input_tokens: fc.constantFrom(0, 1, 7, 100, 199_990, 200_001),
    output_tokens: fc.integer({ min: 0, max: 5000 }),
  });

  it("adds up to the same totals, whatever it is told apart by", () => {
    const { seed } = chance();
    fc.assert(
      fc.property(fc.array(messageArb, { minLength: 1, maxLength: 40 }), (list) => {
        using clocked = clockedDb();
        const { db } = clocked;
        const tier = (base: number) => ({ base, tiers: [{ start: 200_000, price: 2 * base }] });
        const half = Math.ceil(list.length / 2);
        const all = list.map((change, i) => message({ message_id: `m${i}`, ...change }));
        // Each message begins with a line that says less, at another time.
        const begun = all.map((one) => ({
          ...one,
          timestamp: one.timestamp + 2 * HOUR_MS,
          input_tokens: 0,
          output_tokens: 0,
          cache_read_tokens: 0,
        }));
        db.messages.record(begun);
        setOverride(db, "flat", [{ validFrom: 0, rates: { input: 3, output: 15 } }]);
        db.messages.record(all.slice(0, half));
        // Learned in the midst: what stands there already is priced anew.
        setOverride(db, "tiered", [
          { validFrom: 0, rates: { input: tier(3), output: tier(15), cache_read: 0.0375 } },
          { validFrom: BASE + 7 * HOUR_MS, rates: { input: tier(1), output: 2 } },
        ]);
        db.messages.record(all.slice(half));
        db.messages.record(all);
        expect(verifyRollups(db)).toEqual([]);
        const sum = (of: (one: NewUsageMessage) => number): number =>
          all.reduce((total, one) => total + of(one), 0);
        const tokens = sum((one) => one.input_tokens + one.output_tokens + 1 + 2 + 3);
        const zones = ["UTC", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe"];
        const reports = [
          ...zones.flatMap((timeZone) =>
            (["daily", "weekly", "monthly"] as const).map((period) =>
              reportPeriods(db, { timeZone, period, resetHour: 3 }),
            ),
          ),
          reportPeriods(db, { timeZone: "UTC", by: "project" }),
          reportSessions(db, UTC),
          reportBlocks(db, { ...UTC, nowMs: BASE }),
        ];
        const costs = new Set(reports.map(({ totals }) => totals.totalCost.toFixed(10)));
        expect(costs.size).toBe(1);
        for (const { totals } of reports) expect(totals.totalTokens).toBe(tokens);
        expect(entriesOf(db)).toEqual(blocksByDefinition(all.map(({ timestamp }) => timestamp)));
      }),
      { seed, numRuns: 40 * FAULT_ROUNDS },
    );
  });

  it("finds an hour that was tampered with", () => {
    using clocked = clockedDb();
    const { db } = clocked;
    record(db, [{}]);
    db.connection.prepare("UPDATE usage_rollups SET output_tokens = output_tokens + 1").run();
    expect(verifyRollups(db)).toEqual([
      expect.stringContaining("output_tokens is 6, the messages say 5"),
    ]);
  });
});

function entriesOf(db: UsageDb): [string, number][] {
  return reportBlocks(db, { ...UTC, nowMs: at("2026-05-01T00:00:00Z") })
    .blocks.filter(({ isGap }) => !isGap)
    .map(({ startTime, entries }) => [startTime, entries]);
}

/** The definition of docs and ccusage, one message after the other. */
function blocksByDefinition(times: readonly number[]): [string, number][] {
  const found: { start: number; last: number; count: number }[] = [];
  for (const time of times.toSorted((a, b) => a - b)) {
    const block = found.at(-1);
    if (block !== undefined && time - block.start <= BLOCK_MS && time - block.last <= BLOCK_MS) {
      block.last = time;
      block.count++;
    } else found.push({ start: time - (time % HOUR_MS), last: time, count: 1 });
  }
  return found.map(({ start, count }) => [new Date(start).toISOString(), count]);
}
