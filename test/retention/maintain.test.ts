import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { statSync } from "node:fs";
import { InputError } from "../../src/errors.ts";
import { checkPlans } from "../../src/engine/sqlite/plans.ts";
import { openUsageDb, type UsageDb } from "../../src/index.ts";
import { parseQueries } from "../../src/migration/queries.ts";
import type { JobName, MaintenanceEvent, MaintenanceJob } from "../../src/retention/job.ts";
import { loadJobs } from "../../src/retention/jobs.ts";
import { maintainWith } from "../../src/retention/maintain.ts";
import { openReadyDatabase } from "../../src/store/ready-database.ts";
import { OWN_QUERIES } from "../../src/store/own-queries.ts";
import { errorOf, errorOfAsync } from "../support/error-of.ts";
import { holdLock } from "../support/held-lock.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { clockedDb, NOON } from "../support/usage-db.ts";

// Several processes on a machine that may be busy with other tests.
setDefaultTimeout(60_000);

const HOUR = 3_600_000;
const MINUTE = 60_000;

function fill(db: UsageDb, count: number): void {
  db.snapshots.insertMany(
    Array.from({ length: count }, (_, i) => ({
      session_id: `s${i % 7}`,
      snapshot_data: { i },
      snapshot_type: i % 100 === 0 ? ("config" as const) : ("stats" as const),
      timestamp: NOON - i,
    })),
  );
}

const countSnapshots = ({ connection }: UsageDb): number =>
  Number(connection.readOnce("SELECT count(*) FROM usage_snapshots")[0]?.[0]);

/** A job of its own for tests of the runner: it deletes every snapshot, 100 at a time. */
function deleteAll(name: JobName = "prune", everyMs?: number): MaintenanceJob {
  return {
    name,
    description: "delete every snapshot",
    ...(everyMs === undefined ? {} : { everyMs }),
    estimate: ({ connection }) => {
      const rows = Number(connection.readOnce("SELECT count(*) FROM usage_snapshots")[0]?.[0]);
      return { rows, bytes: rows * 100, expectedMs: rows, staysAnswerable: "Nothing." };
    },
    async run({ store: { connection }, pace, progress }) {
      pace.boundChunks(100, 100);
      const sql =
        "DELETE FROM usage_snapshots WHERE id IN (SELECT id FROM usage_snapshots LIMIT ?)";
      for (let rows = 0; ;) {
        const { changes } = await pace.write(
          () => connection.prepare(sql).run(pace.chunkRows),
          "delete",
        );
        rows += changes;
        progress(rows, null);
        const bytes = rows * 100;
        if (changes === 0) return { outcome: "done", rows, bytes, detail: { from: name } };
        if (!(await pace.after()))
          return { outcome: "partial", rows, bytes, detail: { from: name } };
      }
    },
  };
}

function failing(name: JobName, error: Error): MaintenanceJob {
  const fail = (): never => {
    throw error;
  };
  return { name, description: "fails", estimate: fail, run: async () => fail() };
}

const LONG = { maxMs: 60_000 };

describe("db.maintain()", () => {
  it("runs the jobs in their order, tells of each, and leaves a row each", async () => {
    using folder = tempFolder();
    using clocked = clockedDb(folder.at("usage.db"));
    fill(clocked.db, 20_000);
    const events: MaintenanceEvent[] = [];
    const report = await clocked.db.maintain({
      jobs: ["optimize", "checkpoint"],
      onEvent: (event) => events.push(event),
    });
    expect(report).toMatchObject({ startedAt: NOON, isComplete: true, isDryRun: false });
    expect(report.jobs).toMatchObject([
      { job: "checkpoint", outcome: "done", detail: { isBusy: false, framesLeft: 0, walBytes: 0 } },
      { job: "optimize", outcome: "done" },
    ]);
    expect(report.jobs[0]?.bytes).toBeGreaterThan(1 << 20);
    expect(
      events.filter(({ type }) => type !== "progress").map(({ type, job }) => [type, job]),
    ).toEqual([
      ["started", "checkpoint"],
      ["finished", "checkpoint"],
      ["started", "optimize"],
      ["finished", "optimize"],
    ]);
    expect(events).toContainEqual({
      type: "progress",
      job: "optimize",
      done: Number(report.jobs[1]?.detail["tables"]),
      total: Number(report.jobs[1]?.detail["tables"]),
    });
    expect(clocked.db.maintenanceRuns.list()).toMatchObject([
      { job: "optimize", outcome: "done", error: null },
      { job: "checkpoint", outcome: "done", bytes: report.jobs[0]?.bytes, error: null },
    ]);
  });

  it("estimates and writes nothing in a dry run, beside another run too", async () => {
    using folder = tempFolder();
    using clocked = clockedDb(folder.at("usage.db"));
    const { db } = clocked;
    fill(db, 300);
    const before = db.connection.readOnce("PRAGMA data_version");
    const walBefore = statSync(folder.at("usage.db-wal")).size;
    const report = await maintainWith(
      db,
      [
        deleteAll(),
        failing("fold", new InputError("VALUE_INVALID", "Cannot fold: no")),
        ...loadJobs(),
      ],
      { ...LONG, dryRun: true },
    );
    expect(report.jobs).toMatchObject([
      {
        job: "prune",
        outcome: "estimated",
        rows: 300,
        estimate: { rows: 300, bytes: 30_000, expectedMs: 300, staysAnswerable: "Nothing." },
      },
      { job: "fold", outcome: "failed", error: { code: "VALUE_INVALID" } },
      ...loadJobs().map(({ name }) => ({ job: name, outcome: "estimated" })),
    ]);
    expect(report.isComplete).toBe(false);
    expect(countSnapshots(db)).toBe(300);
    expect(db.maintenanceRuns.list()).toEqual([]);
    expect(statSync(folder.at("usage.db-wal")).size).toBe(walBefore);
    expect(db.connection.readOnce("PRAGMA data_version")).toEqual(before);
    expect(() => statSync(folder.at("usage.db-maintenance"))).toThrow();
    using reader = openUsageDb(folder.at("usage.db"), { mode: "read" });
    expect(await reader.maintain({ dryRun: true })).toMatchObject({ isComplete: true });
  });

  it("goes on with the others when a job fails, and does not call it success", async () => {
    using clocked = clockedDb();
    fill(clocked.db, 150);
    const report = await maintainWith(
      clocked.db,
      [failing("fold", new TypeError("x is not a function")), deleteAll()],
      LONG,
    );
    expect(report.isComplete).toBe(false);
    expect(report.jobs).toMatchObject([
      { job: "fold", outcome: "failed", error: { code: "SQL_FAILED" } },
      { job: "prune", outcome: "done", rows: 150 },
    ]);
    expect(clocked.db.maintenanceRuns.lastOf("fold")).toMatchObject({
      outcome: "failed",
      error: "SQL_FAILED: Cannot run the maintenance job fold: x is not a function",
    });
  });

  it("keeps what was done when it is cancelled, and says so in the row", async () => {
    using clocked = clockedDb();
    fill(clocked.db, 1000);
    const stop = new AbortController();
    const report = await maintainWith(clocked.db, [deleteAll(), deleteAll("thin")], {
      ...LONG,
      signal: stop.signal,
      onEvent: (event) => {
        if (event.type === "progress" && event.done >= 200) stop.abort();
      },
    });
    expect(report.isComplete).toBe(false);
    expect(report.jobs).toMatchObject([
      { job: "prune", outcome: "cancelled", rows: 200 },
      { job: "thin", outcome: "skipped", reason: "cancelled" },
    ]);
    expect(report.jobs[0]?.error).toBeUndefined();
    expect(countSnapshots(clocked.db)).toBe(800);
    expect(clocked.db.maintenanceRuns.list()).toMatchObject([{ outcome: "cancelled", rows: 200 }]);
    const next = await maintainWith(clocked.db, [deleteAll()], LONG);
    expect(next.jobs).toMatchObject([{ outcome: "done", rows: 800 }]);
  });

  it("gives every job its share of the time, then what is left to those that were cut short", async () => {
    using clocked = clockedDb();
    fill(clocked.db, 60_000);
    const started: string[] = [];
    const report = await maintainWith(
      clocked.db,
      [deleteAll("prune"), failing("vacuum", new Error("no")), failing("backup", new Error("no"))],
      {
        maxMs: 400,
        onEvent: (event) => {
          if (event.type === "started") started.push(event.job);
        },
      },
    );
    expect(started.slice(0, 3)).toEqual(["prune", "vacuum", "backup"]);
    expect(started.slice(3)).toContain("prune");
    const [prune] = report.jobs;
    expect(prune).toMatchObject({ outcome: "partial" });
    expect(prune?.error).toBeUndefined();
    expect(countSnapshots(clocked.db)).toBe(60_000 - Number(prune?.rows));
    const runs = clocked.db.maintenanceRuns.list({ job: "prune" });
    expect(runs.length).toBeGreaterThan(1);
    expect(runs.reduce((sum, { rows }) => sum + rows, 0)).toBe(Number(prune?.rows));
  });

  it("skips a job that is not due unless it is named, and runs one that was not done", async () => {
    using clocked = clockedDb();
    const outcomes = async (named = false): Promise<unknown> =>
      (
        await maintainWith(clocked.db, [deleteAll("prune", HOUR)], {
          ...LONG,
          ...(named ? { jobs: ["prune"] } : {}),
        })
      ).jobs.map(({ outcome, reason }) => reason ?? outcome);
    expect(await outcomes()).toEqual(["done"]);
    clocked.time += HOUR - 1;
    expect(await outcomes()).toEqual(["not due"]);
    expect(await outcomes(true)).toEqual(["done"]);
    clocked.time += HOUR;
    expect(await outcomes()).toEqual(["done"]);
    clocked.db.connection.runOnce("UPDATE maintenance_runs SET outcome = 'failed'");
    expect(await outcomes()).toEqual(["done"]);
    clocked.jump(-2 * HOUR);
    expect(await outcomes()).toEqual(["done"]);
  });

  it("is refused while another connection does it, and names the job", async () => {
    using folder = tempFolder();
    using clocked = clockedDb(folder.at("usage.db"));
    using other = openUsageDb(folder.at("usage.db"), { now: () => NOON });
    fill(clocked.db, 500);
    const running = maintainWith(clocked.db, [deleteAll("thin")], LONG);
    await Bun.sleep(5);
    const error = await errorOfAsync(other.maintain());
    expect(error).toMatchObject({
      code: "MAINTENANCE_RUNNING",
      exitCode: 4,
      details: { job: "thin", startedAt: NOON, pid: process.pid },
    });
    expect((await errorOfAsync(clocked.db.maintain())).code).toBe("MAINTENANCE_RUNNING");
    expect((await running).isComplete).toBe(true);
    expect((await other.maintain()).isComplete).toBe(true);
  });

  it("closes the run of a process that was killed, and does its work", async () => {
    using folder = tempFolder();
    const path = folder.at("usage.db");
    using clocked = clockedDb(path);
    fill(clocked.db, 5000);
    const killed = Bun.spawn(
      [
        process.execPath,
        "-e",
        `import { openUsageDb } from "./src/index.ts";
         import { loadJobs } from "../../src/retention/jobs.ts";
import { maintainWith } from "./src/retention/maintain.ts";
         const db = openUsageDb(process.argv[1]);
         const job = { name: "fold", description: "", estimate: () => null, run: async () => {
           process.stdout.write("running");
           await Bun.sleep(60_000);
         } };
         await maintainWith(db, [job], { maxMs: 60_000 });`,
        path,
      ],
      { stdin: "ignore", stdout: "pipe", stderr: "inherit" },
    );
    await killed.stdout.getReader().read();
    const refused = errorOfAsync(clocked.db.maintain());
    await refused.finally(() => killed.kill("SIGKILL"));
    expect((await refused).details).toMatchObject({ job: "fold", pid: killed.pid });
    await killed.exited;
    expect((await clocked.db.maintain()).isComplete).toBe(true);
    expect(clocked.db.maintenanceRuns.lastOf("fold")).toMatchObject({
      outcome: "interrupted",
      ended_at: null,
    });
  });

  it("calls a job partial when others hold the lock, with the reason", async () => {
    using folder = tempFolder();
    using clocked = clockedDb(folder.at("usage.db"));
    await using lock = await holdLock(folder.at("usage.db"));
    expect(lock).toBeDefined();
    const report = await maintainWith(clocked.db, [deleteAll()], { maxMs: 100 });
    expect(report).toMatchObject({
      isComplete: false,
      jobs: [{ outcome: "partial", error: { code: "DATABASE_BUSY" } }],
    });
  });

  it("runs its jobs on a full disk, and writes their rows once there is room", async () => {
    using clocked = clockedDb();
    const { db } = clocked;
    fill(db, 2000);
    const { connection } = db;
    const limit = (pages: number | string): void =>
      void connection.readOnce(`PRAGMA max_page_count = ${pages}`);
    limit(Number(connection.readOnce("PRAGMA page_count")[0]?.[0]));
    connection.runOnce("CREATE TEMP TABLE full (x)");
    for (let i = 0; i < 10_000; i++) {
      try {
        db.maintenanceRuns.begin("fold", {});
      } catch {
        break;
      }
    }
    expect(errorOf(() => db.maintenanceRuns.begin("fold", {})).code).toBe("DATABASE_FULL");
    const report = await maintainWith(db, [deleteAll()], LONG);
    expect(report.jobs).toMatchObject([{ job: "prune", outcome: "done", rows: 2000 }]);
    expect(report.isComplete).toBe(true);
    expect(db.maintenanceRuns.lastOf("prune")).toMatchObject({ outcome: "done", rows: 2000 });
  });

  it("fails a job whose listener throws, and lets go of the lock", async () => {
    using clocked = clockedDb();
    fill(clocked.db, 300);
    const report = await maintainWith(clocked.db, [deleteAll()], {
      ...LONG,
      onEvent: ({ type }) => {
        if (type === "progress") throw new Error("the listener broke");
      },
    });
    expect(report.jobs[0]?.error?.message).toContain("the listener broke");
    expect((await clocked.db.maintain()).isComplete).toBe(true);
  });

  it("refuses a handle that was opened to read, and leaves no file", async () => {
    using folder = tempFolder();
    clockedDb(folder.at("usage.db")).db.close();
    using reader = openUsageDb(folder.at("usage.db"), { mode: "read" });
    expect((await errorOfAsync(reader.maintain())).code).toBe("DATABASE_READONLY");
    expect(() => statSync(folder.at("usage.db-maintenance"))).toThrow();
  });

  it.each([
    [{ jobs: ["purge"] }, "VALUE_INVALID"],
    [{ jobs: [] }, "VALUE_INVALID"],
    [{ jobs: "prune" }, "VALUE_INVALID"],
    [{ maxMs: 0 }, "VALUE_INVALID"],
    [{ maxMs: 1.5 }, "VALUE_INVALID"],
    [{ dryRun: "yes" }, "VALUE_INVALID"],
    [{ signal: {} }, "VALUE_INVALID"],
    [{ onEvent: 1 }, "VALUE_INVALID"],
    [{ dryrun: true }, "OPTION_UNKNOWN"],
    [null, "VALUE_INVALID"],
  ])("refuses %j", async (options, code) => {
    using clocked = clockedDb();
    const error = await errorOfAsync(clocked.db.maintain(options as never));
    expect(error.code as string).toBe(code);
    expect(clocked.db.maintenanceRuns.list()).toEqual([]);
  });
});

describe("the steady state", () => {
  it("leaves a row a change, not a row a run", async () => {
    using folder = tempFolder();
    using clocked = clockedDb(folder.at("usage.db"));
    await clocked.db.maintain();
    for (let i = 0; i < 130; i++) {
      clocked.time += MINUTE;
      expect((await clocked.db.maintain()).isComplete).toBe(true);
    }
    // The rows themselves fill a WAL that is then moved; that is a change.
    const ofTwo = clocked.db.maintenanceRuns
      .list({ limit: 10_000 })
      .filter(({ job }) => job === "checkpoint" || job === "optimize");
    expect(ofTwo.length).toBeLessThan(40);
    const idle = ofTwo.map(({ detail }) =>
      Number((JSON.parse(detail) as { idleRuns?: number }).idleRuns ?? 0),
    );
    expect(idle.reduce((sum, runs) => sum + runs + 1, 0)).toBe(131 + 3);
  });
});

describe("the checkpoint job", () => {
  it("says how many frames a reader held back, and moves them when it is gone", async () => {
    using folder = tempFolder();
    using clocked = clockedDb(folder.at("usage.db"));
    const { db } = clocked;
    fill(db, 100);
    using reader = openUsageDb(folder.at("usage.db"), { mode: "read" });
    reader.connection.runOnce("BEGIN");
    reader.connection.readOnce("SELECT count(*) FROM usage_snapshots");
    fill(db, 5000);
    const { jobs, isComplete } = await db.maintain({ jobs: ["checkpoint"] });
    expect(isComplete).toBe(false);
    expect(jobs).toMatchObject([{ outcome: "partial", detail: { isBusy: true } }]);
    expect(Number(jobs[0]?.detail["framesLeft"])).toBeGreaterThan(50);
    expect(Number(jobs[0]?.detail["walBytes"])).toBeGreaterThan(100_000);
    reader.connection.runOnce("COMMIT");
    expect((await db.maintain({ jobs: ["checkpoint"] })).jobs).toMatchObject([
      { outcome: "done", detail: { isBusy: false, framesLeft: 0, walBytes: 0 } },
    ]);
  });
});

describe("the checkpoint job and a large WAL", () => {
  it("moves it without holding the event loop, and all of it", async () => {
    using folder = tempFolder();
    using clocked = clockedDb(folder.at("usage.db"));
    const { connection } = clocked.db;
    connection.readOnce("PRAGMA wal_autocheckpoint = 0");
    connection.runOnce("CREATE TABLE filler (x BLOB)");
    for (let i = 0; i < 4; i++) connection.runOnce("INSERT INTO filler VALUES (zeroblob(5000000))");
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const report = await clocked.db.maintain({ jobs: ["checkpoint"] });
    clearInterval(timer);
    expect(report.jobs).toMatchObject([{ outcome: "done", detail: { walBytes: 0 } }]);
    expect(report.jobs[0]?.bytes).toBeGreaterThan(20_000_000);
    expect(turns).toBeGreaterThan(5);
  });
});

describe("the optimize job", () => {
  it("leaves the hot queries their plans on rows that are far from even", async () => {
    using clocked = clockedDb();
    fill(clocked.db, 20_000);
    const file = parseQueries(OWN_QUERIES.file, OWN_QUERIES.text);
    await clocked.db.maintain({ jobs: ["optimize"] });
    expect(clocked.db.connection.readOnce("SELECT count(*) > 0 FROM sqlite_stat1")).toEqual([[1]]);
    const { findings } = checkPlans(clocked.db.connection, file);
    expect(findings.filter(({ degree }) => degree === ("regression" as never))).toEqual([]);
  });

  it("costs the next opening nothing, and is no drift", async () => {
    using folder = tempFolder();
    using clocked = clockedDb(folder.at("usage.db"));
    fill(clocked.db, 2000);
    await clocked.db.maintain({ jobs: ["optimize"] });
    using ready = openReadyDatabase(folder.at("usage.db"), 0);
    expect(ready).not.toBeNull();
    expect(clocked.db.migrations.validate().findings).toEqual([]);
  });

  it("gives the connection its own analysis_limit back", async () => {
    using clocked = clockedDb();
    fill(clocked.db, 500);
    clocked.db.connection.readOnce("PRAGMA analysis_limit = 123");
    await clocked.db.maintain({ jobs: ["optimize"] });
    expect(clocked.db.connection.readOnce("PRAGMA analysis_limit")).toEqual([[123]]);
  });
});
