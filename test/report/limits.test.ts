import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import {
  blockLimits,
  type BlockUse,
  type LimitQuestion,
  percentile90,
} from "../../src/report/limits.ts";
import type { LearnedLimit } from "../../src/report/official-limits.ts";
import { PLAN_LIMITS } from "../../src/report/plans.ts";
import { NOON } from "../support/usage-db.ts";

const HOUR = 3_600_000;
const learned = (change: Partial<LearnedLimit> = {}): LearnedLimit => ({
  tokensPerPercent: 500,
  tokens: 50_000,
  costUsd: 20,
  windows: 5,
  spread: 0.1,
  confidence: "high",
  ...change,
});
/** Half of pro's tokens in the first hour of five. */
const block = (change: Partial<BlockUse> = {}): BlockUse => ({
  tokens: 9500,
  costUsd: 3,
  messages: 50,
  minutes: 60,
  endMs: NOON + 4 * HOUR,
  ...change,
});
const question = (change: Partial<LimitQuestion> = {}): LimitQuestion => ({
  plan: "custom",
  customLimitTokens: null,
  learned: null,
  isMeasured: false,
  completedTokens: [],
  nowMs: NOON,
  ...change,
});

describe("the table of plans", () => {
  it("is the one that its source has", () => {
    expect(PLAN_LIMITS).toEqual({
      pro: { tokens: 19_000, costUsd: 18, messages: 250 },
      max5: { tokens: 88_000, costUsd: 35, messages: 1000 },
      max20: { tokens: 220_000, costUsd: 140, messages: 2000 },
    });
  });
});

describe("percentile90()", () => {
  it.each([
    [[], 19_000],
    [[5], 19_000],
    [[40_000], 40_000],
    [[0, 0, 0, 40_000], 40_000],
    [[20_000, 30_000], 29_000],
    [[10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110].map((n) => n * 1000), 100_000],
  ])("of %p is %d", (blocks, expected) => {
    expect(percentile90(blocks)).toBe(expected);
  });

  it("is never beyond the largest block, and does not depend on their order", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1_000_000), { minLength: 1 }), (blocks) => {
        const limit = percentile90(blocks);
        expect(limit).toBeLessThanOrEqual(Math.max(19_000, ...blocks));
        expect(percentile90(blocks.toReversed())).toBe(limit);
      }),
    );
  });
});

describe("blockLimits()", () => {
  it.each([
    [
      "the setting of plan custom",
      { customLimitTokens: 70_000, learned: learned() },
      70_000,
      "setting",
    ],
    ["what was learned", { learned: learned(), completedTokens: [90_000] }, 50_000, "learned"],
    [
      "what was learned before the plan's",
      { plan: "pro", learned: learned({ confidence: "medium" }) },
      50_000,
      "learned",
    ],
    [
      "the plan's before a guess",
      { plan: "max5", learned: learned({ confidence: "low" }) },
      88_000,
      "plan",
    ],
    [
      "a guess of this very block",
      { plan: "max5", isMeasured: true, learned: learned({ confidence: "low" }) },
      50_000,
      "learned",
    ],
    [
      "the plan's, whatever the setting of another plan says",
      { plan: "max20", customLimitTokens: 5 },
      220_000,
      "plan",
    ],
    ["the blocks of the past", { completedTokens: [90_000] }, 90_000, "p90"],
    [
      "the blocks of an agent without plans",
      { plan: null, completedTokens: [90_000] },
      90_000,
      "p90",
    ],
  ] as const)("takes %s", (_, change, limit, source) => {
    expect(blockLimits(block(), question(change)).tokens).toMatchObject({ limit, source });
  });

  it("has a limit of cost and messages only where something names one", () => {
    expect(blockLimits(block(), question())).toMatchObject({ costUsd: null, messages: null });
    expect(blockLimits(block(), question({ plan: "pro" }))).toMatchObject({
      costUsd: { limit: 18, source: "plan" },
      messages: { limit: 250, source: "plan" },
    });
    expect(blockLimits(block(), question({ learned: learned() }))).toMatchObject({
      costUsd: { limit: 20, source: "learned" },
      messages: null,
    });
    expect(blockLimits(block(), question({ learned: learned({ costUsd: 0 }) })).costUsd).toBeNull();
  });

  it("says how much is used, what it comes to, and when the limit is reached", () => {
    expect(blockLimits(block(), question({ plan: "pro" }))).toEqual({
      tokens: {
        used: 9500,
        limit: 19_000,
        usedPercent: 50,
        source: "plan",
        projected: 47_500,
        reachedAt: new Date(NOON + HOUR).toISOString(),
      },
      costUsd: expect.objectContaining({ projected: 15, reachedAt: null }),
      messages: expect.objectContaining({
        projected: 250,
        reachedAt: new Date(NOON + 4 * HOUR).toISOString(),
      }),
    });
  });

  it("knows no rate of a single message, and says that a limit is reached all the same", () => {
    const one = blockLimits(block({ minutes: 0 }), question({ plan: "pro" }));
    expect(one.tokens).toMatchObject({ projected: null, reachedAt: null });
    const over = blockLimits(block({ minutes: 0, tokens: 19_000 }), question({ plan: "pro" }));
    expect(over.tokens.reachedAt).toBe(new Date(NOON).toISOString());
  });
});
