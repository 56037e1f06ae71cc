import { afterAll, beforeAll, describe, expect, it, spyOn } from "bun:test";
import { Connection } from "../../src/engine/sqlite/connection.ts";
import { checkPlans } from "../../src/engine/sqlite/plans.ts";
import { canonicalSql } from "../../src/migration/canonical-sql.ts";
import { parseQueries } from "../../src/migration/queries.ts";
import { activeBlockEnd } from "../../src/report/active-block.ts";
import { reportBlocks } from "../../src/report/blocks.ts";
import { reportDaily } from "../../src/report/daily.ts";
import { reportSessions } from "../../src/report/sessions.ts";
import { statsMoment } from "../../src/report/stats-moment.ts";
import { usageWithin } from "../../src/report/usage-within.ts";
import { OWN_QUERIES } from "../../src/store/own-queries.ts";
import { clockedDb, NOON } from "../support/usage-db.ts";

const OWN = parseQueries(OWN_QUERIES.file, OWN_QUERIES.text);

/** What the code really hands to SQLite while it does everything that is hot. */
async function statementsOfTheCode(): Promise<Set<string>> {
  const statements = new Set<string>();
  const prepare = Connection.prototype.prepare;
  const spy = spyOn(Connection.prototype, "prepare").mockImplementation(function (
    this: Connection,
    sql: string,
    action?: string,
  ) {
    statements.add(canonicalSql(sql));
    return prepare.call(this, sql, action) as never;
  });
  try {
    using clocked = clockedDb();
    const { db } = clocked;
    db.sessions.recent();
    db.events.has("key");
    db.events.recent();
    db.events.insertUnlessRepeated(
      { source_app: "a", session_id: "s", hook_event_type: "Stop", payload: {}, dedupe_key: "k" },
      60_000,
    );
    db.events.after(db.events.newestId());
    const limit = { agent: "claude", limit_name: "five_hour" };
    db.limitSamples.record([{ ...limit, window_minutes: 300, used_percent: 1 }]);
    db.limitSamples.newest("claude", "five_hour");
    usageWithin(db.connection, NOON, NOON + 3_600_000);
    activeBlockEnd(db.connection, "claude", NOON);
    db.snapshots.insert({ session_id: "s", snapshot_data: {}, timestamp: NOON - 86_400_000 });
    db.snapshots.list();
    db.snapshots.list({ sessionId: "s" });
    db.snapshots.list({ type: "stats" });
    db.snapshots.latest("s");
    db.sources.ensure("claude", "/t/s.jsonl");
    db.bars.range({ symbol: "S", timeframe: "1h" });
    db.bars.range({ symbol: "S", timeframe: "1h", provider: "p" });
    db.messages.record([
      {
        agent: "claude",
        message_id: "m",
        request_id: "r",
        session_id: "s",
        project: "/p",
        model: "x",
        timestamp: NOON + 60_000,
        is_sidechain: 0,
        input_tokens: 1,
        output_tokens: 1,
        cache_write_5m_tokens: 0,
        cache_write_1h_tokens: 0,
        cache_read_tokens: 0,
        reported_cost_usd: null,
        source_id: null,
        source_offset: null,
      },
    ]);
    db.messages.bySession("s");
    // A zone that begins its day at half past an hour reads messages too.
    reportDaily(db, { timeZone: "Asia/Kolkata", resetHour: 18 });
    reportSessions(db, { timeZone: "UTC" });
    reportSessions(db, { timeZone: "UTC", since: "2026-11-20" });
    reportBlocks(db, { timeZone: "UTC", nowMs: NOON });
    db.maintenanceRuns.lastOf("prune");
    db.maintenanceRuns.running();
    statsMoment(db, { agent: "claude", nowMs: NOON, isWhole: true });
    await db.prune({ olderThanMs: 3_600_000, trustClock: true });
    await db.prune({ olderThanMs: 3_600_000 });
    return statements;
  } finally {
    spy.mockRestore();
  }
}

describe("the product's own queries.sql", () => {
  let statements: ReadonlySet<string> = new Set();
  beforeAll(async () => {
    statements = await statementsOfTheCode();
  });
  afterAll(() => {
    statements = new Set();
  });

  it.each(OWN.queries.map(({ name, sql }) => [name, sql] as const))(
    "has %s as the code runs it",
    (_, sql) => {
      expect([...statements]).toContain(canonicalSql(sql));
    },
  );

  it("has every SELECT that the hot code runs over rows", () => {
    const known = new Set(OWN.queries.map(({ sql }) => canonicalSql(sql)));
    const tables = /\b(FROM|UPDATE|INTO) (usage_\w+|events|sessions|bars_cache)\b/;
    const missing = [...statements].filter(
      (sql) => sql.startsWith("SELECT") && tables.test(sql) && !known.has(sql),
    );
    expect(missing.filter((sql) => !COLD.some((words) => sql.includes(words)))).toEqual([]);
  });

  it("expects the plans that SQLite makes, and names every exception", () => {
    using clocked = clockedDb();
    expect(checkPlans(clocked.db.connection, OWN).findings).toEqual([]);
  });

  it("neither scans a table nor sorts its rows; sums and one session's messages may be sorted", () => {
    // A total is one row a session: of the whole history that is what a report wants.
    const exempt = [
      "messages of a session",
      "session totals within a range",
      "the sums of all hours",
    ];
    const ofRows = OWN.queries.filter(
      ({ name, sql }) =>
        !sql.includes("GROUP BY") && !sql.endsWith("LIMIT 1") && !exempt.includes(name),
    );
    const grave = ofRows.flatMap(({ name, expected }) =>
      (expected ?? []).flatMap((line) =>
        /^\s*SCAN (?!CONSTANT|\(subquery|json_each |\w+ USING INDEX)|TEMP B-TREE FOR ORDER BY/.test(
          line,
        )
          ? [[name, line]]
          : [],
      ),
    );
    expect(grave).toEqual([]);
  });
});

/** A sync reads every source that it knows, once; of what was forgotten all few rules are wanted. */
const COLD: readonly string[] = ["FROM usage_sources WHERE agent = ?", "FROM usage_forgotten"];
