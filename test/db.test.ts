import { afterEach, describe, expect, it } from "bun:test";
import * as legacy from "../src/db.ts";
import { errorOf } from "./support/error-of.ts";
import { tempFolder } from "./support/temp-folder.ts";
import { NOON } from "./support/usage-db.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

afterEach(() => legacy.closeDatabase());

function open(time: { now: number } = { now: NOON }): void {
  legacy.initDatabase(":memory:", { now: () => time.now });
}

describe("the functions of the earlier usage database", () => {
  it("stand under their names with their signatures", () => {
    const arities = Object.fromEntries(
      Object.entries(legacy).map(([name, value]) => [
        name,
        (value as (...args: never[]) => unknown).length,
      ]),
    );
    expect(arities).toEqual({
      initDatabase: 0,
      closeDatabase: 0,
      getUsageConfig: 0,
      updateUsageConfig: 1,
      resetUsageConfig: 0,
      insertUsageSnapshot: 1,
      getUsageSnapshots: 1,
      getUsageSnapshotsBySession: 1,
      deleteOldUsageSnapshots: 0,
      getMigrationRunner: 0,
      getMigrationStatus: 0,
      runMigrations: 0,
      rollbackMigrations: 1,
      validateDatabase: 0,
    });
  });

  it("say what to do when the database was not opened", () => {
    expect(errorOf(() => legacy.getUsageConfig())).toMatchObject({
      code: "DATABASE_CLOSED",
      hint: "Call initDatabase() first.",
    });
  });

  it("open and migrate once, and open again after a close", () => {
    using folder = tempFolder();
    legacy.initDatabase(folder.at("usage.db"));
    legacy.updateUsageConfig({ plan: "pro" });
    legacy.initDatabase(folder.at("usage.db"));
    expect(errorOf(() => legacy.initDatabase(folder.at("other.db"))).details["field"]).toBe("path");
    expect(legacy.getUsageConfig()?.plan).toBe("pro");
    legacy.closeDatabase();
    legacy.initDatabase(folder.at("usage.db"));
    expect(legacy.getUsageConfig()?.plan).toBe("pro");
  });

  it("change and reset the settings", () => {
    open();
    expect(legacy.updateUsageConfig({ plan: "pro", refresh_rate: 30, theme: "dark" })).toBe(true);
    expect(legacy.getUsageConfig()).toMatchObject({ plan: "pro", refresh_rate: 30, theme: "dark" });
    const row = legacy.getUsageConfig() as legacy.UsageConfig;
    expect(legacy.updateUsageConfig({ ...row, view: "daily" })).toBe(true);
    expect(legacy.getUsageConfig()?.view).toBe("daily");
    expect(errorOf(() => legacy.updateUsageConfig({ ...row, id: 9 })).code).toBe("OPTION_UNKNOWN");
    expect(legacy.resetUsageConfig()).toBe(true);
    expect(legacy.getUsageConfig()).toMatchObject({
      plan: "custom",
      refresh_rate: 10,
      theme: "auto",
    });
    expect(errorOf(() => legacy.updateUsageConfig({ refresh_rate: 0 })).code).toBe("VALUE_INVALID");
  });

  it("store and list snapshots of the last hours", () => {
    open();
    const insert = (session_id: string, age: number): legacy.UsageSnapshot | null =>
      legacy.insertUsageSnapshot({
        session_id,
        snapshot_data: JSON.stringify({ age }),
        snapshot_type: "stats",
        timestamp: NOON - age,
      });
    const recent = insert("session-123", HOUR);
    insert("session-123", 25 * HOUR);
    insert("other", 2 * HOUR);
    expect(recent).toEqual({
      id: 1,
      session_id: "session-123",
      snapshot_data: `{"age":${HOUR}}`,
      snapshot_type: "stats",
      timestamp: NOON - HOUR,
    });
    expect(legacy.getUsageSnapshots().map(({ session_id }) => session_id)).toEqual([
      "session-123",
      "other",
    ]);
    expect(legacy.getUsageSnapshots("session-123")).toHaveLength(1);
    expect(legacy.getUsageSnapshots("session-123", 100, 48)).toHaveLength(2);
    expect(legacy.getUsageSnapshots(undefined, 1)).toHaveLength(1);
    expect(legacy.getUsageSnapshotsBySession("session-123")).toHaveLength(2);
  });

  it("delete old snapshots and count them", () => {
    open();
    for (const age of [31 * DAY, 29 * DAY, 8 * DAY, 0]) {
      legacy.insertUsageSnapshot({
        session_id: "s",
        snapshot_data: "{}",
        snapshot_type: "stats",
        timestamp: NOON - age,
      });
    }
    expect(legacy.deleteOldUsageSnapshots()).toBe(1);
    expect(legacy.deleteOldUsageSnapshots(7)).toBe(2);
    expect(errorOf(() => legacy.deleteOldUsageSnapshots(0)).details["field"]).toBe("daysOld");
  });

  it("migrate, roll back, and validate", async () => {
    open();
    const { latestVersion } = legacy.getMigrationStatus();
    expect(legacy.getMigrationStatus()).toMatchObject({
      currentVersion: latestVersion,
      pendingCount: 0,
      pendingMigrations: [],
    });
    expect(legacy.validateDatabase()).toBe(true);
    await legacy.rollbackMigrations();
    expect(legacy.getMigrationStatus()).toMatchObject({
      currentVersion: latestVersion - 1,
      pendingCount: 1,
    });
    await legacy.rollbackMigrations(0);
    expect(legacy.getMigrationStatus()).toMatchObject({ currentVersion: 0, appliedMigrations: [] });
    await legacy.runMigrations();
    expect(legacy.getMigrationRunner().status().currentVersion).toBe(latestVersion);
    expect(legacy.getUsageConfig()?.plan).toBe("custom");
    legacy.insertUsageSnapshot({
      session_id: "s",
      snapshot_data: "{}",
      snapshot_type: "stats",
      timestamp: NOON,
    });
    expect(legacy.validateDatabase()).toBe(true);
  });
});
