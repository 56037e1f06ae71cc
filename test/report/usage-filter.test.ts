import { describe, expect, it } from "bun:test";
import { reportDaily, reportPeriods, reportSessions, type UsageFilter } from "../../src/index.ts";
import { filterOf } from "../../src/report/usage-filter.ts";
import type { NewUsageMessage } from "../../src/store/usage-messages.ts";
import { errorOf } from "../support/error-of.ts";
import { clockedDb, NOON } from "../support/usage-db.ts";

const AGENTS = ["claude", "codex"];
const PROJECTS = ["/home/dev/app", "/home/dev/webapp", "/srv/app", ""];
const MODELS = ["claude-opus-4-6", "claude-sonnet-4-5-20250929", "gpt-5.3-codex"];

const MESSAGES: readonly NewUsageMessage[] = AGENTS.flatMap((agent) =>
  PROJECTS.flatMap((project) =>
    MODELS.map((model, index) => ({
      agent,
      message_id: `${agent}${project}${model}`,
      request_id: "r",
      session_id: `${agent}${project}`,
      project,
      model,
      timestamp: NOON + index * 86_400_000,
      is_sidechain: 0 as const,
      input_tokens: 1,
      output_tokens: 2,
      cache_write_5m_tokens: 3,
      cache_write_1h_tokens: 0,
      cache_read_tokens: 4,
      reported_cost_usd: null,
      source_id: null,
      source_offset: null,
    })),
  ),
);

describe("a report with a filter", () => {
  it.each<[UsageFilter, number]>([
    [{}, 24],
    [{ agent: "claude" }, 12],
    [{ agent: ["claude", "codex"] }, 24],
    [{ agent: "nobody" }, 0],
    [{ project: "/home/dev/app" }, 6],
    [{ project: "app" }, 12],
    [{ project: "dev/app/" }, 6],
    [{ project: "pp" }, 0],
    [{ model: "opus-4-6" }, 8],
    [{ model: "claude-sonnet-4-5-20250929" }, 8],
    [{ model: ["sonnet-4-5", "gpt-5.3-codex"] }, 16],
    [{ agent: "codex", project: "webapp", model: "opus-4-6" }, 1],
  ])("takes %p in days, weeks, months and sessions alike", (filter, messages) => {
    using clocked = clockedDb();
    const { db } = clocked;
    db.messages.record(MESSAGES);
    const expected = messages * 10;
    for (const timeZone of ["UTC", "Asia/Kolkata"]) {
      for (const period of ["daily", "weekly", "monthly"] as const) {
        const { rows, totals } = reportPeriods(db, { timeZone, period, resetHour: 17, ...filter });
        expect(totals.totalTokens).toBe(expected);
        expect(rows.reduce((sum, row) => sum + row.messageCount, 0)).toBe(messages);
      }
      expect(reportDaily(db, { timeZone, ...filter }).totals.totalTokens).toBe(expected);
      const sessions = reportSessions(db, { timeZone, ...filter });
      expect(sessions.totals.totalTokens).toBe(expected);
      expect(sessions.session.reduce((sum, row) => sum + row.messageCount, 0)).toBe(messages);
    }
  });

  it("counts the newest periods with usage that is meant", () => {
    using clocked = clockedDb();
    clocked.db.messages.record(MESSAGES);
    const { rows } = reportPeriods(clocked.db, { timeZone: "UTC", model: "opus-4-6", last: 1 });
    expect(rows.map(({ period }) => period)).toEqual(["2026-11-20"]);
  });

  it("refuses an empty name and an empty list", () => {
    for (const agent of ["", []])
      expect(errorOf(() => filterOf({ agent })).code).toBe("VALUE_INVALID");
  });
});
