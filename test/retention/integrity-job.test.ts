import { describe, expect, it } from "bun:test";
import type { UsageDb } from "../../src/index.ts";
import type { JobReport } from "../../src/retention/job.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { clockedDb, NOON } from "../support/usage-db.ts";

async function check(db: UsageDb): Promise<JobReport> {
  const { jobs } = await db.maintain({ jobs: ["integrity"] });
  return jobs[0] as JobReport;
}

describe("the integrity job", () => {
  it.each(["a.db", ":memory:"])("finds nothing wrong in a sound database (%s)", async (name) => {
    using folder = tempFolder();
    using clocked = clockedDb(name === ":memory:" ? name : folder.at(name));
    clocked.db.snapshots.insert({ session_id: "s", snapshot_data: {} });
    clocked.db.bars.upsert([
      {
        symbol: "A",
        provider: "p",
        timeframe: "1d",
        timestamp: -1e12,
        open: 1,
        high: 1,
        low: 1,
        close: 1,
        volume: 1,
      },
    ]);
    const { outcome, detail } = await check(clocked.db);
    expect({ outcome, findings: detail["findings"] }).toEqual({ outcome: "done", findings: [] });
    expect(Number(detail["checks"])).toBeGreaterThan(20);
  });

  it("names rows that break a CHECK, a foreign key or a unit, and leaves them in the run's row", async () => {
    using folder = tempFolder();
    using clocked = clockedDb(folder.at("a.db"));
    const { connection } = clocked.db;
    connection.runOnce("PRAGMA ignore_check_constraints = ON");
    connection.runOnce("PRAGMA foreign_keys = OFF");
    connection.runOnce(
      `INSERT INTO usage_snapshots (session_id, snapshot_data, timestamp) VALUES ('gone', '{}', ${NOON / 1000})`,
    );
    const { outcome, error } = await check(clocked.db);
    expect({ outcome, code: error?.code }).toEqual({ outcome: "failed", code: "DATABASE_CORRUPT" });
    expect(error?.details["findings"]).toEqual([
      "structure: CHECK constraint failed in usage_snapshots",
      "foreign key: row 1 of usage_snapshots points at a row of sessions that is not there",
      "unit: 1 value(s) of usage_snapshots.timestamp are no epoch milliseconds",
    ]);
    expect(error?.hint).toContain("usagedb doctor");
    expect(clocked.db.maintenanceRuns.lastOf("integrity")).toMatchObject({
      outcome: "failed",
      error: expect.stringContaining("DATABASE_CORRUPT"),
    });
  });

  it("takes the default 0 of a column for no time, and nothing else below 1973", async () => {
    using folder = tempFolder();
    using clocked = clockedDb(folder.at("a.db"));
    const { connection } = clocked.db;
    connection.runOnce(
      "CREATE TABLE theirs (seen_at INTEGER DEFAULT 0, made_at INTEGER DEFAULT 7)",
    );
    connection.runOnce("INSERT INTO theirs (made_at) VALUES (NULL)");
    expect((await check(clocked.db)).outcome).toBe("done");
    connection.runOnce("INSERT INTO theirs VALUES (1, NULL), (0, 7), (0, 0)");
    expect((await check(clocked.db)).error?.details["findings"]).toEqual([
      "unit: 1 value(s) of theirs.seen_at are no epoch milliseconds",
      "unit: 2 value(s) of theirs.made_at are no epoch milliseconds",
    ]);
  });

  it("tells rows that point at nothing from a damaged file", async () => {
    using folder = tempFolder();
    using clocked = clockedDb(folder.at("a.db"));
    clocked.db.connection.runOnce("PRAGMA foreign_keys = OFF");
    clocked.db.connection.runOnce(
      "INSERT INTO usage_snapshots (session_id, snapshot_data) VALUES ('gone', '{}')",
    );
    expect((await check(clocked.db)).error?.code).toBe("DATABASE_INVALID");
  });

  it("leaves the event loop and the database to others meanwhile", async () => {
    using folder = tempFolder();
    using clocked = clockedDb(folder.at("a.db"));
    const checking = check(clocked.db);
    await Bun.sleep(0);
    clocked.db.snapshots.insert({ session_id: "s", snapshot_data: {} });
    expect((await checking).outcome).toBe("done");
  });
});
