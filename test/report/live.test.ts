import { describe, expect, it } from "bun:test";
import { reportBlocks, reportLive, type NewUsageMessage } from "../../src/index.ts";
import { clockedDb, NOON } from "../support/usage-db.ts";
import { message } from "../support/usage-message.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** Messages at these minutes after noon. */
const messages = (
  minutes: readonly number[],
  change: Partial<NewUsageMessage> = {},
): NewUsageMessage[] =>
  minutes.map((minute) =>
    message({
      message_id: `${change.agent ?? "claude"}-${minute}`,
      timestamp: NOON + minute * MINUTE,
      input_tokens: 100,
      output_tokens: 200,
      cache_read_tokens: 5000,
      ...change,
    }),
  );

describe("reportLive()", () => {
  it("has nothing of an empty database", () => {
    using clocked = clockedDb();
    expect(reportLive(clocked.db, { nowMs: NOON })).toEqual({
      at: "2026-11-20T12:00:00.000Z",
      agent: null,
      agents: [],
      plan: "custom",
      block: null,
      official: [],
      learned: null,
    });
  });

  it.each([
    ["in the midst of a block", [5, 20, 65, 130], 150],
    ["with one message", [5], 6],
    ["after a block that ended on the very hour", [-295, 0, 1, 30], 31],
    ["with a message on the block's very start", [0, 60], 61],
  ])("says what reportBlocks says %s", (_, minutes, now) => {
    using clocked = clockedDb();
    const { db } = clocked;
    db.messages.record(messages(minutes));
    const nowMs = NOON + now * MINUTE;
    const { block } = reportLive(db, { nowMs });
    const active = reportBlocks(db, { timeZone: "UTC", nowMs }).blocks.find(
      ({ isActive }) => isActive,
    );
    expect(active).toBeDefined();
    expect<unknown>({
      startTime: block?.startTime,
      endTime: block?.endTime,
      lastActivity: block?.lastActivity,
      messages: block?.messages,
      tokenCounts: block?.tokenCounts,
      totalTokens: block?.totalTokens,
      costUSD: block?.costUSD,
      burnRate: block?.burnRate,
      projection: block?.projection,
    }).toEqual({
      startTime: active?.startTime,
      endTime: active?.endTime,
      lastActivity: active?.actualEndTime,
      messages: active?.entries,
      tokenCounts: active?.tokenCounts,
      totalTokens: active?.totalTokens,
      costUSD: active?.costUSD,
      burnRate: active?.burnRate,
      projection: active?.projection,
    });
    expect(block?.activity).toHaveLength(30);
    expect(block?.activity.reduce((sum, tokens) => sum + tokens, 0)).toBe(active?.totalTokens);
  });

  it("has no block when the last one is over", () => {
    using clocked = clockedDb();
    clocked.db.messages.record(messages([5]));
    expect(reportLive(clocked.db, { nowMs: NOON + 5 * HOUR })).toMatchObject({
      agent: "claude",
      block: null,
    });
  });

  it("counts input and output against the limit, and the cache's tokens not", () => {
    using clocked = clockedDb();
    const { db } = clocked;
    db.messages.record(messages([5, 65]));
    db.config.update({ plan: "pro" });
    const { block } = reportLive(db, { nowMs: NOON + 65 * MINUTE });
    expect(block?.totalTokens).toBe(2 * 5303);
    expect(block?.limits.tokens).toMatchObject({ used: 600, limit: 19_000, source: "plan" });
  });

  it("lays the block before the reset that the maker names", () => {
    using clocked = clockedDb();
    const { db } = clocked;
    db.messages.record(messages([-90, 5, 65]));
    db.limitSamples.record([
      {
        agent: "claude",
        limit_name: "five_hour",
        window_minutes: 300,
        used_percent: 6,
        resets_at: NOON + 4 * HOUR + 10 * MINUTE,
        observed_at: NOON + 70 * MINUTE,
      },
    ]);
    const { block, official, learned } = reportLive(db, { nowMs: NOON + 80 * MINUTE });
    expect(block).toMatchObject({
      anchor: "sample",
      startTime: "2026-11-20T11:10:00.000Z",
      endTime: "2026-11-20T16:10:00.000Z",
      messages: 2,
      limits: { tokens: { used: 600, limit: 10_000, usedPercent: 6, source: "learned" } },
    });
    expect(official).toEqual([
      {
        name: "five_hour",
        windowMinutes: 300,
        usedPercent: 6,
        resetsAt: "2026-11-20T16:10:00.000Z",
        observedAt: "2026-11-20T13:10:00.000Z",
        reachedAt: null,
      },
    ]);
    expect(learned).toMatchObject({ windows: 1, confidence: "low" });
  });

  it("says when the official hundred per cent are reached at the rate so far", () => {
    using clocked = clockedDb();
    const { db } = clocked;
    db.messages.record(messages([0, 60]));
    db.limitSamples.record([
      {
        agent: "claude",
        limit_name: "five_hour",
        window_minutes: 300,
        used_percent: 50,
        resets_at: NOON + 5 * HOUR,
        observed_at: NOON + 60 * MINUTE,
      },
    ]);
    expect(reportLive(db, { nowMs: NOON + 60 * MINUTE }).official[0]?.reachedAt).toBe(
      "2026-11-20T14:00:00.000Z",
    );
  });

  it("is of one agent: the one asked for, else the one that was active last", () => {
    using clocked = clockedDb();
    const { db } = clocked;
    db.messages.record([...messages([5, 10]), ...messages([20], { agent: "codex" })]);
    const nowMs = NOON + 30 * MINUTE;
    expect(reportLive(db, { nowMs })).toMatchObject({
      agent: "codex",
      agents: ["claude", "codex"],
      block: { messages: 1, limits: { tokens: { source: "p90" } } },
    });
    db.config.update({ plan: "max5" });
    expect(reportLive(db, { nowMs }).block?.limits.tokens.source).toBe("p90");
    expect(reportLive(db, { nowMs, agent: "claude" })).toMatchObject({
      agent: "claude",
      block: { messages: 2, limits: { tokens: { limit: 88_000 } } },
    });
  });

  it("refuses what it does not know", () => {
    using clocked = clockedDb();
    const wrong = { nowMs: NOON, agnet: "claude" } as unknown as { nowMs: number };
    expect(() => reportLive(clocked.db, wrong)).toThrow("agnet");
    expect(() => reportLive(clocked.db, { nowMs: 1 })).toThrow("nowMs");
  });
});
