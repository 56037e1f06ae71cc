import { describe, expect, it } from "bun:test";
import { openUsageDb, type SnapshotType } from "../../src/index.ts";
import { errorOf } from "../support/error-of.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { clockedDb, NOON } from "../support/usage-db.ts";

describe("snapshots.insert()", () => {
  it("stores the snapshot, its session and the defaults, and returns the row", () => {
    using clocked = clockedDb();
    const row = clocked.db.snapshots.insert({ session_id: "s1", snapshot_data: { tokens: 12 } });
    expect(row).toEqual({
      id: 1,
      session_id: "s1",
      snapshot_data: '{"tokens":12}',
      snapshot_type: "stats",
      timestamp: NOON,
    });
    expect(clocked.db.snapshots.list()).toEqual([row]);
    expect(clocked.db.sessions.get("s1")).toMatchObject({ session_id: "s1", created_at: NOON });
  });

  it.each([
    [{ session_id: "" }, "session_id"],
    [{ session_id: 5 }, "session_id"],
    [{ session_id: "a\0b" }, "session_id"],
    [{ session_id: "a\ud800" }, "session_id"],
    [{ snapshot_data: "{not json" }, "snapshot_data"],
    [{ snapshot_data: undefined }, "snapshot_data"],
    [{ snapshot_type: "other" }, "snapshot_type"],
    [{ timestamp: 1_763_640_000 }, "timestamp"],
    [{ timestamp: Number.NaN }, "timestamp"],
    [{ timestamp: NOON + 0.5 }, "timestamp"],
  ])("refuses %j by name and writes neither snapshot nor session", (change, field) => {
    using clocked = clockedDb();
    const error = errorOf(() =>
      clocked.db.snapshots.insert({ session_id: "s", snapshot_data: "{}", ...change } as never),
    );
    expect(error.code).toBe("VALUE_INVALID");
    expect(error.details["field"]).toBe(field);
    expect(clocked.db.snapshots.list()).toEqual([]);
    expect(clocked.db.sessions.recent()).toEqual([]);
  });

  it("makes the session again when another process deleted it", () => {
    using folder = tempFolder();
    using mine = openUsageDb(folder.at("usage.db"));
    using other = openUsageDb(folder.at("usage.db"));
    mine.snapshots.insert({ session_id: "s", snapshot_data: {} });
    other.connection.prepare("DELETE FROM sessions").run();
    mine.snapshots.insert({ session_id: "s", snapshot_data: {} });
    expect(other.snapshots.list()).toHaveLength(1);
    expect(other.sessions.get("s")).not.toBeNull();
  });

  it("works inside a caller's transaction and vanishes with it", () => {
    using clocked = clockedDb();
    const { db } = clocked;
    db.snapshots.insert({ session_id: "kept", snapshot_data: {} });
    expect(() =>
      db.connection.transaction(() => {
        db.snapshots.insert({ session_id: "kept", snapshot_data: {} });
        db.snapshots.insert({ session_id: "new", snapshot_data: {} });
        throw new Error("changed my mind");
      }),
    ).toThrow("changed my mind");
    expect(db.snapshots.list()).toHaveLength(1);
    db.snapshots.insert({ session_id: "new", snapshot_data: {} });
    expect(db.snapshots.listBySession("new")).toHaveLength(1);
  });
});

describe("snapshots.insertMany()", () => {
  it("stores all in the given order", () => {
    using clocked = clockedDb();
    const rows = clocked.db.snapshots.insertMany(
      Array.from({ length: 250 }, (_, i) => ({
        session_id: `s${i % 3}`,
        snapshot_data: { i },
        timestamp: NOON + i,
      })),
    );
    expect(rows.map(({ id }) => id)).toEqual(Array.from({ length: 250 }, (_, i) => i + 1));
    expect(clocked.db.snapshots.list({ limit: 1000 })).toEqual(rows.toReversed());
  });

  it("stores none when one is bad, wherever it stands", () => {
    using clocked = clockedDb();
    const good = { session_id: "s", snapshot_data: {} };
    expect(
      errorOf(() => clocked.db.snapshots.insertMany([good, { ...good, timestamp: 1 }])).code,
    ).toBe("VALUE_INVALID");
    expect(
      errorOf(() => clocked.db.snapshots.insertMany([good, { ...good, snapshot_data: "nope" }]))
        .code,
    ).toBe("VALUE_INVALID");
    expect(clocked.db.snapshots.list()).toEqual([]);
    expect(clocked.db.sessions.recent()).toEqual([]);
  });

  it("survives that a known session was deleted elsewhere", () => {
    using folder = tempFolder();
    using mine = openUsageDb(folder.at("usage.db"));
    using other = openUsageDb(folder.at("usage.db"));
    const batch = [
      { session_id: "a", snapshot_data: {} },
      { session_id: "b", snapshot_data: {} },
    ];
    mine.snapshots.insertMany(batch);
    other.connection.prepare("DELETE FROM sessions WHERE session_id = 'a'").run();
    mine.snapshots.insertMany(batch);
    expect(other.snapshots.listBySession("a")).toHaveLength(1);
    expect(other.snapshots.listBySession("b")).toHaveLength(2);
  });
});

describe("snapshots.list()", () => {
  it("filters by session, type and time, newest first, ties by id", () => {
    using clocked = clockedDb();
    const { snapshots } = clocked.db;
    snapshots.insertMany([
      { session_id: "a", snapshot_data: 1, timestamp: NOON },
      { session_id: "a", snapshot_data: 2, timestamp: NOON, snapshot_type: "config" },
      { session_id: "b", snapshot_data: 3, timestamp: NOON + 1 },
      { session_id: "a", snapshot_data: 4, timestamp: NOON - 1 },
    ]);
    const data = (filter: Parameters<typeof snapshots.list>[0]): number[] =>
      snapshots.list(filter).map(({ snapshot_data }) => Number(snapshot_data));
    expect(data({})).toEqual([3, 2, 1, 4]);
    expect(data({ sessionId: "a" })).toEqual([2, 1, 4]);
    expect(data({ type: "stats", limit: 2 })).toEqual([3, 1]);
    expect(data({ sinceMs: NOON, untilMs: NOON + 1 })).toEqual([2, 1]);
    expect(snapshots.latest("a")?.snapshot_data).toBe("1");
    expect(snapshots.latest("nobody")).toBeNull();
  });

  it("refuses misspelt filters and limits out of range", () => {
    using clocked = clockedDb();
    expect(errorOf(() => clocked.db.snapshots.list({ session: "a" } as never)).code).toBe(
      "OPTION_UNKNOWN",
    );
    for (const limit of [0, -1, 1.5, Number.NaN]) {
      expect(errorOf(() => clocked.db.snapshots.list({ limit })).details["field"]).toBe("limit");
    }
  });
});

describe("snapshots.at()", () => {
  it("gives what was known at a moment, of a session or of all", () => {
    using clocked = clockedDb();
    const { snapshots } = clocked.db;
    const insert = (
      session_id: string,
      timestamp: number,
      snapshot_type: SnapshotType = "stats",
    ): number => snapshots.insert({ session_id, snapshot_data: {}, timestamp, snapshot_type }).id;
    const first = insert("a", NOON);
    const second = insert("b", NOON + 10);
    insert("a", NOON + 20, "config");
    expect(snapshots.at(NOON - 1)).toBeNull();
    expect(snapshots.at(NOON)?.id).toBe(first);
    expect(snapshots.at(NOON + 9)?.id).toBe(first);
    expect(snapshots.at(NOON + 10)?.id).toBe(second);
    expect(snapshots.at(NOON + 30)?.id).toBe(second);
    expect(snapshots.at(NOON + 30, { sessionId: "a" })?.id).toBe(first);
    expect(snapshots.get(second)).toMatchObject({ session_id: "b" });
    expect(snapshots.get(99)).toBeNull();
  });
});
