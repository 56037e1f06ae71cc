import { describe, expect, it } from "bun:test";
import { DEFAULT_SETTINGS, type UsageConfig } from "../../src/store/usage-config.ts";
import { errorOf } from "../support/error-of.ts";
import { clockedDb, NOON } from "../support/usage-db.ts";

describe("config.update()", () => {
  it("changes what is named, keeps the rest and stamps the time", () => {
    using clocked = clockedDb();
    const before = clocked.db.config.get();
    clocked.time = NOON + 10_000_000_000;
    expect(clocked.db.config.update({ plan: "pro", refresh_rate: 30, theme: "dark" })).toBe(true);
    expect(clocked.db.config.get()).toEqual({
      ...(before as UsageConfig),
      plan: "pro",
      refresh_rate: 30,
      theme: "dark",
      updated_at: clocked.time,
    });
  });

  it("returns false for an empty update and writes nothing", () => {
    using clocked = clockedDb();
    const before = clocked.db.config.get();
    expect(clocked.db.config.update({})).toBe(false);
    expect(clocked.db.config.get()).toEqual(before);
  });

  it.each([
    [{ plan: "gold" }, "plan", "one of pro, max5, max20, custom"],
    [{ view: "weekly" }, "view", "one of realtime, daily, monthly, session"],
    [{ time_format: "13h" }, "time_format", "one of 12h, 24h, auto"],
    [{ theme: 3 }, "theme", "one of light, dark, classic, auto"],
    [{ refresh_rate: 0 }, "refresh_rate", "an integer from 1 to 60"],
    [{ refresh_rate: 61 }, "refresh_rate", "an integer from 1 to 60"],
    [{ refresh_rate: 1.5 }, "refresh_rate", "an integer from 1 to 60"],
    [{ refresh_per_second: 0.05 }, "refresh_per_second", "a number from 0.1 to 20"],
    [{ refresh_per_second: Number.NaN }, "refresh_per_second", "a number from 0.1 to 20"],
    [{ reset_hour: 24 }, "reset_hour", "an integer from 0 to 23"],
    [
      { custom_limit_tokens: 0 },
      "custom_limit_tokens",
      `an integer from 1 to ${Number.MAX_SAFE_INTEGER}`,
    ],
    [
      { custom_limit_tokens: 2 ** 53 },
      "custom_limit_tokens",
      `an integer from 1 to ${Number.MAX_SAFE_INTEGER}`,
    ],
    [{ timezone: "Mars/Olympus" }, "timezone", "`auto` or an IANA zone"],
    [{ timezone: "" }, "timezone", "a non-empty string"],
  ])("refuses %j by name and range, and writes nothing", (update, field, range) => {
    using clocked = clockedDb();
    const before = clocked.db.config.get();
    const error = errorOf(() => clocked.db.config.update({ view: "daily", ...update } as never));
    expect(error.code).toBe("VALUE_INVALID");
    expect(error.details["field"]).toBe(field);
    expect(error.message).toContain(range);
    expect(clocked.db.config.get()).toEqual(before);
  });

  it("refuses columns that are not settings", () => {
    using clocked = clockedDb();
    expect(errorOf(() => clocked.db.config.update({ is_active: 0 } as never)).code).toBe(
      "OPTION_UNKNOWN",
    );
    expect(errorOf(() => clocked.db.config.update({ thmee: "dark" } as never)).code).toBe(
      "OPTION_UNKNOWN",
    );
  });

  it("makes an active row when there is none", () => {
    using clocked = clockedDb();
    clocked.db.connection.prepare("UPDATE usage_config SET is_active = 0").run();
    expect(clocked.db.config.get()).toBeNull();
    expect(clocked.db.config.update({ reset_hour: 4 })).toBe(true);
    expect(clocked.db.config.get()).toMatchObject({ ...DEFAULT_SETTINGS, reset_hour: 4 });
  });
});

describe("config.reset()", () => {
  it("puts every setting back and keeps one active row", () => {
    using clocked = clockedDb();
    clocked.db.config.update({
      plan: "max5",
      reset_hour: 3,
      custom_limit_tokens: 9,
      timezone: "UTC",
    });
    expect(clocked.db.config.reset()).toBe(true);
    expect(clocked.db.config.get()).toMatchObject(DEFAULT_SETTINGS);
    expect(
      clocked.db.connection.readOnce("SELECT count(*) FROM usage_config WHERE is_active = 1"),
    ).toEqual([[1]]);
  });
});
