import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { type DailyReportOptions, reportDaily, type UsageDb } from "../../src/index.ts";
import { dayOf } from "../../src/report/local-days.ts";
import { errorOf } from "../support/error-of.ts";
import { clockedDb } from "../support/usage-db.ts";

interface Use {
  readonly at: number;
  readonly tokens: number;
  readonly model?: string;
}

function fill(db: UsageDb, uses: readonly Use[]): void {
  db.sessions.ensure("s");
  db.messages.record(
    uses.map(({ at, tokens, model = "opus" }, i) => ({
      agent: "claude",
      message_id: `m${i}`,
      request_id: "",
      session_id: "s",
      project: `/p${i % 2}`,
      model,
      timestamp: at,
      is_sidechain: 0,
      input_tokens: tokens,
      output_tokens: 1,
      cache_write_5m_tokens: 2,
      cache_write_1h_tokens: 3,
      cache_read_tokens: 4,
      reported_cost_usd: null,
      source_id: null,
      source_offset: null,
    })),
  );
}

const at = (text: string): number => Date.parse(text);

describe("reportDaily()", () => {
  it("gives days and models in ccusage's names", () => {
    using clocked = clockedDb();
    fill(clocked.db, [
      { at: at("2026-02-12T10:00:00Z"), tokens: 100, model: "sonnet" },
      { at: at("2026-02-12T10:30:00Z"), tokens: 10 },
      { at: at("2026-02-14T00:00:00Z"), tokens: 7 },
    ]);
    expect(reportDaily(clocked.db, { timeZone: "UTC" })).toEqual({
      daily: [
        {
          period: "2026-02-12",
          group: null,
          messageCount: 2,
          totalCost: 0,
          inputTokens: 110,
          outputTokens: 2,
          cacheCreationTokens: 10,
          cacheReadTokens: 8,
          totalTokens: 130,
          modelsUsed: ["opus", "sonnet"],
          modelBreakdowns: [
            {
              modelName: "opus",
              inputTokens: 10,
              outputTokens: 1,
              cacheCreationTokens: 5,
              cacheReadTokens: 4,
              cost: null,
            },
            {
              modelName: "sonnet",
              inputTokens: 100,
              outputTokens: 1,
              cacheCreationTokens: 5,
              cacheReadTokens: 4,
              cost: null,
            },
          ],
        },
        {
          period: "2026-02-14",
          group: null,
          messageCount: 1,
          totalCost: 0,
          inputTokens: 7,
          outputTokens: 1,
          cacheCreationTokens: 5,
          cacheReadTokens: 4,
          totalTokens: 17,
          modelsUsed: ["opus"],
          modelBreakdowns: [
            {
              modelName: "opus",
              inputTokens: 7,
              outputTokens: 1,
              cacheCreationTokens: 5,
              cacheReadTokens: 4,
              cost: null,
            },
          ],
        },
      ],
      totals: {
        inputTokens: 117,
        outputTokens: 3,
        cacheCreationTokens: 15,
        cacheReadTokens: 12,
        totalTokens: 147,
        totalCost: 0,
      },
      unpricedModels: ["opus", "sonnet"],
    });
  });

  it("is empty for an empty database", () => {
    using clocked = clockedDb();
    expect(reportDaily(clocked.db, { timeZone: "UTC" })).toEqual({
      daily: [],
      totals: {
        inputTokens: 0,
        outputTokens: 0,
        cacheCreationTokens: 0,
        cacheReadTokens: 0,
        totalTokens: 0,
        totalCost: 0,
      },
      unpricedModels: [],
    });
  });

  it("cuts the hour in which a day of a half-hour zone begins", () => {
    using clocked = clockedDb();
    // Midnight in India is 18:30 UTC.
    fill(clocked.db, [
      { at: at("2026-02-11T18:29:59.999Z"), tokens: 1 },
      { at: at("2026-02-11T18:30:00.000Z"), tokens: 2 },
      { at: at("2026-02-12T18:29:59.999Z"), tokens: 4 },
      { at: at("2026-02-12T18:30:00.000Z"), tokens: 8 },
    ]);
    const input = (options: Partial<DailyReportOptions> = {}): unknown =>
      reportDaily(clocked.db, { timeZone: "Asia/Kolkata", ...options }).daily.map(
        ({ period, inputTokens }) => [period, inputTokens],
      );
    expect(input()).toEqual([
      ["2026-02-11", 1],
      ["2026-02-12", 6],
      ["2026-02-13", 8],
    ]);
    expect(input({ since: "2026-02-12", until: "2026-02-12" })).toEqual([["2026-02-12", 6]]);
    expect(input({ lastDays: 2, order: "desc" })).toEqual([
      ["2026-02-13", 8],
      ["2026-02-12", 6],
    ]);
  });

  it("counts each model of a cut hour once", () => {
    using clocked = clockedDb();
    fill(clocked.db, [
      { at: at("2026-02-11T18:10:00Z"), tokens: 1, model: "opus" },
      { at: at("2026-02-11T18:40:00Z"), tokens: 2, model: "opus" },
      { at: at("2026-02-11T18:50:00Z"), tokens: 4, model: "sonnet" },
    ]);
    const report = reportDaily(clocked.db, { timeZone: "Asia/Kolkata" });
    expect(report.daily.map(({ period, inputTokens }) => [period, inputTokens])).toEqual([
      ["2026-02-11", 1],
      ["2026-02-12", 6],
    ]);
  });

  it("moves the day's border with the reset hour", () => {
    using clocked = clockedDb();
    fill(clocked.db, [
      { at: at("2026-02-12T03:59:00Z"), tokens: 1 },
      { at: at("2026-02-12T04:00:00Z"), tokens: 2 },
    ]);
    const report = reportDaily(clocked.db, { timeZone: "UTC", resetHour: 4 });
    expect(report.daily.map(({ period, inputTokens }) => [period, inputTokens])).toEqual([
      ["2026-02-11", 1],
      ["2026-02-12", 2],
    ]);
  });

  it.each([
    [{ timeZone: "Mars/Olympus" }, "timeZone"],
    [{ timeZone: "UTC", since: "yesterday" }, "since"],
    [{ timeZone: "UTC", until: "2026-02-30" }, "until"],
    [{ timeZone: "UTC", since: "2026-02-02", until: "2026-02-01" }, "until"],
    [{ timeZone: "UTC", resetHour: 24 }, "resetHour"],
    [{ timeZone: "UTC", lastDays: 0 }, "lastDays"],
    [{ timeZone: "UTC", order: "up" as never }, "order"],
  ])("refuses %j", (options, field) => {
    using clocked = clockedDb();
    expect(errorOf(() => reportDaily(clocked.db, options)).details["field"]).toBe(field);
  });

  it("adds up to the messages, day by day, in every zone", () => {
    const use = fc.record({
      at: fc.integer({ min: at("2026-03-27T00:00:00Z"), max: at("2026-04-07T00:00:00Z") }),
      tokens: fc.integer({ min: 0, max: 1000 }),
      model: fc.constantFrom("opus", "sonnet"),
    });
    const zone = fc.constantFrom(
      "UTC",
      "Europe/Berlin",
      "Asia/Kolkata",
      "Australia/Lord_Howe",
      "Asia/Kathmandu",
      "America/New_York",
    );
    fc.assert(
      fc.property(
        fc.array(use, { maxLength: 40 }),
        zone,
        fc.integer({ min: 0, max: 23 }),
        (uses, timeZone, resetHour) => {
          using clocked = clockedDb();
          fill(clocked.db, uses);
          const expected = new Map<string, number>();
          for (const { at: time, tokens } of uses) {
            const { date } = dayOf(time, { timeZone, resetHour });
            expected.set(date, (expected.get(date) ?? 0) + tokens + 10);
          }
          const report = reportDaily(clocked.db, { timeZone, resetHour });
          expect(
            new Map(report.daily.map(({ period, totalTokens }) => [period, totalTokens])),
          ).toEqual(expected);
          expect(report.daily.map(({ period }) => period)).toEqual([...expected.keys()].sort());
          expect(report.totals.totalTokens).toBe([...expected.values()].reduce((a, b) => a + b, 0));
        },
      ),
      { numRuns: 60 },
    );
  });
});
