import { describe, expect, it } from "bun:test";
import {
  holdingSample,
  learnLimit,
  type LimitSample,
  type WindowUsage,
} from "../../src/report/official-limits.ts";
import { NOON } from "../support/usage-db.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const sample = (change: Partial<LimitSample> = {}): LimitSample => ({
  agent: "claude",
  limit_name: "five_hour",
  window_minutes: 300,
  used_percent: 20,
  resets_at: NOON + HOUR,
  observed_at: NOON - HOUR,
  ...change,
});

describe("holdingSample()", () => {
  it("is null when every window has ended, or has no end", () => {
    expect(holdingSample([], NOON)).toBeNull();
    expect(holdingSample([sample({ resets_at: NOON })], NOON)).toBeNull();
    expect(holdingSample([sample({ resets_at: null })], NOON)).toBeNull();
  });

  it("takes the newer window, and in one window the larger percentage, however late the smaller was heard", () => {
    const late = sample({ used_percent: 15, observed_at: NOON - MINUTE });
    expect(holdingSample([sample(), late], NOON)?.used_percent).toBe(20);
    expect(holdingSample([late, sample()], NOON)?.used_percent).toBe(20);
    const jitter = sample({ used_percent: 21, resets_at: NOON + HOUR - 30_000 });
    expect(holdingSample([sample(), jitter], NOON)?.used_percent).toBe(21);
    const next = sample({ used_percent: 1, resets_at: NOON + 4 * HOUR });
    expect(holdingSample([sample(), next], NOON)?.used_percent).toBe(1);
  });

  it("does not look into the future", () => {
    expect(holdingSample([sample({ observed_at: NOON + 1 })], NOON)).toBeNull();
  });
});

/** Windows of five hours, one after the other, each with a percentage of what was used in it. */
function windows(
  rates: readonly number[],
  percent = 20,
): { samples: LimitSample[]; usageOf: (fromMs: number) => WindowUsage } {
  const resets = rates.map((_, index) => NOON - (index + 1) * 5 * HOUR);
  return {
    samples: resets.map((resets_at) =>
      sample({ resets_at, observed_at: resets_at - MINUTE, used_percent: percent }),
    ),
    usageOf: (fromMs) => {
      const rate = rates[resets.indexOf(fromMs + 5 * HOUR)] ?? 0;
      return { tokens: rate * percent, costUsd: (rate * percent) / 1000 };
    },
  };
}

describe("learnLimit()", () => {
  it("learns nothing of nothing, of percentages too small to tell, and of windows without messages", () => {
    const { usageOf } = windows([100]);
    expect(learnLimit([], usageOf)).toBeNull();
    expect(learnLimit([sample({ used_percent: 4 })], usageOf)).toBeNull();
    expect(
      learnLimit([sample({ used_percent: 101 })], () => ({ tokens: 5, costUsd: 1 })),
    ).toBeNull();
    expect(learnLimit([sample()], () => ({ tokens: 0, costUsd: 0 }))).toBeNull();
  });

  it.each([
    [[500], "low", 0],
    [[500, 500], "low", 0],
    [[500, 500, 500], "medium", 0],
    [[500, 500, 500, 500, 500], "high", 0],
    [[400, 500, 600, 500, 500], "high", 0],
    [[300, 400, 500, 600, 700], "medium", 0.4],
    [[100, 300, 500, 700, 900], "low", 0.8],
  ] as const)("takes the middle of %p, with confidence %s", (rates, confidence, spread) => {
    const { samples, usageOf } = windows(rates);
    expect(learnLimit(samples, usageOf)).toEqual({
      tokensPerPercent: 500,
      tokens: 50_000,
      costUsd: expect.closeTo(50, 6),
      windows: rates.length,
      spread: expect.closeTo(spread, 6),
      confidence,
    });
  });

  it("asks for what was used from the window's start to the first sample of its highest percentage", () => {
    const asked: number[][] = [];
    learnLimit(
      [
        sample({ used_percent: 9, observed_at: NOON - 3 * HOUR }),
        sample({ used_percent: 30, observed_at: NOON - HOUR }),
        // Of one window, though its end is told a second later.
        sample({ used_percent: 30, observed_at: NOON - 2 * HOUR, resets_at: NOON + HOUR + 1000 }),
        sample({ used_percent: 12, observed_at: NOON - MINUTE }),
        sample({ used_percent: 140, observed_at: NOON - MINUTE }),
      ],
      (...range) => {
        asked.push(range);
        return { tokens: 1, costUsd: 1 };
      },
    );
    expect(asked).toEqual([[NOON - 4 * HOUR + 1000, NOON - 2 * HOUR + 1]]);
  });

  it("looks at the newest twenty windows", () => {
    const rates = Array.from({ length: 25 }, (_, index) => (index < 20 ? 500 : 1));
    const { samples, usageOf } = windows(rates);
    expect(learnLimit(samples, usageOf)).toMatchObject({ windows: 20, spread: 0 });
  });
});
