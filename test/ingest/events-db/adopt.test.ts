import { describe, expect, it } from "bun:test";
import { Database } from "bun:sqlite";
import { readFileSync } from "node:fs";
import { ADOPTED_KEY } from "../../../src/ingest/events-db/carry.ts";
import { NO_SESSION } from "../../../src/ingest/events-db/rows.ts";
import {
  closeDatabase,
  getUsageConfig,
  getUsageSnapshotsBySession,
  initDatabase,
  validateDatabase,
} from "../../../src/db.ts";
import { forgetUsage, openUsageDb, type UsageDb } from "../../../src/index.ts";
import { errorOf } from "../../support/error-of.ts";
import {
  adoptFile as adopt,
  fillEventsDb,
  insertRow,
  oldFile,
  PLAIN,
  SHAPES,
  tableOf,
} from "../../support/events-db.ts";
import { chance } from "../../support/fault-rounds.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const ROWS = 1200;
const AT = Date.UTC(2025, 8, 30, 10);

type Row = Record<string, unknown>;

function readOld(path: string, table: string): Row[] {
  const db = new Database(path, { readonly: true });
  const rows = db.query<Row, []>(`SELECT * FROM ${table} ORDER BY id`).all();
  db.close(true);
  return rows;
}

const readNew = (db: UsageDb, table: string): Row[] =>
  db.connection.prepare<Row>(`SELECT * FROM ${table} ORDER BY rowid`).all();

/** Everything that adopting could change. */
const contentOf = (db: UsageDb): Row[][] =>
  ["sessions", "events", "usage_snapshots", "usage_config"].map((table) => readNew(db, table));

const isSeconds = (time: unknown): boolean => Number(time) < 100_000_000_000;
const isJson = (text: unknown): boolean => {
  try {
    JSON.parse(String(text));
    return true;
  } catch {
    return false;
  }
};

/** What the old row's payload must have become, worked out another way than by the code under test. */
function expectPayload(stored: unknown, old: unknown, added: Row): void {
  if (isJson(old) && Object.keys(added).length === 0) expect(stored).toBe(old);
  else
    expect(JSON.parse(String(stored))).toEqual(
      isJson(old)
        ? { ...(JSON.parse(String(old)) as Row), ...added }
        : { ...added, [ADOPTED_KEY]: { payload: old } },
    );
}

describe.each(SHAPES)("adoptEventsDb() of a file %j", (shape) => {
  it("accounts for every row, says the same as the old file, and is known the second time", () => {
    const dice = chance();
    using folder = tempFolder();
    let filling: ReturnType<typeof fillEventsDb> | undefined;
    const path = oldFile(
      folder.at("events.db"),
      (db) => (filling = fillEventsDb(db, shape, ROWS, dice)),
      shape,
    );
    const bytes = readFileSync(path);
    using db = openUsageDb(folder.at("usage.db"));
    const seed = `USAGEDB_FAULT_SEED=${dice.seed}`;

    const preview = adopt(db, path, true);
    expect([seed, contentOf(db).map((rows) => rows.length)]).toEqual([seed, [0, 0, 0, 1]]);
    const report = adopt(db, path);
    expect({ ...preview, isDryRun: false }).toEqual(report);
    for (const [table, counts] of [
      ["events", filling?.events],
      ["usage_snapshots", filling?.snapshots],
    ] as const) {
      const { read, broughtIn, known, left, repairs, remarks } = tableOf(report, table) ?? {};
      expect([seed, { read, broughtIn, known, left }]).toEqual([
        seed,
        { read: ROWS, broughtIn: ROWS, known: 0, left: 0 },
      ]);
      expect(repairs).toEqual({
        "not-json": counts?.brokenJson ?? -1,
        seconds: counts?.seconds ?? -1,
      });
      expect(remarks?.["orphan"] ?? 0).toBe(counts?.orphans ?? -1);
      expect(remarks?.["block-id-as-session"] ?? 0).toBe(counts?.blockIds ?? -1);
    }
    expect(report.leftAlone).toEqual([
      { table: "schema_migrations", rows: 1 },
      { table: "themes", rows: 1 },
    ]);

    const events = readNew(db, "events");
    for (const [index, old] of readOld(path, "events").entries()) {
      const { payload, timestamp, ...rest } = events[index] ?? {};
      const { source_app, session_id, hook_event_type, model_name = null } = old;
      expect(rest).toMatchObject({ source_app, session_id, hook_event_type, model_name });
      expect(timestamp).toBe(Number(old["timestamp"]) * (isSeconds(old["timestamp"]) ? 1000 : 1));
      const added: Row =
        (old["humanInTheLoop"] ?? null) === null
          ? {}
          : { humanInTheLoop: { question: "?" }, humanInTheLoopStatus: { status: "pending" } };
      expectPayload(payload, old["payload"], added);
    }
    const snapshots = readNew(db, "usage_snapshots");
    for (const [index, old] of readOld(path, "usage_snapshots").entries()) {
      const { snapshot_data, timestamp, ...rest } = snapshots[index] ?? {};
      expect(rest).toMatchObject({
        session_id: old["session_id"],
        snapshot_type: old["snapshot_type"],
      });
      expect(timestamp).toBe(Number(old["timestamp"]) * (isSeconds(old["timestamp"]) ? 1000 : 1));
      const text = String(old["snapshot_data"]);
      expect(snapshot_data).toBe(
        isJson(text) ? text : JSON.stringify({ [ADOPTED_KEY]: { snapshot_data: text } }),
      );
    }
    const spans = db.connection.readOnce(
      `SELECT count(*), sum(s.started_at = t.first AND s.last_seen_at = t.last)
       FROM sessions AS s
       JOIN (
         SELECT session_id, min(timestamp) AS first, max(timestamp) AS last
         FROM (SELECT session_id, timestamp FROM events
               UNION ALL SELECT session_id, timestamp FROM usage_snapshots)
         GROUP BY session_id
       ) AS t USING (session_id)`,
    )[0];
    expect(spans).toEqual([report.sessionsCreated, report.sessionsCreated]);

    const content = contentOf(db);
    const again = adopt(db, path);
    expect(again.tables.map(({ broughtIn, known }) => [broughtIn, known])).toEqual([
      [0, ROWS],
      [0, ROWS],
      [0, 1],
    ]);
    expect(contentOf(db)).toEqual(content);
    expect(db.migrations.validate()).toEqual({ isValid: true, findings: [], notChecked: [] });
    expect(readFileSync(path).equals(bytes)).toBe(true);
  });
});

describe("adoptEventsDb()", () => {
  it("brings in what the defaults of the columns wrote, in seconds, as now", () => {
    using folder = tempFolder();
    const path = oldFile(folder.at("events.db"), (old) => {
      old.run("INSERT INTO usage_snapshots (session_id, snapshot_data) VALUES ('s', '{\"a\":1}')");
    });
    initDatabase(folder.at("usage.db"));
    try {
      using db = openUsageDb(folder.at("usage.db"));
      adopt(db, path);
      const [snapshot] = getUsageSnapshotsBySession("s");
      expect(Math.abs(Date.now() - (snapshot?.timestamp ?? 0))).toBeLessThan(10_000);
      expect(getUsageConfig()).toMatchObject({ plan: "custom", is_active: 1 });
      expect(validateDatabase()).toBe(true);
    } finally {
      closeDatabase();
    }
  });

  it("drops nothing of rows that break every rule", () => {
    using folder = tempFolder();
    const path = folder.at("events.db");
    const event = { source_app: "a", session_id: "s", hook_event_type: "h", payload: "{}" };
    const badBytes = new Uint8Array([123, 255, 125]);
    const rows: Row[] = [
      { timestamp: 0 },
      { timestamp: AT },
      { timestamp: -5, payload: '{"usagedb_adopted":1}' },
      { timestamp: AT * 1000 + 7, payload: "[1]" },
      { timestamp: "soon" },
      { timestamp: AT, payload: badBytes },
      { timestamp: AT, session_id: "" },
      { timestamp: AT, session_id: "x\0y" },
      { timestamp: AT, session_id: badBytes, source_app: "", summary: badBytes },
      { timestamp: AT, payload: "", chat: "not json" },
      { timestamp: AT, chat: "[]", summary: "" },
      { timestamp: AT, payload: '{"text":"\uFFFD"}' },
    ];
    oldFile(path, (old) => {
      for (const row of rows) insertRow(old, "events", { ...event, ...row } as never);
      old.run("UPDATE events SET payload = CAST(payload AS TEXT) WHERE typeof(payload) = 'blob'");
      old.run("PRAGMA ignore_check_constraints = ON");
      insertRow(old, "usage_snapshots", {
        session_id: "s",
        snapshot_data: "{}",
        snapshot_type: "odd",
        timestamp: AT,
      });
    });
    using db = openUsageDb(":memory:");
    const report = adopt(db, path);
    expect(tableOf(report, "events")).toMatchObject({
      read: 12,
      broughtIn: 12,
      repaired: 9,
      repairs: {
        "chat-not-json": 1,
        microseconds: 1,
        "no-session-id": 1,
        "not-json": 2,
        "not-text": 1,
        "session-id-not-text": 2,
        "unusable-time": 3,
      },
    });
    const base64 = Buffer.from(badBytes).toString("base64");
    const stored = readNew(db, "events");
    expect(stored.map(({ payload }) => JSON.parse(String(payload)) as unknown)).toEqual([
      { [ADOPTED_KEY]: { timestamp: 0 } },
      {},
      { [ADOPTED_KEY]: { payload_json: { usagedb_adopted: 1 }, timestamp: -5 } },
      { [ADOPTED_KEY]: { payload_json: [1], timestamp: AT * 1000 + 7 } },
      { [ADOPTED_KEY]: { timestamp: "soon" } },
      { [ADOPTED_KEY]: { payload: { base64 } } },
      { [ADOPTED_KEY]: { session_id: "" } },
      { [ADOPTED_KEY]: { session_id: "x\0y" } },
      { [ADOPTED_KEY]: { session_id: { base64 }, source_app: "", summary: { base64 } } },
      { [ADOPTED_KEY]: { payload: "" } },
      {},
      { text: "\uFFFD" },
    ]);
    // A row without a usable time has the time of the row before it; the first has that of the next.
    expect(stored.map(({ timestamp }) => timestamp)).toEqual(rows.map(() => AT));
    expect(stored[6]?.["session_id"]).toBe(NO_SESSION);
    expect(new Set(stored.slice(5, 9).map(({ session_id }) => session_id)).size).toBe(4);
    expect(stored[9]?.["chat"]).toBe('{"usagedb_adopted":{"chat":"not json"}}');
    expect(stored[10]).toMatchObject({ chat: "[]", summary: "" });
    expect(readNew(db, "usage_snapshots")[0]).toMatchObject({
      snapshot_type: "stats",
      snapshot_data: '{"usagedb_adopted":{"snapshot_type":"odd"}}',
    });
    expect(adopt(db, path).tables.map(({ known }) => known)).toEqual([12, 1, 1]);
  });

  it("keeps rows that say the same apart, and takes only what is new from a file that grew", () => {
    using folder = tempFolder();
    const path = folder.at("events.db");
    const event = { source_app: "a", session_id: "s", hook_event_type: "h", payload: "{}" };
    const snapshot = { session_id: "s", snapshot_data: "{}", snapshot_type: "stats" };
    const grow = (old: Database): void => {
      for (let twice = 0; twice < 2; twice++) {
        insertRow(old, "events", { ...event, timestamp: AT });
        insertRow(old, "usage_snapshots", { ...snapshot, timestamp: AT });
      }
    };
    oldFile(path, grow);
    using db = openUsageDb(":memory:");
    db.snapshots.insert({ session_id: "s", snapshot_data: "{}", timestamp: AT });
    expect(adopt(db, path).tables.map(({ broughtIn, known }) => [broughtIn, known])).toEqual([
      [2, 0],
      [1, 1],
      [0, 1],
    ]);
    const old = new Database(path);
    grow(old);
    // An answer that came later does not make another event of it.
    old.run("UPDATE events SET summary = 'later' WHERE id = 1");
    old.close(true);
    expect(adopt(db, path).tables.map(({ broughtIn, known }) => [broughtIn, known])).toEqual([
      [2, 2],
      [2, 2],
      [0, 1],
    ]);
    expect(db.snapshots.listBySession("s")).toHaveLength(4);
  });

  it("does not bring back what was thinned, pruned or forgotten since, and counts it once", async () => {
    using folder = tempFolder();
    const snapshot = { session_id: "s", snapshot_type: "stats" };
    const event = { source_app: "a", hook_event_type: "h", payload: "{}" };
    const path = oldFile(folder.at("events.db"), (old) => {
      for (let index = 0; index < 30; index++) {
        // Every other one says what the one before it said.
        const timestamp = AT + (index - (index % 2)) * 60_000;
        insertRow(old, "usage_snapshots", { ...snapshot, snapshot_data: "{}", timestamp });
        const session_id = index < 10 ? "gone" : "s";
        insertRow(old, "events", { ...event, session_id, timestamp });
      }
    });
    const now = (): number => AT + 400 * 86_400_000;
    const counted = (db: UsageDb): unknown =>
      db.connection.readOnce("SELECT sum(snapshot_count) FROM v_snapshots").flat()[0];
    {
      using db = openUsageDb(folder.at("usage.db"), { now });
      adopt(db, path);
      expect(counted(db)).toBe(30);
      await db.maintain({ jobs: ["thin"], trustClock: true });
      expect(db.snapshots.listBySession("s")).toHaveLength(1);
    }
    forgetUsage(folder.at("usage.db"), { kind: "session", sessionId: "gone" }, { now });
    using db = openUsageDb(folder.at("usage.db"), { now });
    await db.maintain({ jobs: ["prune"], trustClock: true });
    const again = adopt(db, path).tables.map(({ broughtIn, known }) => [broughtIn, known]);
    expect(again.slice(0, 2)).toEqual([
      [0, 30],
      [0, 30],
    ]);
    expect(counted(db)).toBe(30);
    expect(db.sessions.get("gone")).toBeNull();
  });

  it("undoes everything when a row is not accounted for", () => {
    using folder = tempFolder();
    const path = oldFile(folder.at("events.db"), (old) => {
      fillEventsDb(old, PLAIN, 20, chance(1));
    });
    using db = openUsageDb(":memory:");
    db.connection.runOnce(
      `CREATE TRIGGER eats_rows AFTER INSERT ON usage_snapshots WHEN NEW.id = 20
       BEGIN DELETE FROM usage_snapshots WHERE id = 20; END`,
    );
    const error = errorOf(() => adopt(db, path));
    expect(error.toJSON()).toMatchObject({
      code: "ADOPT_UNBALANCED",
      details: {
        table: "usage_snapshots",
        observed: "it grew by 19 row(s) while 20 were brought in",
      },
    });
    expect(contentOf(db).map((rows) => rows.length)).toEqual([0, 0, 0, 1]);
  });
});
