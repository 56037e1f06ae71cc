import { readFileSync } from "node:fs";
import { describe, expect, it } from "bun:test";
import type { UsageDb } from "../../src/index.ts";
import { setOverride } from "../../src/ingest/price-catalogue.ts";
import { reportBlocks } from "../../src/report/blocks.ts";
import { reportPeriods } from "../../src/report/periods.ts";
import { reportSessions } from "../../src/report/sessions.ts";
import { HOUR_MS } from "../../src/store/token-counts.ts";
import { chance } from "../support/fault-rounds.ts";
import { clockedDb, NOON } from "../support/usage-db.ts";
import { message } from "../support/usage-message.ts";

const VIEWS = [
  "v_daily",
  "v_models",
  "v_sessions",
  "v_blocks",
  "v_limits",
  "v_events",
  "v_snapshots",
];
const UTC = { timeZone: "UTC" } as const;

/** Messages around the borders of hours and blocks, of two models, one of them without a price. */
function fill(db: UsageDb, seed: number): void {
  const dice = chance(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(dice.next() * list.length)] as T;
  setOverride(db, "opus", [{ validFrom: 0, rates: { input: 3, output: 15 } }]);
  const start = NOON - 80 * HOUR_MS;
  db.messages.record(
    Array.from({ length: 60 }, (_, i) =>
      message({
        message_id: `m${i}`,
        timestamp: start + Math.floor(dice.next() * 70) * HOUR_MS + pick([0, 0, 1, 3_599_999]),
        model: pick(["opus", "opus", "unheard-of"]),
        project: pick(["/a", "/b"]),
        agent: pick(["claude", "codex"]),
        session_id: pick(["s1", "s2", "s3"]),
        input_tokens: Math.floor(dice.next() * 1000),
      }),
    ),
  );
}

const rows = (db: UsageDb, sql: string): unknown[] => db.connection.readOnce(sql);

describe("the views of docs/SQL.md", () => {
  it("have the columns that the page names, and the page names every view", () => {
    using clocked = clockedDb();
    const page = readFileSync("docs/SQL.md", "utf8");
    const tokens =
      "`input_tokens`, `output_tokens`, `cache_write_tokens`, `cache_read_tokens`, `total_tokens`";
    const found = rows(
      clocked.db,
      "SELECT name FROM sqlite_schema WHERE type = 'view' AND name LIKE 'v\\_%' ESCAPE '\\' ORDER BY rowid",
    ).flat();
    expect(found.filter((name) => !page.includes(`| \`${String(name)}\``))).toEqual([]);
    for (const view of VIEWS) {
      const line = page.split("\n").find((one) => one.startsWith(`| \`${view}\``)) ?? "";
      const named = line
        .split("|")[3]
        ?.replace("tokens,", `${tokens},`)
        .replace(/tokens\s*$/, tokens);
      const columns = rows(
        clocked.db,
        `SELECT name FROM pragma_table_info('${view}') ORDER BY cid`,
      ).flat();
      expect([view, [...(named ?? "").matchAll(/`(\w+)`/g)].map(([, name]) => name)]).toEqual([
        view,
        columns as string[],
      ]);
    }
  });

  it("say what the reports say", () => {
    const { seed } = chance();
    for (let round = 0; round < 8; round++) {
      using clocked = clockedDb();
      const { db } = clocked;
      fill(db, seed + round);
      const daily = reportPeriods(db, UTC).rows;
      expect(
        rows(db, "SELECT day, sum(total_tokens) FROM v_daily GROUP BY 1 ORDER BY 1"),
        `USAGEDB_FAULT_SEED=${seed + round}`,
      ).toEqual(daily.map(({ period, totalTokens }) => [period, totalTokens]));
      const [cost] = rows(db, "SELECT total(cost_usd) FROM v_daily WHERE model = 'opus'")[0] as [
        number,
      ];
      expect(cost).toBeCloseTo(reportPeriods(db, UTC).totals.totalCost, 9);
      expect(
        rows(db, "SELECT session_id, total_tokens, last_at FROM v_sessions ORDER BY last_at, 1"),
      ).toEqual(
        reportSessions(db, UTC).session.map(({ period, totalTokens, metadata }) => [
          period,
          totalTokens,
          Date.parse(metadata.lastActivity),
        ]),
      );
      expect(
        rows(
          db,
          "SELECT start_at, end_at, last_at, message_count, total_tokens FROM v_blocks ORDER BY 1",
        ),
      ).toEqual(
        reportBlocks(db, { ...UTC, nowMs: NOON })
          .blocks.filter(({ isGap }) => !isGap)
          .map((block) => [
            Date.parse(block.startTime),
            Date.parse(block.endTime),
            Date.parse(block.actualEndTime ?? ""),
            block.entries,
            block.totalTokens,
          ]),
      );
    }
  });

  it("tell what was last said of each limit", () => {
    using clocked = clockedDb();
    const insert = clocked.db.connection.prepare(
      `INSERT INTO usage_limit_samples (agent, limit_name, window_minutes, used_percent, resets_at, observed_at, session_id)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    );
    insert.run("claude", "five_hour", 300, 40, NOON + 9, NOON, "s1");
    insert.run("claude", "five_hour", 300, 41, NOON + 9, NOON + 1, "s2");
    insert.run("claude", "five_hour", 300, 39, NOON + 9, NOON + 1, "s1");
    insert.run("claude", "seven_day", 10_080, 7, null, NOON - 5, "s1");
    insert.run("codex", "five_hour", 300, 99, null, NOON - 9, "");
    expect(rows(clocked.db, "SELECT * FROM v_limits ORDER BY 1, 2")).toEqual([
      ["claude", "five_hour", 300, 41, NOON + 9, NOON + 1],
      ["claude", "seven_day", 10_080, 7, null, NOON - 5],
      ["codex", "five_hour", 300, 99, null, NOON - 9],
    ]);
  });

  it("have no cost where a price is not known", () => {
    using clocked = clockedDb();
    clocked.db.messages.record([message({ model: "unheard-of" })]);
    expect(rows(clocked.db, "SELECT cost_usd FROM v_models")).toEqual([[null]]);
  });

  it("are empty on an empty database", () => {
    using clocked = clockedDb();
    for (const view of VIEWS) expect(rows(clocked.db, `SELECT * FROM ${view}`)).toEqual([]);
  });
});
