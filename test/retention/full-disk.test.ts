import { existsSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "bun:test";
import { ballastPath, keepBallast, releaseBallast } from "../../src/engine/sqlite/ballast.ts";
import { openUsageDb, UsageDbError, type UsageDb } from "../../src/index.ts";
import type { MaintenanceJob } from "../../src/retention/job.ts";
import { maintainWith } from "../../src/retention/maintain.ts";
import { checkpointJob } from "../../src/retention/checkpoint-job.ts";
import { vacuumJob } from "../../src/retention/vacuum-job.ts";
import { errorOf } from "../support/error-of.ts";
import { smallDisk, WHY_NO_SMALL_DISK } from "../support/small-disk.ts";
import { tempFolder } from "../support/temp-folder.ts";

/** Rows until nothing goes in any more; how many there are. */
function fillUp(db: UsageDb): { readonly rows: number; readonly error: UsageDbError } {
  for (let rows = 0; ; rows++) {
    try {
      db.snapshots.insert({
        session_id: `s${rows % 20}`,
        snapshot_data: "x"
          .repeat(400)
          .padEnd(402)
          .replace(/^.(.*).$/, '"$1"'),
      });
    } catch (error) {
      if (error instanceof UsageDbError) return { rows, error };
      throw error;
    }
  }
}

/** Deletes all but a tenth, as a prune does: chunk by chunk, at its pace. */
const deleteMost: MaintenanceJob = {
  name: "prune",
  description: "delete most of it",
  estimate: () => ({ rows: 0, bytes: 0, expectedMs: 0, staysAnswerable: "" }),
  async run({ store: { connection }, pace }) {
    const [[last] = []] = connection.readOnce("SELECT max(id) FROM usage_snapshots");
    const remove = connection.prepare("DELETE FROM usage_snapshots WHERE id BETWEEN ? AND ?");
    let rows = 0;
    for (let id = 1; id < Number(last) * 0.9; id += 250) {
      rows += await pace.write(() => remove.run(id, id + 249).changes, "delete");
      await pace.after();
    }
    return { outcome: "done", rows, bytes: 0, detail: {} };
  },
};

describe("maintenance on a full disk", () => {
  it.skipIf(WHY_NO_SMALL_DISK !== null)(
    `gives the ballast up, makes room, makes the ballast anew, and the program goes on (${WHY_NO_SMALL_DISK ?? "6 MB"})`,
    async () => {
      using disk = smallDisk(6);
      const path = join(disk.path, "usage.db");
      const db = openUsageDb(path);
      await db.maintain({ jobs: ["checkpoint"] });
      expect(statSync(ballastPath(path)).size).toBe(1 << 20);
      const { rows, error } = fillUp(db);
      expect(error.code).toBe("DATABASE_FULL");
      expect(db.connection.readOnce("SELECT count(*) FROM usage_snapshots")).toEqual([[rows]]);
      // Without the ballast nothing that makes room has any.
      expect(
        errorOf(() =>
          db.connection.transaction(() =>
            db.connection.prepare("DELETE FROM usage_snapshots").run(),
          ),
        ).code,
      ).toBe("DATABASE_FULL");
      const report = await maintainWith(db, [deleteMost, vacuumJob, checkpointJob], {
        jobs: ["vacuum"],
        maxMs: 60_000,
      });
      expect(report.jobs.map(({ job, outcome }) => `${job} ${outcome}`)).toEqual([
        "prune done",
        "vacuum done",
        "checkpoint done",
      ]);
      expect(existsSync(ballastPath(path))).toBe(true);
      expect(db.connection.readOnce("PRAGMA integrity_check")).toEqual([["ok"]]);
      for (let n = 0; n < rows / 2; n++)
        db.snapshots.insert({ session_id: "s", snapshot_data: { n, text: "x".repeat(380) } });
      db.close();
    },
  );

  it.skipIf(WHY_NO_SMALL_DISK !== null)(
    `recovers by the command when even opening needs room (${WHY_NO_SMALL_DISK ?? "6 MB"})`,
    async () => {
      using disk = smallDisk(6);
      const path = join(disk.path, "usage.db");
      const db = openUsageDb(path);
      await db.maintain({ jobs: ["checkpoint"] });
      const { rows } = fillUp(db);
      db.close();
      // What SQLite makes anew at the next opening, somebody else has the room of.
      rmSync(`${path}-shm`);
      Bun.spawnSync(["dd", "if=/dev/zero", `of=${join(disk.path, "other")}`, "bs=4096"], {
        stderr: "ignore",
      });
      expect(errorOf(() => openUsageDb(path)).code).toMatch(/^DATABASE_/);
      const bin = join(import.meta.dir, "../../src/cli/bin.ts");
      const child = Bun.spawn(
        [process.execPath, bin, "maintain", "checkpoint", "--db", path, "--json"],
        {
          env: { PATH: "" },
          stdout: "pipe",
          stderr: "pipe",
        },
      );
      const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
      expect({ exitCode: await child.exited, stderr }).toEqual({ exitCode: 0, stderr: "" });
      expect(JSON.parse(stdout)).toMatchObject({ isComplete: true });
      using after = openUsageDb(path);
      expect(after.connection.readOnce("SELECT count(*) FROM usage_snapshots")).toEqual([[rows]]);
    },
  );
});

describe("the ballast", () => {
  it("is made with room to spare, for its owner only, and released once", () => {
    using folder = tempFolder();
    const database = folder.at("a.db");
    expect(keepBallast(database)).toBe(true);
    const { size, mode } = statSync(ballastPath(database));
    expect({ size, mode: mode & 0o777 }).toEqual({ size: 4 << 20, mode: 0o600 });
    expect(keepBallast(database)).toBe(true);
    expect([releaseBallast(database), releaseBallast(database)]).toEqual([4 << 20, 0]);
    expect([keepBallast(":memory:"), releaseBallast(":memory:")]).toEqual([false, 0]);
  });

  it("is made anew when it was cut short", () => {
    using folder = tempFolder();
    const database = folder.at("a.db");
    keepBallast(database);
    const start = readFileSync(ballastPath(database)).subarray(0, 5000);
    writeFileSync(ballastPath(database), start);
    expect(keepBallast(database)).toBe(true);
    expect(statSync(ballastPath(database)).size).toBe(4 << 20);
  });

  it("leaves a file or a link of that name alone that is not ours", () => {
    using folder = tempFolder();
    const database = folder.at("a.db");
    writeFileSync(ballastPath(database), "a file of somebody's");
    expect([keepBallast(database), releaseBallast(database)]).toEqual([false, 0]);
    expect(readFileSync(ballastPath(database), "utf8")).toBe("a file of somebody's");
    symlinkSync(folder.at("target"), ballastPath(folder.at("b.db")));
    expect([keepBallast(folder.at("b.db")), releaseBallast(folder.at("b.db"))]).toEqual([false, 0]);
    expect(existsSync(folder.at("target"))).toBe(false);
  });
});

describe("maxBytes", () => {
  it("keeps the file below it, with a hint; deleting works, and others have no cap", () => {
    using folder = tempFolder();
    const path = folder.at("a.db");
    using db = openUsageDb(path, { maxBytes: 2_000_000 });
    const { rows, error } = fillUp(db);
    expect(error).toMatchObject({
      code: "DATABASE_FULL",
      hint: "Run `usagedb maintain`, which makes room by what is kept how long, or raise `maxBytes`.",
      details: { capBytes: 1_998_848 },
    });
    db.connection.prepare("DELETE FROM usage_snapshots WHERE id < 100").run();
    expect(fillUp(db).rows).toBeGreaterThan(50);
    expect(statSync(path).size).toBeLessThanOrEqual(2_000_000);
    using other = openUsageDb(path);
    other.snapshots.insert({ session_id: "s", snapshot_data: { text: "x".repeat(50_000) } });
    expect(rows).toBeGreaterThan(1000);
  });

  it.each([999_999, 1.5, "2 GB", Number.NaN])("refuses %p", (maxBytes) => {
    const error = errorOf(() => openUsageDb(":memory:", { maxBytes: maxBytes as number }));
    expect(error).toMatchObject({ code: "VALUE_INVALID", details: { field: "maxBytes" } });
  });
});
