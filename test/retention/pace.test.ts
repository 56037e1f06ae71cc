import { describe, expect, it } from "bun:test";
import { statSync } from "node:fs";
import { Pace } from "../../src/retention/pace.ts";
import { openUsageDb } from "../../src/index.ts";
import { errorOfAsync } from "../support/error-of.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { clockedDb } from "../support/usage-db.ts";

describe("Pace", () => {
  it("makes chunks smaller when they take long and larger when they do not, within its bounds", async () => {
    using clocked = clockedDb();
    const pace = new Pace({ connection: clocked.db.connection, maxMs: 0 });
    const seen: number[] = [];
    for (const tookMs of [1, 9, 1, 9, 9, 9, 6, 1]) {
      await pace.after(tookMs);
      seen.push(pace.chunkRows);
    }
    expect(seen).toEqual([400, 200, 400, 200, 100, 50, 50, 100]);
    pace.boundChunks(1, 4);
    expect(pace.chunkRows).toBe(4);
    await pace.after(100);
    await pace.after(100);
    await pace.after(100);
    expect(pace.chunkRows).toBe(1);
  });

  it("pauses for 7 ms at least, and twice as long as the chunk took", async () => {
    using clocked = clockedDb();
    const pace = new Pace({ connection: clocked.db.connection });
    const pauseAfter = async (tookMs: number): Promise<number> => {
      const startedAt = performance.now();
      expect(await pace.after(tookMs)).toBe(true);
      return performance.now() - startedAt;
    };
    expect(await pauseAfter(0)).toBeGreaterThanOrEqual(6);
    expect(await pauseAfter(40)).toBeGreaterThanOrEqual(78);
  });

  it("says that the time is over, and does not pause past it", async () => {
    using clocked = clockedDb();
    const pace = new Pace({ connection: clocked.db.connection, maxMs: 60_000 });
    expect(await pace.after(0)).toBe(true);
    expect(await pace.after(100_000)).toBe(false);
    expect(pace.remainingMs).toBeGreaterThan(0);
    const over = new Pace({ connection: clocked.db.connection, maxMs: 0 });
    expect([await over.after(0), over.remainingMs]).toEqual([false, 0]);
  });

  it("is interrupted by its signal, in a pause too", async () => {
    using clocked = clockedDb();
    const stop = new AbortController();
    const pace = new Pace({ connection: clocked.db.connection, signal: stop.signal });
    const pausing = pace.after(600_000);
    stop.abort();
    expect((await errorOfAsync(pausing)).code).toBe("CANCELLED");
    expect((await errorOfAsync(pace.after(0))).code).toBe("CANCELLED");
    expect((await errorOfAsync(pace.write(() => 1, "write"))).code).toBe("CANCELLED");
  });

  it("keeps the WAL small, and counts the checkpoints that a reader is in the way of", async () => {
    using folder = tempFolder();
    const path = folder.at("usage.db");
    using clocked = clockedDb(path);
    const { connection } = clocked.db;
    connection.runOnce("CREATE TABLE filler (x BLOB)");
    const fill = (): void => connection.runOnce("INSERT INTO filler VALUES (zeroblob(10000000))");
    const pace = new Pace({ connection });
    fill();
    expect(statSync(`${path}-wal`).size).toBeGreaterThan(8 << 20);
    await pace.after(0);
    expect(statSync(`${path}-wal`).size).toBe(0);
    expect(pace.busyCheckpoints).toBe(0);
    using reader = openUsageDb(path, { mode: "read" });
    reader.connection.runOnce("BEGIN");
    reader.connection.readOnce("SELECT count(*) FROM filler");
    fill();
    await pace.after(0);
    expect(pace.busyCheckpoints).toBe(1);
    reader.connection.runOnce("COMMIT");
  });

  it("waits for another writer without holding the event loop, and writes once", async () => {
    using folder = tempFolder();
    using clocked = clockedDb(folder.at("usage.db"));
    using other = openUsageDb(folder.at("usage.db"));
    other.connection.runOnce("BEGIN IMMEDIATE");
    let turns = 0;
    const timer = setInterval(() => {
      if (++turns === 10) other.connection.runOnce("COMMIT");
    }, 5);
    const pace = new Pace({ connection: clocked.db.connection });
    await pace.write(() => clocked.db.sessions.ensure("s"), "write");
    clearInterval(timer);
    expect(turns).toBeGreaterThanOrEqual(10);
    expect(clocked.db.sessions.get("s")).not.toBeNull();
  });

  it("gives up on a writer that never ends when its own time is over", async () => {
    using folder = tempFolder();
    using clocked = clockedDb(folder.at("usage.db"));
    using other = openUsageDb(folder.at("usage.db"));
    other.connection.runOnce("BEGIN IMMEDIATE");
    const pace = new Pace({ connection: clocked.db.connection, maxMs: 50 });
    expect((await errorOfAsync(pace.write(() => 1, "write"))).code).toBe("DATABASE_BUSY");
    other.connection.runOnce("ROLLBACK");
  });
});
