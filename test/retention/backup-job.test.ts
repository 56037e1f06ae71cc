import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "bun:test";
import { restoreDatabase } from "../../src/engine/sqlite/restore.ts";
import { openConnection } from "../../src/engine/sqlite/open.ts";
import { openUsageDb, type UsageDb } from "../../src/index.ts";
import type { JobReport } from "../../src/retention/job.ts";
import { chance, FAULT_ROUNDS, withSeed } from "../support/fault-rounds.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { clockedDb, NOON } from "../support/usage-db.ts";

const DAY = 86_400_000;

async function backUp(db: UsageDb): Promise<JobReport> {
  const { jobs } = await db.maintain({ jobs: ["backup"] });
  return jobs[0] as JobReport;
}

describe("the backup job", () => {
  it("makes a verified copy beside the database, for its owner only", async () => {
    using folder = tempFolder();
    using clocked = clockedDb(folder.at("a.db"));
    clocked.db.snapshots.insert({ session_id: "s", snapshot_data: {} });
    const { outcome, bytes, detail } = await backUp(clocked.db);
    const path = folder.at("backups", "a.db.20261120T120000000Z.backup");
    expect({ outcome, detail }).toMatchObject({
      outcome: "done",
      detail: { path, brokenRows: [], deleted: [], leftAlone: [] },
    });
    expect(bytes).toBe(statSync(path).size);
    const modes = ["", path, `${path}.sha256`].map(
      (file) => statSync(file === "" ? folder.at("backups") : file).mode & 0o777,
    );
    expect(modes).toEqual([0o700, 0o600, 0o600]);
    expect((await restoreDatabase(path, folder.at("b.db"))).rows["usage_snapshots"]).toBe(1);
  });

  it("runs once a day unless it is named, and lets old ones go", async () => {
    using folder = tempFolder();
    using clocked = clockedDb(folder.at("a.db"));
    const { db } = clocked;
    const backups = (): string[] =>
      readdirSync(folder.at("backups")).filter((name) => name.endsWith(".backup"));
    await db.maintain();
    await db.maintain();
    expect(backups()).toHaveLength(1);
    await backUp(db);
    await backUp(db);
    // Of one day the oldest went; two always stay.
    expect(backups().sort()).toEqual([
      "a.db.20261120T120000001Z.backup",
      "a.db.20261120T120000002Z.backup",
    ]);
    clocked.time += DAY;
    await db.maintain();
    expect(backups().sort()).toEqual([
      "a.db.20261120T120000002Z.backup",
      "a.db.20261121T120000000Z.backup",
    ]);
  });

  it("deletes nothing that it did not make, or that is no longer what it made, and names it", async () => {
    using folder = tempFolder();
    using clocked = clockedDb(folder.at("a.db"));
    const { db } = clocked;
    const at = (name: string): string => folder.at("backups", name);
    for (let run = 0; run < 5; run++) {
      await backUp(db);
      clocked.time += 1000;
    }
    // Whatever bears such a name: without a hash, a link, somebody else's, edited.
    writeFileSync(at("a.db.20250101T000000000Z.backup"), "no hash");
    symlinkSync(folder.at("a.db"), at("a.db.20250102T000000000Z.backup"));
    writeFileSync(at("b.db.20250103T000000000Z.backup"), "of another database");
    writeFileSync(at("before-the-great-change.db"), "by hand");
    writeFileSync(at("a.db.20250104T000000000Z.backup"), "edited");
    writeFileSync(at("a.db.20250104T000000000Z.backup.sha256"), "0".repeat(64));
    writeFileSync(at("a.db.20261120T110000000Z.backup"), "edited");
    writeFileSync(at("a.db.20261120T110000000Z.backup.sha256"), "0".repeat(64));
    const { detail } = await backUp(db);
    const left = (detail["leftAlone"] as { path: string; observed: string }[]).map(
      ({ path, observed }) => [path.slice(folder.at("backups").length + 1), observed],
    );
    expect(left).toContainEqual([
      "a.db.20250101T000000000Z.backup",
      "there is no SHA-256 beside it",
    ]);
    expect(left).toContainEqual(["a.db.20250102T000000000Z.backup", "it is no regular file"]);
    expect(left).toContainEqual([
      "a.db.20261120T110000000Z.backup",
      "its SHA-256 is not the one written beside it",
    ]);
    for (const [name] of left) expect(existsSync(at(String(name)))).toBe(true);
    for (const name of ["b.db.20250103T000000000Z.backup", "before-the-great-change.db"])
      expect(existsSync(at(name))).toBe(true);
  });

  it("gives up when its time is over, and leaves nothing behind", async () => {
    using folder = tempFolder();
    using clocked = clockedDb(folder.at("a.db"));
    const { jobs } = await clocked.db.maintain({ jobs: ["backup"], maxMs: 5 });
    expect(jobs[0]).toMatchObject({ outcome: "partial", detail: { reason: "its time was over" } });
    expect(readdirSync(folder.at("backups"))).toEqual([]);
    const stop = new AbortController();
    stop.abort();
    const cancelled = await clocked.db.maintain({ jobs: ["backup"], signal: stop.signal });
    expect(cancelled.jobs[0]?.reason).toBe("cancelled");
  });

  it("leaves the backups before migrations alone", async () => {
    using folder = tempFolder();
    using clocked = clockedDb(folder.at("a.db"));
    const safety = folder.at("a.db.20200101T000000000Z-v3.backup");
    writeFileSync(safety, "");
    await backUp(clocked.db);
    await backUp(clocked.db);
    expect(existsSync(safety)).toBe(true);
  });

  it("refuses a planted link in the folder's place", async () => {
    using folder = tempFolder();
    using clocked = clockedDb(folder.at("a.db"));
    mkdirSync(folder.at("elsewhere"));
    chmodSync(folder.at("elsewhere"), 0o755);
    symlinkSync(folder.at("elsewhere"), folder.at("backups"));
    expect(await backUp(clocked.db)).toMatchObject({
      outcome: "failed",
      error: { code: "DATABASE_CANNOT_OPEN" },
    });
    expect(readdirSync(folder.at("elsewhere"))).toEqual([]);
  });

  it("says that a database in memory has nothing beside it", async () => {
    using clocked = clockedDb();
    expect(await backUp(clocked.db)).toMatchObject({
      outcome: "done",
      detail: { skipped: "a database in memory" },
    });
  });

  /**
   * Strategy: a process backs up, and is killed at a random moment, its side processes are left to themselves.
   * Invariants: whatever has a backup's name is whole; the next run makes one and sweeps what was left.
   */
  it(
    "leaves only whole backups when it is killed at any moment",
    async () => {
      const dice = chance();
      await withSeed(dice, async () => {
        using folder = tempFolder();
        const path = folder.at("a.db");
        {
          using db = openUsageDb(path);
          const rows = Array.from({ length: 4000 }, (_, n) => ({
            session_id: "s",
            snapshot_data: { n, text: crypto.randomUUID().repeat(20) },
          }));
          db.snapshots.insertMany(rows);
        }
        const script = `import { openUsageDb } from "${join(import.meta.dir, "../../src/index.ts")}";
        const db = openUsageDb(process.argv[1]);
        console.log("begun");
        await db.maintain({ jobs: ["backup"] });`;
        for (let round = 0; round < 2 * FAULT_ROUNDS; round++) {
          const child = Bun.spawn([process.execPath, "-e", script, path], { stdout: "pipe" });
          await child.stdout.getReader().read();
          await Bun.sleep(dice.next() * 200);
          child.kill("SIGKILL");
          await child.exited;
          for (const name of existsSync(folder.at("backups"))
            ? readdirSync(folder.at("backups"))
            : []) {
            if (!name.endsWith(".backup")) continue;
            await restoreDatabase(folder.at("backups", name), folder.at("restored.db"));
            using restored = openConnection(folder.at("restored.db"));
            expect(restored.readOnce("SELECT count(*) FROM usage_snapshots")).toEqual([[4000]]);
          }
        }
        // What an orphan still writes to is gone by name already, or is swept by the run after the next.
        await Bun.sleep(100);
        using db = openUsageDb(path, { now: () => NOON + DAY, uptimeMs: () => 0 });
        expect(await backUp(db)).toMatchObject({ outcome: "done" });
        const names = readdirSync(folder.at("backups"));
        expect(names.filter((name) => name.includes("partial"))).toEqual([]);
        for (const name of names)
          if (name.endsWith(".sha256")) expect(names).toContain(name.slice(0, -".sha256".length));
      });
    },
    60_000 * FAULT_ROUNDS,
  );
});
