import { describe, expect, it } from "bun:test";
import { readFileSync } from "node:fs";
import { readBundleEntries } from "../../src/engine/bundle.ts";
import { directorySource } from "../../src/engine/directory.ts";
import { bundleStamp } from "../../src/engine/bundled-migration.ts";
import { BAR_COLUMNS } from "../../src/store/bars.ts";
import { EVENT_COLUMNS } from "../../src/store/events.ts";
import { migrations } from "../../src/store/own-migrations.ts";
import { MAINTENANCE_RUN_COLUMNS } from "../../src/store/maintenance-runs.ts";
import { PRICE_COLUMNS } from "../../src/store/prices.ts";
import { RETENTION_POLICY_COLUMNS } from "../../src/store/retention-policies.ts";
import { SESSION_COLUMNS } from "../../src/store/sessions.ts";
import { DEFAULT_SETTINGS, USAGE_CONFIG_COLUMNS } from "../../src/store/usage-config.ts";
import { USAGE_HOST_COLUMNS } from "../../src/store/usage-host.ts";
import { USAGE_LIMIT_SAMPLE_COLUMNS } from "../../src/store/usage-limit-samples.ts";
import { USAGE_MESSAGE_COLUMNS } from "../../src/store/usage-messages.ts";
import { USAGE_ROLLUP_COLUMNS } from "../../src/store/usage-rollups.ts";
import { USAGE_SESSION_TOTAL_COLUMNS } from "../../src/store/usage-session-totals.ts";
import { USAGE_SNAPSHOT_COLUMNS } from "../../src/store/usage-snapshots.ts";
import { USAGE_SOURCE_COLUMNS } from "../../src/store/usage-sources.ts";
import { clockedDb, queryPlan } from "../support/usage-db.ts";
import { message } from "../support/usage-message.ts";

const TABLES = {
  sessions: SESSION_COLUMNS,
  events: EVENT_COLUMNS,
  usage_config: USAGE_CONFIG_COLUMNS,
  usage_snapshots: USAGE_SNAPSHOT_COLUMNS,
  bars_cache: BAR_COLUMNS,
  usage_sources: USAGE_SOURCE_COLUMNS,
  usage_messages: USAGE_MESSAGE_COLUMNS,
  usage_rollups: USAGE_ROLLUP_COLUMNS,
  usage_session_totals: USAGE_SESSION_TOTAL_COLUMNS,
  prices: PRICE_COLUMNS,
  usage_host: USAGE_HOST_COLUMNS,
  usage_limit_samples: USAGE_LIMIT_SAMPLE_COLUMNS,
  retention_policies: RETENTION_POLICY_COLUMNS,
  maintenance_runs: MAINTENANCE_RUN_COLUMNS,
} as const;

describe("the schema", () => {
  it.each(Object.entries(TABLES))(
    "gives %s the columns of its row type, in order",
    (table, columns) => {
      using clocked = clockedDb();
      const names = clocked.db.connection.readOnce(
        "SELECT name FROM pragma_table_info(?) ORDER BY cid",
        table,
      );
      // Frames stand in the place of their texts when a row is read.
      const own = names.flat().filter((name) => !String(name).endsWith("_zstd"));
      expect(own).toEqual([...columns]);
    },
  );

  it("has every table STRICT", () => {
    using clocked = clockedDb();
    const loose = clocked.db.connection.readOnce(
      "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND strict = 0 AND name NOT LIKE 'sqlite%'",
    );
    expect(loose).toEqual([]);
  });

  it("keeps the index names of the seed documents, with columns that serve the queries", () => {
    using clocked = clockedDb();
    const columnsOf = (index: string): unknown[] =>
      clocked.db.connection
        .readOnce("SELECT name FROM pragma_index_info(?) ORDER BY seqno", index)
        .flat();
    expect(columnsOf("idx_usage_config_active")).toEqual(["is_active"]);
    expect(columnsOf("idx_usage_snapshots_session_id")).toEqual(["session_id", "timestamp"]);
    expect(columnsOf("idx_usage_snapshots_timestamp")).toEqual(["timestamp"]);
    expect(columnsOf("idx_usage_snapshots_type")).toEqual(["snapshot_type", "timestamp"]);
    expect(columnsOf("idx_schema_migrations_applied_at")).toEqual(["applied_at"]);
    expect(columnsOf("idx_bars_cache_lookup")).toEqual(["symbol", "timeframe", "timestamp"]);
    expect(columnsOf("idx_bars_cache_provider")).toEqual(["provider", "symbol"]);
  });

  it("is bundled exactly as it stands in the directory", () => {
    const entries = readBundleEntries(directorySource("migrations/sqlite"));
    expect(migrations.load()).toEqual(entries);
    expect(migrations.stamp).toBe(bundleStamp(entries));
    expect([...migrations.versions]).toEqual(entries.map(({ version }) => version));
  });

  it("gives every migration a way down and a description", () => {
    for (const { fileName } of migrations.load()) {
      const text = readFileSync(`migrations/sqlite/${fileName}`, "utf8");
      expect(text).toMatch(/^-- Description: \S/m);
      expect(text).toMatch(
        /^-- migrate:down\n[^]*^(DROP (TABLE|VIEW)|ALTER TABLE \w+ DROP COLUMN)/m,
      );
      expect(text).toContain(`-- Migration: ${fileName.replace(".sql", "")}\n`);
    }
  });

  const SECONDS = 1_763_640_000;
  it.each([
    ["sessions", "INSERT INTO sessions (session_id, started_at) VALUES ('s', ?)"],
    ["sessions", "INSERT INTO sessions (session_id, updated_at) VALUES ('s', ?)"],
    ["usage_config", "UPDATE usage_config SET created_at = ?"],
    [
      "usage_snapshots",
      "INSERT INTO usage_snapshots (session_id, snapshot_data, timestamp) VALUES ('p', '{}', ?)",
    ],
    [
      "events",
      "INSERT INTO events (source_app, session_id, hook_event_type, payload, timestamp) VALUES ('a', 'p', 't', '{}', ?)",
    ],
    [
      "bars_cache",
      "INSERT INTO bars_cache (symbol, provider, timeframe, timestamp, open, high, low, close, volume) VALUES ('S', 'p', '1h', ?, 1, 1, 1, 1, 1)",
    ],
  ])("refuses seconds in %s, and takes the same moment in milliseconds", (_, sql) => {
    using clocked = clockedDb();
    clocked.db.sessions.ensure("p");
    const run = (at: number): unknown => clocked.db.connection.prepare(sql).run(at);
    expect(() => run(SECONDS)).toThrow("CHECK constraint failed");
    expect(() => run(SECONDS * 1_000_000)).toThrow("CHECK constraint failed");
    run(SECONDS * 1000);
  });

  it("takes bars from before 1970", () => {
    using clocked = clockedDb();
    const bar = {
      symbol: "SPX",
      provider: "x",
      timeframe: "1d",
      open: 1,
      high: 2,
      low: 1,
      close: 2,
      volume: 0,
    };
    expect(clocked.db.bars.upsert([{ ...bar, timestamp: Date.UTC(1927, 11, 30) }])).toBe(1);
  });

  it("starts with one active row of settings, the defaults of the code", () => {
    using clocked = clockedDb();
    expect(clocked.db.config.get()).toMatchObject({ id: 1, is_active: 1, ...DEFAULT_SETTINGS });
    expect(() =>
      clocked.db.connection.prepare("INSERT INTO usage_config DEFAULT VALUES").run(),
    ).toThrow("UNIQUE");
  });

  it("keeps updated_at of the settings by trigger for writers that do not", () => {
    using clocked = clockedDb();
    const { connection } = clocked.db;
    connection
      .prepare("UPDATE usage_config SET created_at = 200000000000, updated_at = 200000000000")
      .run();
    connection.prepare("UPDATE usage_config SET theme = 'dark'").run();
    const updatedAt = clocked.db.config.get()?.updated_at ?? 0;
    expect(Math.abs(updatedAt - Date.now())).toBeLessThan(60_000);
  });

  it("deletes a session's events and snapshots with it, and never a message", () => {
    using clocked = clockedDb();
    const { db } = clocked;
    db.snapshots.insert({ session_id: "s", snapshot_data: {} });
    db.events.insert({ source_app: "a", session_id: "s", hook_event_type: "Stop", payload: {} });
    db.messages.record([message({ session_id: "s" })]);
    db.connection.prepare("DELETE FROM sessions WHERE session_id = 's'").run();
    expect(db.snapshots.list()).toEqual([]);
    expect(db.events.recent()).toEqual([]);
    expect(db.messages.bySession("s")).toHaveLength(1);
  });

  it("refuses to forget a name that a message has", () => {
    using clocked = clockedDb();
    const { connection, messages } = clocked.db;
    messages.record([message({})]);
    expect(() => connection.prepare("DELETE FROM usage_names").run()).toThrow("FOREIGN KEY");
  });

  it("keeps every message through migration 7 and back, and its session's row", () => {
    using clocked = clockedDb();
    const { db } = clocked;
    db.messages.record([
      message({ message_id: "a", session_id: "s1" }),
      message({ message_id: "b", session_id: "s2", reported_cost_usd: 0.5, request_id: "r" }),
      message({ message_id: "c", session_id: "s1", agent: "codex", model: "m2" }),
    ]);
    const read = (): unknown[] =>
      db.connection.readOnce(
        "SELECT agent, message_id, request_id, session_id, project, model, timestamp, output_tokens, reported_cost_usd FROM usage_messages ORDER BY message_id",
      );
    const before = read();
    expect(before).toHaveLength(3);
    db.migrations.rollback({ target: 6 });
    expect(read()).toEqual(before);
    expect(db.connection.readOnce("PRAGMA foreign_key_check")).toEqual([]);
    db.migrations.up();
    expect(read()).toEqual(before);
  });
});

describe("the hot queries", () => {
  it.each([
    [
      "latest snapshots of a session",
      "SELECT * FROM usage_snapshots WHERE session_id = 's' ORDER BY timestamp DESC, id DESC LIMIT 50",
      "idx_usage_snapshots_session_id (session_id=?)",
    ],
    [
      "latest of all",
      "SELECT * FROM usage_snapshots ORDER BY timestamp DESC, id DESC LIMIT 50",
      "SCAN usage_snapshots USING INDEX idx_usage_snapshots_timestamp",
    ],
    [
      "latest of a type",
      "SELECT * FROM usage_snapshots WHERE snapshot_type = 'stats' ORDER BY timestamp DESC, id DESC LIMIT 50",
      "idx_usage_snapshots_type (snapshot_type=?)",
    ],
    [
      "expired snapshots",
      "SELECT count(*), min(id), max(id) FROM usage_snapshots WHERE timestamp < 5",
      "COVERING INDEX idx_usage_snapshots_timestamp (timestamp<?)",
    ],
    [
      "a message by its key",
      "SELECT * FROM usage_message_rows WHERE message_id = 'm' AND agent_name_id = 1",
      "idx_usage_message_rows_key (message_id=?)",
    ],
    [
      "hours of a range",
      "SELECT hour, model, sum(input_tokens) FROM usage_rollups WHERE hour >= 1 AND hour < 2 GROUP BY hour, model ORDER BY hour, model",
      "PRIMARY KEY (hour>? AND hour<?)",
    ],
    [
      "bars of one provider",
      "SELECT * FROM bars_cache WHERE symbol = 'S' AND provider = 'p' AND timeframe = '1h' AND timestamp >= 1 AND timestamp < 2 ORDER BY timestamp",
      "(symbol=? AND provider=? AND timeframe=? AND timestamp>? AND timestamp<?)",
    ],
    [
      "bars of all providers",
      "SELECT * FROM bars_cache WHERE symbol = 'S' AND timeframe = '1h' AND timestamp >= 1 AND timestamp < 2 ORDER BY timestamp, providerPriority, provider",
      "idx_bars_cache_lookup (symbol=? AND timeframe=? AND timestamp>? AND timestamp<?)",
    ],
  ])("find %s by index, without sorting all of it", (_, sql, expected) => {
    using clocked = clockedDb();
    const plan = queryPlan(clocked.db, sql);
    expect(plan).toContain(expected);
    expect(plan.split("\n").filter((line) => line === "USE TEMP B-TREE FOR ORDER BY")).toEqual([]);
  });
});
