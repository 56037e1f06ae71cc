import { describe, expect, it } from "bun:test";
import type { NewBar } from "../../src/index.ts";
import { errorOf } from "../support/error-of.ts";
import { clockedDb, NOON } from "../support/usage-db.ts";

const HOUR = 3_600_000;
const bar = (change: Partial<NewBar> = {}): NewBar => ({
  symbol: "EURUSD",
  provider: "oanda",
  timeframe: "1h",
  timestamp: NOON,
  open: 1.1,
  high: 1.3,
  low: 1,
  close: 1.2,
  volume: 10,
  ...change,
});

describe("bars.upsert()", () => {
  it("starts at revision 0, counts corrections, and ignores the same bar again", () => {
    using clocked = clockedDb();
    const { bars } = clocked.db;
    expect(bars.upsert([bar()])).toBe(1);
    clocked.time += 1000;
    expect(bars.upsert([bar()])).toBe(0);
    expect(bars.range({ symbol: "EURUSD", timeframe: "1h" })).toMatchObject([
      { revision: 0, insertedAt: NOON },
    ]);
    expect(bars.upsert([bar({ close: 1.25 })])).toBe(1);
    expect(bars.range({ symbol: "EURUSD", timeframe: "1h" })).toMatchObject([
      { revision: 1, close: 1.25, insertedAt: NOON + 1000 },
    ]);
    expect(bars.upsert([bar({ close: 1.25, providerPriority: 3 })])).toBe(1);
    expect(bars.range({ symbol: "EURUSD", timeframe: "1h" })).toMatchObject([
      { revision: 1, providerPriority: 3 },
    ]);
  });

  it.each([
    [{ open: Number.NaN }, "open"],
    [{ high: Number.POSITIVE_INFINITY }, "high"],
    [{ high: 0.5 }, "high"],
    [{ volume: -1 }, "volume"],
    [{ symbol: "" }, "symbol"],
    [{ timestamp: 1_763_640_000 }, "timestamp"],
    [{ timestamp: NOON + 0.5 }, "timestamp"],
    [{ providerPriority: 0.5 }, "providerPriority"],
  ])("refuses %j by name and stores none of the batch", (change, field) => {
    using clocked = clockedDb();
    expect(errorOf(() => clocked.db.bars.upsert([bar(), bar(change)])).details["field"]).toBe(
      field,
    );
    expect(clocked.db.bars.range({ symbol: "EURUSD", timeframe: "1h" })).toEqual([]);
  });
});

describe("bars.range()", () => {
  it("takes whole bars from the provider with the lowest priority number, never a blend", () => {
    using clocked = clockedDb();
    const { bars } = clocked.db;
    bars.upsert([
      bar({ provider: "alpha", providerPriority: 2, timestamp: NOON, close: 1.21 }),
      bar({ provider: "fxcm", providerPriority: 1, timestamp: NOON, close: 1.22, open: 1.05 }),
      bar({ provider: "oanda", providerPriority: 2, timestamp: NOON + HOUR, close: 1.23 }),
    ]);
    const merged = bars.range({ symbol: "EURUSD", timeframe: "1h" });
    expect(merged.map(({ provider, open, close }) => [provider, open, close])).toEqual([
      ["fxcm", 1.05, 1.22],
      ["oanda", 1.1, 1.23],
    ]);
    expect(bars.range({ symbol: "EURUSD", timeframe: "1h", provider: "alpha" })).toHaveLength(1);
  });

  it("includes its start and excludes its end", () => {
    using clocked = clockedDb();
    clocked.db.bars.upsert([0, 1, 2, 3].map((i) => bar({ timestamp: NOON + i * HOUR })));
    const times = clocked.db.bars
      .range({ symbol: "EURUSD", timeframe: "1h", fromMs: NOON + HOUR, toMs: NOON + 3 * HOUR })
      .map(({ timestamp }) => timestamp);
    expect(times).toEqual([NOON + HOUR, NOON + 2 * HOUR]);
    expect(
      errorOf(() => clocked.db.bars.range({ symbol: "E", timeframe: "1h", from: 1 } as never)).code,
    ).toBe("OPTION_UNKNOWN");
  });
});
