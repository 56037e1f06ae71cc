import { describe, expect, it } from "bun:test";
import { type ForgetTarget, forgetUsage, openUsageDb } from "../../src/index.ts";
import { reportDaily, reportSessions, verifyRollups } from "../../src/index.ts";
import { fillMaintained } from "../support/maintained.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { NOON } from "../support/usage-db.ts";

const SECRET = "5e55a0f1-0000-4000-8000-00000000000a";
const OTHER = "07e9b2c3-0000-4000-8000-00000000000b";
const HIDDEN = "/home/dev/hidden";
const SESSIONS = [OTHER, "s2", SECRET];
const SESSION: ForgetTarget = { kind: "session", sessionId: SECRET };
const DAY = 86_400_000;
const now = (): number => NOON;

function said(path: string): { daily: number; sessions: number; problems: string[] } {
  using db = openUsageDb(path, { now });
  return {
    daily: reportDaily(db, { timeZone: "UTC" }).totals.totalTokens,
    sessions: reportSessions(db, { timeZone: "UTC" }).totals.totalTokens,
    problems: verifyRollups(db),
  };
}

function count(path: string, sql: string, ...values: (string | number)[]): number {
  using db = openUsageDb(path, { mode: "read", now });
  return Number(db.connection.readOnce(`SELECT count(*) FROM ${sql}`, ...values)[0]?.[0]);
}

const FOLDS = "usage_message_folds JOIN usage_names ON name_id = session_name_id WHERE name = ?";

describe("forgetUsage() after maintenance", () => {
  it.each([false, true])(
    "takes folded, thinned and compacted rows along, with rollups %p",
    async (rollups) => {
      using folder = tempFolder();
      const path = folder.at("usage.db");
      await fillMaintained(path, { sessions: SESSIONS });
      const before = said(path);
      expect(before.problems).toEqual([]);
      expect(count(path, FOLDS, SECRET)).toBeGreaterThan(0);
      const report = forgetUsage(path, SESSION, { now, rollups });
      expect(report).toMatchObject({ isProved: true, found: [], compacted: { found: [] } });
      expect(report.compacted.searched).toBeGreaterThan(100);
      const after = said(path);
      if (!rollups) expect(after).toEqual(before);
      expect({ problems: after.problems, isLess: after.daily < before.daily }).toEqual({
        problems: [],
        isLess: rollups,
      });
      expect(after.daily).toBe(after.sessions);
      expect(count(path, FOLDS, SECRET)).toBe(0);
      expect(count(path, FOLDS, OTHER)).toBeGreaterThan(0);
      expect(count(path, "usage_snapshot_rollups WHERE session_id = ?", SECRET)).toBe(0);
      // Ids that are free again must not be taken for looked at.
      for (const [table, rule] of [
        ["usage_snapshots", "snapshots.%"],
        ["usage_limit_samples", "limit_samples.%"],
      ] as const)
        expect(
          count(
            path,
            `retention_progress WHERE rule LIKE ? AND last_id > (SELECT max(id) FROM ${table})`,
            rule,
          ),
        ).toBe(0);
      using db = openUsageDb(path, { now });
      const again = await db.maintain({
        trustClock: true,
        jobs: ["fold", "thin", "prune", "compact"],
      });
      expect(again.jobs.map(({ outcome }) => outcome)).toEqual(["done", "done", "done", "done"]);
      expect(verifyRollups(db)).toEqual([]);
    },
  );

  it.each([false, true])(
    "forgets everything before a moment between folds, with rollups %p",
    async (rollups) => {
      using folder = tempFolder();
      const path = folder.at("usage.db");
      await fillMaintained(path, { sessions: SESSIONS });
      const before = said(path);
      const beforeMs = NOON - 80 * DAY;
      forgetUsage(path, { kind: "before", beforeMs }, { now, rollups });
      const after = said(path);
      expect({ problems: after.problems, isLess: after.daily < before.daily }).toEqual({
        problems: [],
        isLess: rollups,
      });
      for (const table of ["usage_message_folds", "event_rollups", "usage_snapshot_rollups"]) {
        const left = count(path, `${table} WHERE last_at < ?`, beforeMs);
        expect({ table, isLeft: left > 0 }).toEqual({ table, isLeft: !rollups });
      }
    },
  );

  it("forgets a project of which only folds are left", async () => {
    using folder = tempFolder();
    const path = folder.at("usage.db");
    await fillMaintained(path, { sessions: SESSIONS });
    {
      using db = openUsageDb(path, { now });
      // No row but sums tells any more whose session it was.
      db.connection.runOnce("UPDATE sessions SET project = NULL");
      db.retention.set("messages", "max_age_ms", 3_600_000);
      await db.maintain({ jobs: ["fold"], trustClock: true });
    }
    expect(count(path, "usage_message_rows")).toBe(0);
    const report = forgetUsage(path, { kind: "project", project: "/p/0" }, { now });
    expect(report).toMatchObject({ sessions: 1, isProved: true });
    expect(said(path).problems).toEqual([]);
  });

  it("hides a name in compacted snapshots, and says which compacted payloads and backups have it", async () => {
    using folder = tempFolder();
    const path = folder.at("usage.db");
    await fillMaintained(path, { sessions: SESSIONS, mentions: SECRET });
    {
      using db = openUsageDb(path, { now });
      await db.maintain({ jobs: ["backup"] });
    }
    const report = forgetUsage(path, SESSION, { now });
    expect(report.isProved).toBe(false);
    const backups = report.found.map(({ path: name }) => name).filter((name) => name !== path);
    expect(backups).toEqual([expect.stringContaining("/backups/usage.db.")]);
    const { found } = report.compacted;
    expect(found.filter((one) => one.path === path)).toMatchObject([
      { table: "events", column: "payload" },
    ]);
    expect(found.some((one) => one.path === backups[0])).toBe(true);
    using db = openUsageDb(path, { now });
    const names = db.snapshots
      .listBySession(OTHER)
      .map(({ snapshot_data }) => JSON.parse(snapshot_data).recent_sessions[0].session_id);
    expect(new Set(names)).toEqual(new Set(["forgotten"]));
    const sql = "usage_snapshots WHERE snapshot_data_zstd IS NOT NULL";
    expect(count(path, sql)).toBeGreaterThan(0);
  });

  it("finds the compacted events of a project whose session names none", async () => {
    using folder = tempFolder();
    const path = folder.at("usage.db");
    {
      using db = openUsageDb(path, { now });
      db.sessions.upsert({ session_id: SECRET, agent: "claude", started_at: NOON - 9 * DAY });
      db.events.insert({
        source_app: "a",
        session_id: SECRET,
        hook_event_type: "Stop",
        payload: { cwd: `${HIDDEN}/below`, text: "again and again ".repeat(80) },
        timestamp: NOON - 9 * DAY,
      });
      await db.maintain({ jobs: ["compact"], trustClock: true });
    }
    expect(count(path, "events WHERE payload_zstd IS NOT NULL")).toBe(1);
    expect(forgetUsage(path, { kind: "project", project: HIDDEN }, { now })).toMatchObject({
      sessions: 1,
      deleted: { events: 1, sessions: 1 },
      isProved: true,
    });
  });

  it("keeps what a status line hears for a forgotten session, without the session's name", () => {
    using folder = tempFolder();
    const path = folder.at("usage.db");
    {
      using db = openUsageDb(path, { now });
      db.sessions.upsert({ session_id: SECRET, agent: "claude" });
    }
    forgetUsage(path, SESSION, { now });
    using db = openUsageDb(path, { now });
    const heard = {
      agent: "claude",
      limit_name: "five_hour",
      window_minutes: 300,
      used_percent: 77,
      session_id: SECRET,
    };
    expect(db.limitSamples.record([heard])).toBe(1);
    expect(db.limitSamples.record([heard])).toBe(0);
    expect(db.limitSamples.newest("claude", "five_hour")).toMatchObject({
      used_percent: 77,
      session_id: "",
    });
  });
});
