import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import {
  nameOf,
  POLICY_NAMES,
  readPolicyName,
  readPolicyNames,
  readPolicyValue,
  renderPolicyValue,
} from "../../src/cli/retention-values.ts";
import { RETENTION_MEANINGS } from "../../src/store/retention-meanings.ts";
import { RETENTION_DEFAULTS, RETENTION_RANGES } from "../../src/store/retention-policies.ts";
import { errorOf } from "../support/error-of.ts";

const DAY = 86_400_000;
const read = (name: string, text: string): number | null =>
  readPolicyValue(readPolicyName(name), text);

describe("readPolicyValue()", () => {
  it.each([
    ["events.max_age", "90d", 90 * DAY],
    ["events.max_age", " 2w ", 14 * DAY],
    ["events.max_age", "1y", 365 * DAY],
    ["events.max_age", "1.5d", 1.5 * DAY],
    ["events.max_age", "90m", 90 * 60_000],
    ["events.max_age", "off", null],
    ["database.max_bytes", "500MB", 500_000_000],
    ["database.max_bytes", "500mb", 500_000_000],
    ["database.max_bytes", "2 g", 2_000_000_000],
    ["database.max_bytes", "1.5GiB", 1.5 * 2 ** 30],
    ["database.max_bytes", "1000000B", 1_000_000],
    ["snapshots.max_rows_per_session", "10000", 10_000],
    ["snapshots.max_rows_per_session", "10k", 10_000],
  ])("reads %s %s", (name, text, value) => {
    expect(read(name, text)).toBe(value);
  });

  it.each([
    ["events.max_age", "90"],
    ["events.max_age", "90D"],
    ["events.max_age", "90 days"],
    ["events.max_age", "-3d"],
    ["events.max_age", "0d"],
    ["events.max_age", "30m"],
    ["events.max_age", "1M"],
    ["events.max_age", "5MB"],
    ["events.max_age", ""],
    ["events.max_age", "none"],
    ["events.max_age", "9999999d"],
    ["database.max_bytes", "500"],
    ["database.max_bytes", "5kB"],
    ["database.max_bytes", "90d"],
    ["database.max_bytes", "1.23456789MB"],
    ["snapshots.max_rows_per_session", "1.5"],
    ["snapshots.max_rows_per_session", "0"],
    ["snapshots.max_rows_per_session", "5MB"],
  ])("refuses %s %p, and says what it takes", (name, text) => {
    const error = errorOf(() => read(name, text));
    expect(error).toMatchObject({ code: "CLI_USAGE", details: { policy: name, observed: text } });
    expect(error.message).toContain("expected");
  });

  it("reads whatever is shown of a policy as the very same value", () => {
    const policy = fc.constantFrom(...RETENTION_DEFAULTS);
    fc.assert(
      fc.property(policy, fc.double({ min: 0, max: 1, noNaN: true }), (name, share) => {
        const [min, max] = RETENTION_RANGES[name.rule];
        const value = Math.min(max, Math.round(min * (max / min) ** share));
        expect(readPolicyValue(name, renderPolicyValue(name, value))).toBe(value);
      }),
    );
    for (const { subject, rule, value } of RETENTION_DEFAULTS)
      expect(readPolicyValue({ subject, rule }, renderPolicyValue({ rule }, value))).toBe(value);
  });
});

describe("policy names", () => {
  it("leave the unit to the value, and are taken with it too", () => {
    expect(POLICY_NAMES).toContain("events.max_age");
    expect(readPolicyName("events.max_age_ms")).toMatchObject({ rule: "max_age_ms" });
    expect(POLICY_NAMES.map((name) => nameOf(readPolicyName(name)))).toEqual([...POLICY_NAMES]);
  });

  it.each([
    ["event.max_age", "events.max_age"],
    ["events.maxage", "events.max_age"],
    ["database.max_byte", "database.max_bytes"],
  ])("suggest for %s %s", (text, meant) => {
    expect(errorOf(() => readPolicyName(text)).message).toEndWith(`expected ${meant}`);
  });

  it("may be a subject where all of its policies are meant", () => {
    expect(readPolicyNames("events").map(nameOf)).toEqual(
      POLICY_NAMES.filter((name) => name.startsWith("events.")),
    );
    expect(errorOf(() => readPolicyNames("evnts")).message).toEndWith("expected events");
  });

  it("each have a meaning", () => {
    const names = RETENTION_DEFAULTS.map(({ subject, rule }) => `${subject}.${rule}`);
    expect(Object.keys(RETENTION_MEANINGS)).toEqual(names);
  });
});
