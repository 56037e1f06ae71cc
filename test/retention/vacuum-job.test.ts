import { join } from "node:path";
import { statSync } from "node:fs";
import { Database } from "bun:sqlite";
import { describe, expect, it } from "bun:test";
import { openUsageDb, type UsageDb } from "../../src/index.ts";
import type { JobReport } from "../../src/retention/job.ts";
import { chance, FAULT_ROUNDS, withSeed } from "../support/fault-rounds.ts";
import { tempFolder } from "../support/temp-folder.ts";

function fill(db: UsageDb, rows: number, bytes = 3000): void {
  const text = "x".repeat(bytes);
  db.snapshots.insertMany(
    Array.from({ length: rows }, (_, n) => ({ session_id: "s", snapshot_data: { n, text } })),
  );
}

async function vacuum(db: UsageDb, jobs: readonly "vacuum"[] | undefined): Promise<JobReport> {
  const report = await db.maintain(jobs === undefined ? {} : { jobs });
  return report.jobs.find(({ job }) => job === "vacuum") as JobReport;
}

const freePages = (db: UsageDb): unknown => db.connection.readOnce("PRAGMA freelist_count")[0]?.[0];

describe("the vacuum job", () => {
  it("gives all free pages back when it is named; the file is smaller and its rows are the same", async () => {
    using folder = tempFolder();
    using db = openUsageDb(folder.at("a.db"));
    fill(db, 2000);
    db.connection.runOnce("DELETE FROM usage_snapshots WHERE id % 2 = 0");
    const before = db.snapshots.list({ limit: 10_000 });
    const size = statSync(folder.at("a.db")).size;
    const report = await vacuum(db, ["vacuum"]);
    expect(report.outcome).toBe("done");
    expect(report.bytes).toBeGreaterThan(2e6);
    expect(freePages(db)).toBe(0);
    expect(size - statSync(folder.at("a.db")).size).toBeGreaterThan(2e6);
    expect(db.snapshots.list({ limit: 10_000 })).toEqual(before);
    expect(db.connection.readOnce("PRAGMA integrity_check")).toEqual([["ok"]]);
  });

  it("leaves free pages for the next rows where they are few", async () => {
    using folder = tempFolder();
    using db = openUsageDb(folder.at("a.db"));
    fill(db, 1000);
    db.connection.runOnce("DELETE FROM usage_snapshots WHERE id < 500");
    expect(await vacuum(db, undefined)).toMatchObject({ outcome: "done", bytes: 0 });
    expect(Number(freePages(db))).toBeGreaterThan(400);
  });

  it("gives back what is a large part of a large file, and says so before", async () => {
    using folder = tempFolder();
    using db = openUsageDb(folder.at("a.db"));
    fill(db, 300, 100_000);
    db.connection.runOnce("DELETE FROM usage_snapshots WHERE id < 250");
    const planned = await db.maintain({ dryRun: true });
    const estimate = planned.jobs.find(({ job }) => job === "vacuum");
    expect(estimate?.bytes).toBeGreaterThan(20e6);
    const { bytes, outcome } = await vacuum(db, undefined);
    expect(outcome).toBe("done");
    expect(Math.abs(bytes / (estimate?.bytes ?? 0) - 1)).toBeLessThan(0.02);
  });

  it("names a file that can only be rewritten as a whole, with the way to do it", async () => {
    using folder = tempFolder();
    new Database(folder.at("a.db")).run(
      "PRAGMA user_version = 0; CREATE TABLE t (x); DROP TABLE t",
    );
    using db = openUsageDb(folder.at("a.db"));
    fill(db, 100);
    db.connection.runOnce("DELETE FROM usage_snapshots");
    expect(await vacuum(db, ["vacuum"])).toMatchObject({
      outcome: "failed",
      error: { code: "VACUUM_UNAVAILABLE", details: { autoVacuum: 0 } },
    });
  });

  /**
   * Strategy: a process gives pages back, and is killed at a random moment.
   * Invariants: the file is sound, every row is there, another run goes on to the end.
   */
  it(
    "loses nothing when it is killed at any moment",
    async () => {
      const dice = chance();
      await withSeed(dice, async () => {
        for (let round = 0; round < 2 * FAULT_ROUNDS; round++) {
          using folder = tempFolder();
          const path = folder.at("a.db");
          const db = openUsageDb(path);
          fill(db, 3000);
          db.connection.runOnce("DELETE FROM usage_snapshots WHERE id % 5 > 0");
          const before = db.snapshots.list({ limit: 10_000 });
          db.close();
          const script = `import { openUsageDb } from "${join(import.meta.dir, "../../src/index.ts")}";
          const db = openUsageDb(process.argv[1]);
          console.log("begun");
          await db.maintain({ jobs: ["vacuum"] });`;
          const child = Bun.spawn([process.execPath, "-e", script, path], { stdout: "pipe" });
          await child.stdout.getReader().read();
          await Bun.sleep(dice.next() * 250);
          child.kill("SIGKILL");
          await child.exited;
          using after = openUsageDb(path);
          expect(after.connection.readOnce("PRAGMA integrity_check")).toEqual([["ok"]]);
          expect(after.snapshots.list({ limit: 10_000 })).toEqual(before);
          expect((await vacuum(after, ["vacuum"])).outcome).toBe("done");
          expect(freePages(after)).toBe(0);
        }
      });
    },
    60_000 * FAULT_ROUNDS,
  );
});
