import { describe, expect, it } from "bun:test";
import { PriceBook, type Price } from "../../src/store/prices.ts";
import { checkRates, costPicoUsd, type Rates, usdOf } from "../../src/store/rates.ts";
import { codeOf } from "../support/error-of.ts";

const COUNTS = {
  input_tokens: 1_000_000,
  output_tokens: 0,
  cache_write_5m_tokens: 0,
  cache_write_1h_tokens: 0,
  cache_read_tokens: 0,
};

const ofEach = (rates: Rates): number[] =>
  (Object.keys(COUNTS) as (keyof typeof COUNTS)[]).map((name) =>
    usdOf(costPicoUsd({ ...COUNTS, input_tokens: 0, [name]: 1_000_000 }, 1, rates)),
  );

describe("costPicoUsd()", () => {
  it("prices each part by its own rate", () => {
    const rates = {
      input: 5,
      output: 25,
      cache_write_5m: 6.25,
      cache_write_1h: 10,
      cache_read: 0.5,
    };
    expect(ofEach(rates)).toEqual([5, 25, 6.25, 10, 0.5]);
  });

  it("takes what has no rate for input, and the one-hour part for the five-minute one", () => {
    expect(ofEach({ input: 2, output: 8 })).toEqual([2, 8, 2, 2, 2]);
    expect(ofEach({ input: 2, output: 8, cache_write_5m: 3 })).toEqual([2, 8, 3, 3, 2]);
  });

  it("prices a whole request by its tier, above the start and not at it", () => {
    const rates: Rates = {
      input: {
        base: 3,
        tiers: [
          { start: 200_000, price: 6 },
          { start: 500_000, price: 9 },
        ],
      },
      output: 15,
    };
    const cost = (requestTokens: number): number =>
      usdOf(costPicoUsd(COUNTS, requestTokens, rates));
    expect([200_000, 200_001, 500_000, 500_001].map(cost)).toEqual([3, 6, 6, 9]);
  });

  it("is exact for fractions of a cent, so that sums do not depend on their order", () => {
    const rates = { input: 0.0375, output: 0.15 };
    const one = costPicoUsd({ ...COUNTS, input_tokens: 3 }, 3, rates);
    expect(one).toBe(112_500);
    expect(costPicoUsd({ ...COUNTS, input_tokens: 3_000_000 }, 3, rates)).toBe(one * 1_000_000);
  });
});

describe("checkRates()", () => {
  it.each([
    [null],
    [{ input: 1 }],
    [{ input: 1, output: -1 }],
    [{ input: 1, output: "2" }],
    [{ input: 1, output: Number.NaN }],
    [{ input: 1, output: 2, cache: 3 }],
    [
      {
        input: {
          base: 1,
          tiers: [
            { start: 5, price: 1 },
            { start: 5, price: 2 },
          ],
        },
        output: 2,
      },
    ],
    [{ input: { base: 1 }, output: 2 }],
  ])("refuses %j", (rates) => {
    expect(codeOf(() => checkRates(rates))).toBe("VALUE_INVALID");
  });
});

describe("PriceBook", () => {
  const price = (kind: Price["kind"], validFrom: number, input: number | null): Price => ({
    price_id: 0,
    model: "m",
    kind,
    valid_from: validFrom,
    rates: input === null ? null : JSON.stringify({ input, output: 1 }),
    source: "test",
    created_at: 1_700_000_000_000,
  });
  const inputAt = (prices: readonly Price[], at: number): unknown =>
    new PriceBook(prices).ratesAt("m", at)?.input ?? null;

  it("takes the latest price that holds, and none before the first", () => {
    const prices = [price("catalogue", 100, 1), price("catalogue", 200, 2)];
    expect([99, 100, 199, 200].map((at) => inputAt(prices, at))).toEqual([null, 1, 1, 2]);
  });

  it("prefers what was repriced to the catalogue, and an override to both, even an older one", () => {
    const catalogue = [price("catalogue", 0, 1), price("catalogue", 200, 2)];
    expect(inputAt([...catalogue, price("repriced", 0, 3)], 300)).toBe(3);
    expect(inputAt([price("override", 0, 4), price("repriced", 200, 3), ...catalogue], 300)).toBe(
      4,
    );
  });

  it("takes a model that the catalogue does not know for unknown, never for free", () => {
    expect(inputAt([price("catalogue", 0, null)], 300)).toBeNull();
    expect(
      new PriceBook([]).costOf({ ...COUNTS, model: "m", timestamp: 1, requestTokens: 1 }),
    ).toBe(null);
  });
});
