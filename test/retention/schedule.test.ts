import { describe, expect, it, setDefaultTimeout, spyOn } from "bun:test";
import { openUsageDb, startMaintenance } from "../../src/index.ts";
import { takeJobLock } from "../../src/engine/sqlite/job-lock.ts";
import type { MaintenanceScheduleEvent } from "../../src/retention/schedule.ts";
import { errorOf } from "../support/error-of.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { clockedDb } from "../support/usage-db.ts";

// Several processes on a machine that may be busy with other tests.
setDefaultTimeout(60_000);

/** What a schedule hands to Bun, so that a test need not wait for the minute; stopping and all else is Bun's own. */
async function ticksOf(work: (tick: () => Promise<void>) => Promise<void>): Promise<void> {
  const ticks: (() => Promise<void>)[] = [];
  const cron = Bun.cron;
  const spy = spyOn(Bun, "cron").mockImplementation(((
    schedule: string,
    tick: () => Promise<void>,
    options: Bun.CronOptions,
  ) => {
    ticks.push(tick);
    return cron(schedule, tick, options);
  }) as never);
  Object.assign(Bun.cron, { parse: cron.parse, remove: cron.remove });
  try {
    await work(async () => await ticks.at(-1)?.());
  } finally {
    spy.mockRestore();
  }
}

describe("startMaintenance()", () => {
  it("runs by its schedule, tells of every step, and is stopped for good", async () => {
    await ticksOf(async (tick) => {
      using clocked = clockedDb();
      const events: string[] = [];
      const maintenance = startMaintenance(clocked.db, {
        schedule: "*/5 * * * *",
        timeZone: "UTC",
        jobs: ["checkpoint"],
        onEvent: ({ type }) => events.push(type),
      });
      expect(maintenance).toMatchObject({ isRunning: false, lastReport: null, lastError: null });
      expect(Number(maintenance.nextRunAt) % 300_000).toBe(0);
      expect(maintenance.nextRunAt).toBeGreaterThan(Date.now());
      await tick();
      expect(events).toEqual(["started", "finished", "run-finished"]);
      expect(maintenance.lastReport).toMatchObject({
        isComplete: true,
        jobs: [{ job: "checkpoint", outcome: "done" }],
      });
      await maintenance.stop();
      await maintenance.stop();
      await tick();
      expect(await maintenance.runNow()).toBeNull();
      expect([events.length, maintenance.isStopped, maintenance.nextRunAt]).toEqual([
        3,
        true,
        null,
      ]);
    });
  });

  it("never runs twice at once: who asks meanwhile waits for the run that goes on", async () => {
    using clocked = clockedDb();
    await using maintenance = startMaintenance(clocked.db, { jobs: ["optimize"] });
    clocked.db.snapshots.insert({ session_id: "s", snapshot_data: {} });
    const [first, second] = await Promise.all([maintenance.runNow(), maintenance.runNow()]);
    expect(first).not.toBeNull();
    expect(second).toBe(first);
    expect(clocked.db.maintenanceRuns.list()).toHaveLength(1);
  });

  it("ends a run after its chunk when it is stopped, and lets go of the lock", async () => {
    using clocked = clockedDb();
    const maintenance = startMaintenance(clocked.db, { jobs: ["optimize", "checkpoint"] });
    clocked.db.snapshots.insert({ session_id: "s", snapshot_data: {} });
    const running = maintenance.runNow();
    await Bun.sleep(5);
    expect(maintenance.isRunning).toBe(true);
    await maintenance.stop();
    expect(maintenance.isRunning).toBe(false);
    expect((await running)?.jobs.map(({ outcome }) => outcome)).toContain("cancelled");
    takeJobLock(clocked.db.connection)?.release();
    expect((await clocked.db.maintain()).isComplete).toBe(true);
  });

  it("tells of a run that failed as a whole, and throws nothing", async () => {
    await ticksOf(async (tick) => {
      using folder = tempFolder();
      openUsageDb(folder.at("usage.db")).close();
      using db = openUsageDb(folder.at("usage.db"), { mode: "read" });
      const events: MaintenanceScheduleEvent[] = [];
      await using maintenance = startMaintenance(db, { onEvent: (event) => events.push(event) });
      await tick();
      expect(events).toMatchObject([{ type: "run-failed", error: { code: "DATABASE_READONLY" } }]);
      expect(maintenance.lastError?.code).toBe("DATABASE_READONLY");
      expect(maintenance.lastReport).toBeNull();
    });
  });

  it("skips its turn while another process does it", async () => {
    using folder = tempFolder();
    using db = openUsageDb(folder.at("usage.db"));
    const events: MaintenanceScheduleEvent[] = [];
    await using maintenance = startMaintenance(db, { onEvent: (event) => events.push(event) });
    const lock = takeJobLock(db.connection);
    expect(await maintenance.runNow()).toBeNull();
    lock?.release();
    expect(events).toMatchObject([{ type: "run-skipped", error: { code: "MAINTENANCE_RUNNING" } }]);
    expect(maintenance.lastError).toBeNull();
    expect((await maintenance.runNow())?.isComplete).toBe(true);
  });

  it("survives a listener that throws, and keeps what it threw", async () => {
    using clocked = clockedDb();
    await using maintenance = startMaintenance(clocked.db, {
      jobs: ["checkpoint"],
      onEvent: () => {
        throw new Error("the listener broke");
      },
    });
    expect((await maintenance.runNow())?.isComplete).toBe(true);
    expect(maintenance.lastError?.message).toContain("the listener broke");
  });

  it("stops by itself when its database was closed", async () => {
    await ticksOf(async (tick) => {
      const clocked = clockedDb();
      const maintenance = startMaintenance(clocked.db);
      clocked.db.close();
      await tick();
      expect(maintenance.isStopped).toBe(true);
    });
  });

  it("does not keep a program alive unless told to", async () => {
    const program = (options: string): Bun.Subprocess =>
      Bun.spawn(
        [
          process.execPath,
          "-e",
          `import { openUsageDb, startMaintenance } from "./src/index.ts";
           startMaintenance(openUsageDb(":memory:"), ${options});`,
        ],
        { stdin: "ignore", stdout: "ignore", stderr: "inherit" },
      );
    expect(await program('"@hourly"').exited).toBe(0);
    const kept = program('{ schedule: "@hourly", keepsAlive: true }');
    expect(await Promise.race([kept.exited, Bun.sleep(400).then(() => "alive")])).toBe("alive");
    kept.kill("SIGKILL");
    await kept.exited;
  });

  it.each([
    ["nonsense"],
    ["* * * * * *"],
    [{ schedule: "0 0 30 2 *" }],
    [{ timeZone: "Mars/Olympus" }],
    [{ schedule: "" }],
    [{ jobs: ["purge"] }],
    [{ jobs: [] }],
    [{ maxMs: -1 }],
    [{ keepsAlive: "yes" }],
    [{ onEvent: 1 }],
    [{ dryRun: true }],
  ])("refuses %j when it is called, not when it runs", (schedule) => {
    using clocked = clockedDb();
    expect(["VALUE_INVALID", "OPTION_UNKNOWN"]).toContain(
      errorOf(() => startMaintenance(clocked.db, schedule as never)).code,
    );
  });
});
