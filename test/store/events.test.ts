import { describe, expect, it } from "bun:test";
import { errorOf } from "../support/error-of.ts";
import { clockedDb, NOON, queryPlan } from "../support/usage-db.ts";

const event = {
  source_app: "app",
  session_id: "s",
  hook_event_type: "PreToolUse",
  payload: { tool: "Bash" },
};

describe("events.insert()", () => {
  it("stores the event with its session", () => {
    using clocked = clockedDb();
    expect(clocked.db.events.insert({ ...event, summary: "ran", model_name: "m", chat: [] })).toBe(
      true,
    );
    expect(clocked.db.events.recent()).toEqual([
      {
        id: 1,
        ...event,
        payload: '{"tool":"Bash"}',
        chat: "[]",
        summary: "ran",
        model_name: "m",
        timestamp: NOON,
        dedupe_key: null,
      },
    ]);
    expect(clocked.db.sessions.get("s")).not.toBeNull();
  });

  it("stores an event with a dedupe key once, and any number without", () => {
    using clocked = clockedDb();
    const { events } = clocked.db;
    expect([
      events.insert({ ...event, dedupe_key: "k" }),
      events.insert({ ...event, dedupe_key: "k" }),
    ]).toEqual([true, false]);
    expect([events.insert(event), events.insert(event)]).toEqual([true, true]);
    expect(events.recent()).toHaveLength(3);
    expect(events.recent(2)).toHaveLength(2);
  });

  it("refuses text that is not JSON, a missing field and seconds, storing nothing", () => {
    using clocked = clockedDb();
    const { events, sessions } = clocked.db;
    expect(errorOf(() => events.insert({ ...event, payload: "{" })).code).toBe(
      "CONSTRAINT_VIOLATED",
    );
    expect(errorOf(() => events.insert({ ...event, source_app: "" })).details["field"]).toBe(
      "source_app",
    );
    expect(
      errorOf(() => events.insert({ ...event, timestamp: 1_763_640_000 })).details["field"],
    ).toBe("timestamp");
    expect([events.recent(), sessions.recent()]).toEqual([[], []]);
  });
});

describe("events.insertUnlessRepeated()", () => {
  it("takes the same words within the window for one event, and later ones for another", () => {
    using clocked = clockedDb();
    const { events } = clocked.db;
    const say = (seconds: number, dedupe_key = "k"): boolean =>
      events.insertUnlessRepeated(
        { ...event, dedupe_key, timestamp: NOON + seconds * 1000 },
        60_000,
      );
    expect([say(0), say(0), say(60), say(61), say(-60), say(-61)]).toEqual([
      true,
      false,
      false,
      true,
      false,
      true,
    ]);
    // A longer key that begins alike is another.
    expect([say(0, "k2"), say(0, "K"), say(0, "k2")]).toEqual([true, true, false]);
    expect(events.recent()).toHaveLength(5);
  });

  it("finds them by index", () => {
    using clocked = clockedDb();
    const plan = queryPlan(
      clocked.db,
      "SELECT 1 FROM events WHERE dedupe_key >= 'k@' AND dedupe_key < 'kA' AND timestamp BETWEEN 1 AND 2 LIMIT 1",
    );
    expect(plan).toContain("idx_events_dedupe_key (dedupe_key>? AND dedupe_key<?)");
  });
});

describe("events.distinct()", () => {
  it("lists the different values, descending, by index, and no more than asked for", () => {
    using clocked = clockedDb();
    const { events } = clocked.db;
    expect(events.distinct("source_app")).toEqual([]);
    for (const source_app of ["b", "a", "c", "a", "b"]) events.insert({ ...event, source_app });
    expect(events.distinct("source_app")).toEqual(["c", "b", "a"]);
    expect(events.distinct("source_app", 2)).toEqual(["c", "b"]);
    expect(events.distinct("session_id")).toEqual(["s"]);
    for (const column of ["source_app", "session_id", "hook_event_type"]) {
      const plan = queryPlan(
        clocked.db,
        `SELECT (SELECT max(${column}) FROM events WHERE ${column} < 'x')`,
      );
      expect(plan).toContain(`COVERING INDEX idx_events_${column} (${column}<?)`);
    }
    expect(errorOf(() => events.distinct("payload" as never)).code).toBe("VALUE_INVALID");
  });
});

describe("events.after()", () => {
  it("gives what was stored since, in the order of storing", () => {
    using clocked = clockedDb();
    const { events } = clocked.db;
    expect(events.newestId()).toBe(0);
    for (const timestamp of [NOON, NOON - 5, NOON + 5]) events.insert({ ...event, timestamp });
    expect(events.newestId()).toBe(3);
    expect(events.after(1).map(({ id }) => id)).toEqual([2, 3]);
    expect(events.after(0, 1).map(({ id }) => id)).toEqual([1]);
    expect(events.after(3)).toEqual([]);
  });
});

describe("sessions.upsert()", () => {
  it("widens times, keeps what is known, whatever the order", () => {
    using clocked = clockedDb();
    const { sessions } = clocked.db;
    sessions.upsert({ session_id: "s", started_at: NOON, last_seen_at: NOON, project: "/a" });
    sessions.upsert({
      session_id: "s",
      agent: "claude",
      started_at: NOON - 5,
      last_seen_at: NOON - 1,
      project: "/b",
    });
    sessions.upsert({ session_id: "s", last_seen_at: NOON + 7 });
    expect(sessions.get("s")).toMatchObject({
      agent: "claude",
      project: "/a",
      started_at: NOON - 5,
      last_seen_at: NOON + 7,
    });
    expect(
      errorOf(() => sessions.upsert({ session_id: "s", started_at: 5 })).details["field"],
    ).toBe("started_at");
  });
});
