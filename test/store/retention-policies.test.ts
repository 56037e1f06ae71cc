import { describe, expect, it } from "bun:test";
import { RETENTION_DEFAULTS } from "../../src/store/retention-policies.ts";
import { errorOf } from "../support/error-of.ts";
import { clockedDb, NOON } from "../support/usage-db.ts";

const DAY = 86_400_000;

describe("db.retention", () => {
  it("starts with the defaults of the code, row for row", () => {
    using clocked = clockedDb();
    const { connection, retention } = clocked.db;
    const rows = connection.readOnce(
      "SELECT subject, rule, value, updated_at FROM retention_policies ORDER BY subject, rule",
    );
    const defaults = RETENTION_DEFAULTS.map(({ subject, rule, value }) => [
      subject,
      rule,
      value,
      null,
    ]);
    const byName = (row: unknown[]): string => `${String(row[0])} ${String(row[1])}`;
    expect(rows).toEqual(defaults.sort((a, b) => (byName(a) < byName(b) ? -1 : 1)) as never);
    expect(retention.list()).toEqual(
      RETENTION_DEFAULTS.map((policy) => ({ ...policy, updated_at: null })),
    );
  });

  it("keeps messages without bound unless asked", () => {
    using clocked = clockedDb();
    expect(clocked.db.retention.get("messages", "max_age_ms")).toBeNull();
  });

  it("remembers what was set, and when", () => {
    using clocked = clockedDb();
    const { retention } = clocked.db;
    retention.set("events", "max_age_ms", 30 * DAY);
    retention.set("snapshots", "hourly_after_ms", null);
    expect(retention.get("events", "max_age_ms")).toBe(30 * DAY);
    expect(retention.get("snapshots", "hourly_after_ms")).toBeNull();
    expect(retention.list().filter(({ updated_at }) => updated_at !== null)).toEqual([
      { subject: "snapshots", rule: "hourly_after_ms", value: null, updated_at: NOON },
      { subject: "events", rule: "max_age_ms", value: 30 * DAY, updated_at: NOON },
    ]);
  });

  it("goes back to the defaults: of one policy, a subject, or all", () => {
    using clocked = clockedDb();
    const { retention } = clocked.db;
    const changed = (): string[] =>
      retention
        .list()
        .flatMap(({ subject, rule, updated_at }) =>
          updated_at === null ? [] : [`${subject}.${rule}`],
        );
    for (const { subject, rule } of RETENTION_DEFAULTS) retention.set(subject, rule, 123_456_789);
    expect(changed()).toHaveLength(RETENTION_DEFAULTS.length);
    retention.reset("events", "max_bytes");
    expect(changed()).toHaveLength(RETENTION_DEFAULTS.length - 1);
    retention.reset("snapshots");
    expect(changed().filter((name) => name.startsWith("snapshots"))).toEqual([]);
    retention.reset();
    expect(changed()).toEqual([]);
    expect(retention.get("events", "max_age_ms")).toBe(90 * DAY);
  });

  it("takes a policy whose row is gone for switched off, and can set it again", () => {
    using clocked = clockedDb();
    const { connection, retention } = clocked.db;
    connection.runOnce("DELETE FROM retention_policies");
    expect(retention.get("events", "max_age_ms")).toBeNull();
    expect(new Set(retention.list().map(({ value }) => value))).toEqual(new Set([null]));
    retention.set("events", "max_age_ms", DAY);
    expect(retention.get("events", "max_age_ms")).toBe(DAY);
  });

  it.each([
    ["events", "max_age_ms", 1],
    ["events", "max_age_ms", 1_763_640_000_000_000],
    ["events", "max_age_ms", 1.5],
    ["events", "max_age_ms", "90d"],
    ["events", "max_age_ms", undefined],
    ["snapshots", "max_rows_per_session", 0],
    ["database", "max_bytes", 4096],
    ["events", "max_rows_per_session", 10],
    ["bars", "max_age_ms", DAY],
    ["events", "max_age", DAY],
  ])("refuses %s.%s = %p, and writes nothing", (subject, rule, value) => {
    using clocked = clockedDb();
    const { retention } = clocked.db;
    expect(errorOf(() => retention.set(subject as never, rule as never, value as never)).code).toBe(
      "VALUE_INVALID",
    );
    expect(retention.list().every(({ updated_at }) => updated_at === null)).toBe(true);
  });

  it("refuses a nonsensical value that another program wrote, rather than delete by it", () => {
    using clocked = clockedDb();
    const { connection, retention } = clocked.db;
    connection.runOnce("UPDATE retention_policies SET value = 90 WHERE subject = 'events'");
    expect(errorOf(() => retention.get("events", "max_age_ms")).details["field"]).toBe(
      "events.max_age_ms",
    );
    expect(errorOf(() => retention.list()).code).toBe("VALUE_INVALID");
  });

  it("can be reset by a subject that there is, only", () => {
    using clocked = clockedDb();
    expect(errorOf(() => clocked.db.retention.reset("event" as never)).message).toContain(
      '"event"',
    );
  });
});
