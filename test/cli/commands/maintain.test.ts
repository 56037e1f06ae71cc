import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { existsSync } from "node:fs";
import { openUsageDb } from "../../../src/index.ts";
import { takeJobLock } from "../../../src/engine/sqlite/job-lock.ts";
import { REGISTERED_JOBS } from "../../../src/retention/jobs.ts";
import { tempFolder, type TempFolder } from "../../support/temp-folder.ts";
import { type CliResult, spawnCli } from "../spawn-cli.ts";

// Several processes on a machine that may be busy with other tests.
setDefaultTimeout(60_000);

const run = (folder: TempFolder, ...argv: string[]): Promise<CliResult> =>
  spawnCli([...argv, "--db", folder.at("usage.db")]);

/** A database with enough snapshots for every job to have something to look at. */
function filled(folder: TempFolder, count = 3000): void {
  using db = openUsageDb(folder.at("usage.db"));
  db.snapshots.insertMany(
    Array.from({ length: count }, (_, i) => ({ session_id: `s${i % 5}`, snapshot_data: { i } })),
  );
}

interface Report {
  readonly isComplete: boolean;
  readonly jobs: readonly { readonly job: string; readonly outcome: string }[];
}

describe("usagedb maintain", () => {
  it("does what is due, job by job, and leaves a row each", async () => {
    using folder = tempFolder();
    filled(folder);
    const { stdout, stderr, exitCode } = await run(folder, "maintain", "checkpoint", "optimize");
    expect([stderr, exitCode]).toEqual(["", 0]);
    expect(stdout).toMatch(/^checkpoint +done +0 .*\noptimize +done +0 /m);
    expect(stdout).toContain("Everything that was due is done");
    using db = openUsageDb(folder.at("usage.db"), { mode: "read" });
    expect(db.maintenanceRuns.list().map(({ job, outcome }) => [job, outcome])).toEqual([
      ["optimize", "done"],
      ["checkpoint", "done"],
    ]);
  });

  it("prints the report as JSON, and nothing else", async () => {
    using folder = tempFolder();
    filled(folder);
    const { stdout, stderr, exitCode } = await run(folder, "maintain", "optimize", "--json");
    expect([stderr, exitCode]).toEqual(["", 0]);
    expect(JSON.parse(stdout)).toEqual({
      startedAt: expect.any(Number),
      durationMs: expect.any(Number),
      isDryRun: false,
      isComplete: true,
      jobs: [
        {
          job: "optimize",
          outcome: "done",
          rows: 0,
          bytes: 0,
          detail: { tables: expect.any(Number) },
          durationMs: expect.any(Number),
        },
      ],
    });
  });

  it("says what it would do with --dry-run, and does nothing", async () => {
    using folder = tempFolder();
    filled(folder);
    const { stdout, exitCode } = await run(folder, "maintain", "optimize", "--dry-run", "--json");
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      isDryRun: true,
      jobs: [
        {
          job: "optimize",
          outcome: "estimated",
          estimate: { rows: 0, bytes: 0, staysAnswerable: "Everything: no row is changed." },
        },
      ],
    });
    const { stdout: text } = await run(folder, "maintain", "--dry-run", "checkpoint");
    expect(text).toContain("Everything: no row is changed.\nNothing was done.");
    using db = openUsageDb(folder.at("usage.db"), { mode: "read" });
    expect(db.maintenanceRuns.list()).toEqual([]);
    expect(existsSync(folder.at("usage.db-maintenance"))).toBe(false);
  });

  it("ends with 4 while another process does it", async () => {
    using folder = tempFolder();
    using db = openUsageDb(folder.at("usage.db"));
    using lock = takeJobLock(db.connection);
    expect(lock).not.toBeNull();
    const { stdout, stderr, exitCode } = await run(folder, "maintain", "--json");
    expect([stdout, exitCode]).toEqual(["", 4]);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "MAINTENANCE_RUNNING" } });
  });

  it("ends with 4 when a checkpoint that was asked for is held up, and names the frames", async () => {
    using folder = tempFolder();
    using db = openUsageDb(folder.at("usage.db"));
    db.connection.runOnce("BEGIN");
    db.connection.readOnce("SELECT count(*) FROM usage_snapshots");
    filled(folder, 200);
    const { stderr, exitCode } = await run(folder, "maintain", "checkpoint");
    expect(exitCode).toBe(4);
    expect(stderr).toMatch(/\d+ frames of the WAL are left/);
    expect(stderr).toContain("code: DATABASE_BUSY");
    db.connection.runOnce("COMMIT");
    expect((await run(folder, "maintain", "checkpoint")).exitCode).toBe(0);
  });

  it("stops at Ctrl-C, whole, and says so", async () => {
    using folder = tempFolder();
    filled(folder);
    using db = openUsageDb(folder.at("usage.db"));
    db.connection.runOnce("BEGIN IMMEDIATE");
    const running = Bun.spawn(
      [process.execPath, "src/cli/bin.ts", "maintain", "--json", "--db", folder.at("usage.db")],
      { stdin: "ignore", stdout: "pipe", stderr: "pipe" },
    );
    // It has made its lock, and waits for ours.
    while (!existsSync(folder.at("usage.db-maintenance"))) await Bun.sleep(5);
    await Bun.sleep(50);
    running.kill("SIGINT");
    const [stdout, stderr] = await Promise.all([running.stdout.text(), running.stderr.text()]);
    expect(await running.exited).toBe(130);
    expect(JSON.parse(stdout)).toMatchObject({ isComplete: false });
    expect((JSON.parse(stdout) as Report).jobs[0]?.outcome).toBe("cancelled");
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "CANCELLED" } });
    db.connection.runOnce("ROLLBACK");
    expect((await run(folder, "maintain")).exitCode).toBe(0);
    expect(db.migrations.validate().findings).toEqual([]);
  });

  it.each([
    [["maintain", "optimise"], "expected optimize"],
    [["maintain", "checkpoint", "optimise"], "expected optimize"],
    [["maintain", "--max-time", "5"], "--max-time"],
    [["maintain", "--dryrun"], "--dry-run"],
  ])("refuses %j", async (argv, words) => {
    using folder = tempFolder();
    const { stderr, exitCode } = await run(folder, ...argv);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining(words)]);
    expect(existsSync(folder.at("usage.db"))).toBe(false);
  });

  it("creates no database", async () => {
    using folder = tempFolder();
    const { stderr, exitCode } = await run(folder, "maintain");
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining("DATABASE_NOT_FOUND")]);
    expect(existsSync(folder.at("usage.db"))).toBe(false);
  });
});

describe("usagedb maintain status and history", () => {
  it("show the jobs and their runs", async () => {
    using folder = tempFolder();
    filled(folder, 10);
    await run(folder, "maintain", "checkpoint", "--quiet");
    const status = await run(folder, "maintain", "status", "--json");
    const jobs = JSON.parse(status.stdout) as { job: string; last: unknown }[];
    expect(jobs.map(({ job }) => job)).toEqual([...REGISTERED_JOBS]);
    expect(jobs.find(({ job }) => job === "checkpoint")?.last).toMatchObject({
      outcome: "done",
      detail: { isBusy: false },
    });
    expect((await run(folder, "maintain", "status")).stdout).toMatch(/^optimize +never/m);
    const history = await run(folder, "maintain", "history", "checkpoint", "--limit", "5");
    expect(history.stdout).toMatch(/^checkpoint +2\S+Z +done/m);
    const empty = await run(folder, "maintain", "history", "optimize", "--json");
    expect(JSON.parse(empty.stdout)).toEqual([]);
  });
});

describe("usagedb config retention", () => {
  it("shows, changes and resets what is kept how long", async () => {
    using folder = tempFolder();
    openUsageDb(folder.at("usage.db")).close();
    const retention = (...argv: string[]): Promise<CliResult> =>
      run(folder, "config", "retention", ...argv);
    expect((await retention()).stdout).toMatch(/^events\.max_age +90d +=/m);
    expect(await retention("set", "events.max_age", "30d")).toEqual({
      stdout: "events.max_age = 30d (was 90d)\n",
      stderr: expect.stringContaining("maintain --dry-run"),
      exitCode: 0,
    });
    expect((await retention()).stdout).toMatch(/^events\.max_age +30d +90d/m);
    expect((await retention("get", "events.max_age")).stdout).toBe("30d\n");
    const set = await retention("set", "database.max_bytes", "500MB", "--json");
    expect(JSON.parse(set.stdout)).toEqual({
      policy: "database.max_bytes",
      subject: "database",
      rule: "max_bytes",
      value: 500_000_000,
      before: null,
    });
    const reset = await retention("reset", "events", "--json");
    expect(JSON.parse(reset.stdout)).toContainEqual({
      policy: "events.max_age",
      subject: "events",
      rule: "max_age_ms",
      value: 7_776_000_000,
      default: 7_776_000_000,
      updated_at: null,
    });
    expect((await retention("get", "database.max_bytes")).stdout).toBe("500MB\n");
    expect((await retention("reset")).exitCode).toBe(0);
    expect((await retention("get", "database.max_bytes")).stdout).toBe("off\n");
    expect((await retention("set", "events.maxage", "3d")).exitCode).toBe(2);
  });
});
