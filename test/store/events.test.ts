import { describe, expect, it } from "bun:test";
import { errorOf } from "../support/error-of.ts";
import { clockedDb, NOON } from "../support/usage-db.ts";

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
