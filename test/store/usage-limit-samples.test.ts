import { describe, expect, it } from "bun:test";
import { errorOf } from "../support/error-of.ts";
import { clockedDb, NOON, queryPlan } from "../support/usage-db.ts";

const sample = {
  agent: "claude",
  limit_name: "five_hour",
  window_minutes: 300,
  used_percent: 42.5,
  resets_at: NOON + 3_600_000,
  session_id: "s",
};

describe("limitSamples.record()", () => {
  it("stores a sample as it is, at the time of the clock", () => {
    using clocked = clockedDb();
    const { limitSamples } = clocked.db;
    expect(limitSamples.record([sample])).toBe(1);
    expect(limitSamples.newest("claude", "five_hour")).toEqual({
      id: 1,
      ...sample,
      observed_at: NOON,
    });
    expect(limitSamples.newest("claude", "seven_day")).toBeNull();
  });

  it("stores what says the same again once, and every change", () => {
    using clocked = clockedDb();
    const { limitSamples } = clocked.db;
    const changes = [{}, {}, { used_percent: 43 }, {}, { resets_at: null }, { resets_at: null }];
    const stored = changes.map((change, minute) =>
      limitSamples.record([{ ...sample, ...change, observed_at: NOON + minute * 60_000 }]),
    );
    expect(stored).toEqual([1, 0, 1, 1, 1, 0]);
    const range = { fromMs: NOON, toMs: NOON + 86_400_000 };
    const percents = limitSamples.list("claude", "five_hour", range).map((row) => row.used_percent);
    expect(percents).toEqual([42.5, 43, 42.5, 42.5]);
  });

  it("holds sessions apart, so that an idle one that repeats itself adds nothing", () => {
    using clocked = clockedDb();
    const { limitSamples } = clocked.db;
    const busy = (used_percent: number): number =>
      limitSamples.record([{ ...sample, session_id: "busy", used_percent }]);
    const idle = (): number => limitSamples.record([{ ...sample, session_id: "idle" }]);
    expect([idle(), busy(50), idle(), busy(51), idle()]).toEqual([1, 1, 0, 1, 0]);
    expect(limitSamples.newest("claude", "five_hour")?.used_percent).toBe(51);
  });

  it("refuses seconds, a percent below nothing and a misspelt key, storing none of the samples", () => {
    using clocked = clockedDb();
    const { limitSamples } = clocked.db;
    const refused = (change: object): unknown =>
      errorOf(() => limitSamples.record([sample, { ...sample, ...change }])).details["field"];
    expect(refused({ resets_at: 1_795_000_000 })).toBe("resets_at");
    expect(refused({ used_percent: -1 })).toBe("used_percent");
    expect(refused({ used_percent: Number.NaN })).toBe("used_percent");
    expect(refused({ window_minutes: 0 })).toBe("window_minutes");
    expect(errorOf(() => limitSamples.record([{ ...sample, percent: 1 } as never])).code).toBe(
      "OPTION_UNKNOWN",
    );
    expect(limitSamples.newest("claude", "five_hour")).toBeNull();
  });

  it("finds the last sample of a session and of a limit by index", () => {
    using clocked = clockedDb();
    const bySession = queryPlan(
      clocked.db,
      "SELECT used_percent FROM usage_limit_samples WHERE session_id = 's' AND agent = 'a' AND limit_name = 'l' ORDER BY observed_at DESC, id DESC LIMIT 1",
    );
    expect(bySession).toContain("idx_usage_limit_samples_session_id (session_id=?");
    const byLimit = queryPlan(
      clocked.db,
      "SELECT * FROM usage_limit_samples WHERE agent = 'a' AND limit_name = 'l' ORDER BY observed_at DESC, id DESC LIMIT 1",
    );
    expect(byLimit).toContain("idx_usage_limit_samples_observed_at (agent=? AND limit_name=?)");
    expect(bySession + byLimit).not.toContain("TEMP B-TREE");
  });
});
