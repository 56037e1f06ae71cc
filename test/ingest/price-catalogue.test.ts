import { describe, expect, it } from "bun:test";
import { readFileSync } from "node:fs";
import {
  CATALOGUE,
  learnPrices,
  reprice,
  setOverride,
  usedModels,
} from "../../src/ingest/price-catalogue.ts";
import { reportPeriods } from "../../src/report/periods.ts";
import { verifyRollups } from "../../src/report/verify.ts";
import type { UsageDb } from "../../src/index.ts";
import { clockedDb } from "../support/usage-db.ts";
import { message } from "../support/usage-message.ts";

const OPUS = "claude-opus-4-6";
const BEFORE = Date.parse("2026-02-12T10:00:00Z");
const AFTER = Date.parse("2026-04-12T10:00:00Z");

const report = (db: UsageDb) => reportPeriods(db, { timeZone: "UTC" });
const costs = (db: UsageDb): number[] => report(db).rows.map(({ totalCost }) => totalCost);

describe("learnPrices()", () => {
  it("names the version of the catalogue that is installed", () => {
    const manifest = JSON.parse(
      readFileSync("node_modules/@pydantic/genai-prices/package.json", "utf8"),
    ) as { version: string };
    expect(CATALOGUE).toBe(`genai-prices ${manifest.version}`);
  });

  it("learns a model once, with the date from which a price holds", () => {
    using clocked = clockedDb();
    const { db } = clocked;
    expect(learnPrices(db, [{ model: OPUS, agent: "claude" }])).toEqual([OPUS]);
    expect(learnPrices(db, [{ model: OPUS, agent: "claude" }])).toEqual([]);
    const book = db.prices.book();
    expect(book.ratesAt(OPUS, BEFORE)?.input).toEqual({
      base: 5,
      tiers: [{ start: 200_000, price: 10 }],
    });
    expect(book.ratesAt(OPUS, AFTER)).toEqual({
      input: 5,
      output: 25,
      cache_read: 0.5,
      cache_write_5m: 6.25,
      cache_write_1h: 10,
    });
  });

  it("finds models of each agent, and remembers one that nobody knows as unknown", () => {
    using clocked = clockedDb();
    const { db } = clocked;
    const models = [
      { model: "claude-sonnet-4-5-20250929", agent: "claude" },
      { model: "gpt-5.3-codex", agent: "codex" },
      { model: "gemini-2.5-pro", agent: "gemini" },
      { model: "no-such-model-at-all", agent: "claude" },
    ];
    expect(learnPrices(db, models)).toHaveLength(3);
    expect(db.prices.list().find(({ model }) => model.startsWith("no-"))).toMatchObject({
      kind: "catalogue",
      rates: null,
    });
    expect(learnPrices(db, models)).toEqual([]);
  });

  it("prices hours that were there before", () => {
    using clocked = clockedDb();
    const { db } = clocked;
    db.messages.record([message({ model: OPUS, timestamp: BEFORE, output_tokens: 1_000_000 })]);
    expect(report(db)).toMatchObject({ totals: { totalCost: 0 }, unpricedModels: [OPUS] });
    learnPrices(db, usedModels(db));
    expect(report(db).totals.totalCost).toBeCloseTo(25, 3);
    expect(report(db).unpricedModels).toEqual([]);
    expect(verifyRollups(db)).toEqual([]);
  });
});

describe("reprice()", () => {
  const used = (db: UsageDb): void => {
    db.messages.record([
      message({ message_id: "a", model: OPUS, timestamp: BEFORE, input_tokens: 300_000 }),
      message({ message_id: "b", model: OPUS, timestamp: AFTER, input_tokens: 300_000 }),
      message({ message_id: "c", model: "nobody-knows", timestamp: AFTER }),
    ]);
    learnPrices(db, usedModels(db));
  };

  it("prices by the day, or all of it by today's prices, and goes back", () => {
    using clocked = clockedDb();
    const { db } = clocked;
    used(db);
    const [before, after] = costs(db) as [number, number];
    expect(before / after).toBeCloseTo(2, 3);
    expect(reprice(db, "today")).toEqual({ priced: [OPUS], unpriced: ["nobody-knows"] });
    expect(costs(db)[0]).toBe(costs(db)[1] as number);
    expect(verifyRollups(db)).toEqual([]);
    reprice(db, "day");
    expect(costs(db)).toEqual([before, after]);
    expect(verifyRollups(db)).toEqual([]);
  });

  it("leaves an override as it is, from the day it holds", () => {
    using clocked = clockedDb();
    const { db } = clocked;
    used(db);
    const [before] = costs(db) as [number];
    const free = { input: 0, output: 0 };
    setOverride(db, OPUS, [{ validFrom: Date.parse("2026-04-01T00:00:00Z"), rates: free }]);
    expect(costs(db)).toEqual([before, 0]);
    reprice(db, "today");
    expect(costs(db)[1]).toBe(0);
    setOverride(db, OPUS, []);
    expect(costs(db)[1]).toBeGreaterThan(0);
    expect(verifyRollups(db)).toEqual([]);
  });
});
