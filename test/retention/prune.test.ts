import { describe, expect, it } from "bun:test";
import { statSync } from "node:fs";
import { openUsageDb, type UsageDb } from "../../src/index.ts";
import { parseSpan, pruneSnapshotsSync } from "../../src/retention/prune.ts";
import { errorOf, errorOfAsync } from "../support/error-of.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { clockedDb, NOON } from "../support/usage-db.ts";

const DAY = 86_400_000;
const HOUR = 3_600_000;

function fill(db: UsageDb, ages: readonly number[]): void {
  db.snapshots.insertMany(
    ages.map((age, i) => ({ session_id: "s", snapshot_data: { i }, timestamp: db.now() - age })),
  );
}

describe("db.prune()", () => {
  it("deletes what is older than the window, to the millisecond, and says what went and what stayed", async () => {
    using clocked = clockedDb();
    fill(clocked.db, [30 * DAY + 1, 30 * DAY, 30 * DAY - 1, 0, 400 * DAY]);
    const report = await clocked.db.prune({ olderThanMs: 30 * DAY });
    expect(report).toMatchObject({
      cutoff: NOON - 30 * DAY,
      expired: 2,
      deleted: 2,
      kept: 3,
      oldestKeptAt: NOON - 30 * DAY,
      isDryRun: false,
      busyCheckpoints: 0,
    });
    expect(clocked.db.snapshots.list().map(({ timestamp }) => NOON - timestamp)).toEqual([
      0,
      30 * DAY - 1,
      30 * DAY,
    ]);
  });

  it("counts without deleting when asked to", async () => {
    using clocked = clockedDb();
    fill(clocked.db, [31 * DAY, 1]);
    expect(await clocked.db.prune({ olderThanMs: 30 * DAY, dryRun: true })).toMatchObject({
      expired: 1,
      deleted: 0,
      kept: 1,
      oldestKeptAt: NOON - 1,
      isDryRun: true,
    });
    expect(clocked.db.snapshots.list()).toHaveLength(2);
  });

  it("keeps sessions, messages and hours", async () => {
    using clocked = clockedDb();
    fill(clocked.db, [31 * DAY]);
    await clocked.db.prune({ olderThanMs: 30 * DAY });
    expect(clocked.db.sessions.get("s")).not.toBeNull();
  });

  it("deletes many rows in chunks, whatever the order of their times and the gaps in their ids", async () => {
    using clocked = clockedDb();
    const { db } = clocked;
    fill(
      db,
      Array.from({ length: 5000 }, (_, i) => (i % 3 === 0 ? 1 : 31) * DAY + i),
    );
    db.connection.prepare("DELETE FROM usage_snapshots WHERE id BETWEEN 1200 AND 2900").run();
    const seen: number[] = [];
    const expired = Number(
      db.connection.readOnce(
        "SELECT count(*) FROM usage_snapshots WHERE timestamp < ?",
        NOON - 30 * DAY,
      )[0]?.[0],
    );
    const report = await db.prune({
      olderThanMs: 30 * DAY,
      onProgress: ({ deleted }) => seen.push(deleted),
    });
    expect(report).toMatchObject({ expired, deleted: expired });
    expect(seen.length).toBeGreaterThan(2);
    expect(
      db.connection.readOnce(
        "SELECT count(*) FROM usage_snapshots WHERE timestamp < ?",
        NOON - 30 * DAY,
      ),
    ).toEqual([[0]]);
  });

  it("leaves the event loop free between chunks and the WAL small", async () => {
    using folder = tempFolder();
    using clocked = clockedDb(folder.at("usage.db"));
    const { db } = clocked;
    fill(
      db,
      Array.from({ length: 24_000 }, () => 31 * DAY),
    );
    let turns = 0;
    const timer = setInterval(() => turns++, 5);
    const report = await db.prune({ olderThanMs: 30 * DAY });
    clearInterval(timer);
    expect(report.deleted).toBe(24_000);
    expect(turns).toBeGreaterThan(10);
    expect(statSync(folder.at("usage.db-wal")).size).toBeLessThan(1 << 20);
  });

  it("stops after the running chunk when it is aborted", async () => {
    using clocked = clockedDb();
    fill(
      clocked.db,
      Array.from({ length: 5000 }, () => 31 * DAY),
    );
    const stop = new AbortController();
    const pruning = clocked.db.prune({
      olderThanMs: 30 * DAY,
      signal: stop.signal,
      onProgress: () => stop.abort(),
    });
    const error = await errorOfAsync(pruning);
    expect(error.code).toBe("CANCELLED");
    expect(error.details["deleted"]).toBe(200);
    expect(clocked.db.snapshots.list({ limit: 10_000 })).toHaveLength(4800);
  });

  it("loses no row of another process that writes meanwhile", async () => {
    using folder = tempFolder();
    using clocked = clockedDb(folder.at("usage.db"), Date.now());
    fill(
      clocked.db,
      Array.from({ length: 15_000 }, () => 31 * DAY),
    );
    const writer = Bun.spawn(
      [
        process.execPath,
        "-e",
        `import { openUsageDb } from "./src/index.ts";
         const db = openUsageDb(process.argv[1]);
         let written = 0;
         process.stdout.write("ready");
         const end = Date.now() + 600;
         while (Date.now() < end) { db.snapshots.insert({ session_id: "writer", snapshot_data: { written } }); written++; }
         db.close();
         console.log(" " + written);`,
        folder.at("usage.db"),
      ],
      { stdout: "pipe", stderr: "inherit" },
    );
    const reader = writer.stdout.getReader();
    let output = new TextDecoder().decode((await reader.read()).value);
    const report = await clocked.db.prune({ olderThanMs: 30 * DAY });
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read())
      output += new TextDecoder().decode(chunk.value);
    const written = Number(output.split(" ").at(-1));
    expect(await writer.exited).toBe(0);
    expect(report.deleted).toBe(15_000);
    expect(written).toBeGreaterThan(0);
    expect(clocked.db.snapshots.list({ sessionId: "writer", limit: 1_000_000 })).toHaveLength(
      written,
    );
  });

  it.each([
    [{ olderThanMs: 0 }, "VALUE_INVALID"],
    [{ olderThanMs: HOUR - 1 }, "VALUE_INVALID"],
    [{ olderThanMs: Number.NaN }, "VALUE_INVALID"],
    [{}, "VALUE_INVALID"],
    [{ olderThan: DAY }, "OPTION_UNKNOWN"],
  ])("refuses %j and deletes nothing", async (options, code) => {
    using clocked = clockedDb();
    fill(clocked.db, [400 * DAY]);
    expect((await errorOfAsync(clocked.db.prune(options as never))).code as string).toBe(code);
    expect(clocked.db.snapshots.list()).toHaveLength(1);
  });
});

describe("db.prune() and the clock", () => {
  /** Snapshots of every age up to 40 days, written by a clock that was right. */
  function grown(): ReturnType<typeof clockedDb> {
    const clocked = clockedDb();
    fill(
      clocked.db,
      Array.from({ length: 41 }, (_, days) => days * DAY),
    );
    return clocked;
  }

  it("deletes nothing inside the window after a jump of a day", async () => {
    using clocked = grown();
    clocked.time += DAY;
    expect(await clocked.db.prune({ olderThanMs: 30 * DAY })).toMatchObject({
      cutoff: NOON - 30 * DAY,
      deleted: 10,
    });
  });

  it("catches up once something was written", async () => {
    using clocked = grown();
    clocked.time += DAY;
    clocked.db.snapshots.insert({ session_id: "s", snapshot_data: {} });
    expect(await clocked.db.prune({ olderThanMs: 30 * DAY })).toMatchObject({ deleted: 11 });
  });

  it.each([31 * DAY, 365 * DAY, 100 * 365 * DAY])(
    "refuses a jump of %d ms forward, and deletes nothing",
    async (jump) => {
      using clocked = grown();
      clocked.time += jump;
      const error = await errorOfAsync(clocked.db.prune({ olderThanMs: 30 * DAY }));
      expect(error.code).toBe("CLOCK_JUMPED");
      expect(error.hint).toContain("--trust-clock");
      expect(clocked.db.snapshots.list()).toHaveLength(41);
    },
  );

  it("refuses a clock that went back behind its own writes", async () => {
    using clocked = grown();
    clocked.time -= 2 * DAY;
    expect((await errorOfAsync(clocked.db.prune({ olderThanMs: 30 * DAY }))).code).toBe(
      "CLOCK_JUMPED",
    );
    expect(clocked.db.snapshots.list()).toHaveLength(41);
  });

  it.each([2, 20, 365])(
    "refuses a jump of %d days of an open database, even after a write",
    async (days) => {
      using clocked = grown();
      clocked.jump(days * DAY);
      clocked.db.snapshots.insert({ session_id: "s", snapshot_data: {} });
      expect((await errorOfAsync(clocked.db.prune({ olderThanMs: 10 * DAY }))).code).toBe(
        "CLOCK_JUMPED",
      );
      expect(clocked.db.snapshots.list()).toHaveLength(42);
    },
  );

  it("goes by the clock when told to trust it", async () => {
    using clocked = grown();
    clocked.time += 365 * DAY;
    expect(await clocked.db.prune({ olderThanMs: 30 * DAY, trustClock: true })).toMatchObject({
      deleted: 41,
      kept: 0,
    });
  });

  it("is not misled by a snapshot that claims to be from the future", async () => {
    using clocked = grown();
    clocked.db.snapshots.insert({
      session_id: "s",
      snapshot_data: {},
      timestamp: NOON + 500 * DAY,
    });
    clocked.time += 365 * DAY;
    expect((await errorOfAsync(clocked.db.prune({ olderThanMs: 30 * DAY }))).code).toBe(
      "CLOCK_JUMPED",
    );
  });
});

describe("pruneSnapshotsSync()", () => {
  it("does the same without promises", () => {
    using clocked = clockedDb();
    fill(clocked.db, [31 * DAY, 1]);
    expect(pruneSnapshotsSync(clocked.db, { olderThanMs: 30 * DAY })).toMatchObject({
      deleted: 1,
      kept: 1,
    });
  });

  it("prunes a file that another handle is reading, and says that a checkpoint was busy", () => {
    using folder = tempFolder();
    using clocked = clockedDb(folder.at("usage.db"));
    fill(
      clocked.db,
      Array.from({ length: 21_000 }, () => 31 * DAY),
    );
    using reader = openUsageDb(folder.at("usage.db"), { mode: "read" });
    reader.connection.runOnce("BEGIN");
    reader.connection.readOnce("SELECT count(*) FROM usage_snapshots");
    const report = pruneSnapshotsSync(clocked.db, { olderThanMs: 30 * DAY });
    reader.connection.runOnce("COMMIT");
    expect(report.deleted).toBe(21_000);
    expect(report.busyCheckpoints).toBeGreaterThan(0);
  });
});

describe("parseSpan()", () => {
  it("reads hours, days and weeks, and nothing else", () => {
    expect([parseSpan("x", "12h"), parseSpan("x", "30d"), parseSpan("x", " 2w ")]).toEqual([
      12 * HOUR,
      30 * DAY,
      14 * DAY,
    ]);
    for (const text of ["", "30", "d", "-3d", "0d", "1.5d", "30 days", "3m"]) {
      expect(errorOf(() => parseSpan("--older-than", text)).details["field"]).toBe("--older-than");
    }
  });
});
