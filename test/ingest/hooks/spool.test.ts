import {
  appendFileSync,
  existsSync,
  linkSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "bun:test";
import { drainBeside, drainSpool, drainWholeSpool } from "../../../src/ingest/hooks/drain-spool.ts";
import { type HookEvent, readHookEvent } from "../../../src/ingest/hooks/hook-event.ts";
import { Spool, spoolPath } from "../../../src/ingest/hooks/spool.ts";
import { openUsageDb, type UsageDb } from "../../../src/index.ts";
import { codeOf } from "../../support/error-of.ts";
import { chance, FAULT_ROUNDS, withSeed } from "../../support/fault-rounds.ts";
import { holdLock } from "../../support/held-lock.ts";
import { killAtCall, NO_KILLS_AT_CALLS } from "../../support/kill-at-call.ts";
import { type TempFolder, tempFolder } from "../../support/temp-folder.ts";
import { NOON } from "../../support/usage-db.ts";

const PROCESS = join(import.meta.dir, "../../support/spool-process.ts");

function eventOf(number: number, timestamp = NOON + number): HookEvent {
  const body = JSON.stringify({ session_id: "s", hook_event_name: "Stop", number });
  return readHookEvent(body, { receivedAt: timestamp, keep: new Set(), sourceApp: "test" });
}

/** The numbers of the stored events, sorted. */
function numbersIn(db: UsageDb): number[] {
  return db.events
    .recent(1_000_000)
    .map(({ payload }) => (JSON.parse(payload) as { number: number }).number)
    .sort((a, b) => a - b);
}

interface Fixture extends Disposable {
  readonly folder: TempFolder;
  readonly db: UsageDb;
  readonly spool: Spool;
}

function fixture(): Fixture {
  const folder = tempFolder();
  const db = openUsageDb(folder.at("x.db"), { busyTimeoutMs: 0 });
  const spool = new Spool(spoolPath(db.connection.path));
  return {
    folder,
    db,
    spool,
    [Symbol.dispose]: () => {
      spool.close();
      db.close();
      folder[Symbol.dispose]();
    },
  };
}

describe("Spool", () => {
  it("is a private file of JSON lines beside the database, gone when it was brought in", () => {
    using at = fixture();
    at.spool.append([eventOf(1), eventOf(2)]);
    expect(statSync(at.spool.path).mode & 0o777).toBe(0o600);
    const lines = readFileSync(at.spool.path, "utf8").split("\n").filter(Boolean);
    expect(lines.map((line) => (JSON.parse(line) as HookEvent).payload["number"])).toEqual([1, 2]);
    expect(at.spool.sizeBytes()).toBeGreaterThan(100);
    expect(drainBeside(at.db, NOON)).toEqual({ stored: 2, repeated: 0, refused: 0 });
    expect(readdirSync(at.folder.path).filter((name) => name.includes("spool"))).toEqual([]);
    expect(at.spool.sizeBytes()).toBe(0);
    expect(drainBeside(at.db, NOON)).toEqual({ stored: 0, repeated: 0, refused: 0 });
  });

  it("takes events of the same name into the file that is there now, after the first was taken", () => {
    using at = fixture();
    at.spool.append([eventOf(1)]);
    const [taken] = at.spool.take(NOON);
    at.spool.append([eventOf(2)]);
    expect(drainWholeSpool(at.db, at.spool, NOON).stored).toBe(2);
    expect(numbersIn(at.db)).toEqual([1, 2]);
    expect(existsSync(taken ?? "")).toBe(false);
  });

  it("refuses a link, a folder and a pipe in its place", () => {
    using at = fixture();
    symlinkSync(at.folder.at("elsewhere"), at.spool.path);
    expect(codeOf(() => at.spool.append([1]))).toBe("SPOOL_FAILED");
    expect(existsSync(at.folder.at("elsewhere"))).toBe(false);
    const folder = new Spool(at.folder.path);
    expect(codeOf(() => folder.append([1]))).toBe("SPOOL_FAILED");
    Bun.spawnSync(["mkfifo", at.folder.at("pipe")]);
    const pipe = new Spool(at.folder.at("pipe"));
    expect(codeOf(() => pipe.append([1]))).toBe("SPOOL_FAILED");
  });

  it("refuses a file that has another name, and adds nothing to it", () => {
    using at = fixture();
    writeFileSync(at.folder.at("victim"), "precious");
    linkSync(at.folder.at("victim"), at.spool.path);
    expect(codeOf(() => at.spool.append([1]))).toBe("SPOOL_FAILED");
    expect(readFileSync(at.folder.at("victim"), "utf8")).toBe("precious");
  });

  it("names a pipe and a link that are called like taken files, and waits for neither", () => {
    using at = fixture();
    writeFileSync(at.folder.at("victim"), JSON.stringify(eventOf(1)));
    symlinkSync(at.folder.at("victim"), `${at.spool.path}-1-1-x`);
    expect(codeOf(() => drainBeside(at.db, NOON))).toBe("SPOOL_FAILED");
    unlinkSync(`${at.spool.path}-1-1-x`);
    Bun.spawnSync(["mkfifo", `${at.spool.path}-2-2-x`]);
    at.spool.append([eventOf(2)]);
    expect(codeOf(() => drainBeside(at.db, NOON))).toBe("SPOOL_FAILED");
    unlinkSync(`${at.spool.path}-2-2-x`);
    expect(drainBeside(at.db, NOON)).toMatchObject({ stored: 1 });
  });

  it("loses one record to a write that was cut short, and keeps what is left of it for people", () => {
    using at = fixture();
    at.spool.append([eventOf(1)]);
    appendFileSync(at.spool.path, '\n{"fingerprint":"torn');
    at.spool.append([eventOf(2)]);
    expect(drainBeside(at.db, NOON)).toEqual({ stored: 2, repeated: 0, refused: 1 });
    expect(readFileSync(`${at.spool.path}.refused`, "utf8")).toContain("torn");
  });

  it("does not let one event that no table takes keep the others out", () => {
    using at = fixture();
    const bad = { ...eventOf(2), timestamp: 5 };
    at.spool.append([eventOf(1), bad, eventOf(3)]);
    expect(drainBeside(at.db, NOON)).toEqual({ stored: 2, repeated: 0, refused: 1 });
    expect(numbersIn(at.db)).toEqual([1, 3]);
    expect(readFileSync(`${at.spool.path}.refused`, "utf8")).toContain('\\"number\\":2');
  });

  it("passes over a taken file that is no file of events at all", () => {
    using at = fixture();
    writeFileSync(`${at.spool.path}-1-1-x`, Buffer.from([0, 255, 10, 0, 1, 2]));
    expect(drainBeside(at.db, NOON)).toMatchObject({ stored: 0, refused: 2 });
  });

  it("waits while the database is busy, and is whole afterwards", async () => {
    using at = fixture();
    at.spool.append([eventOf(1)]);
    {
      await using _lock = await holdLock(at.db.connection.path);
      expect(codeOf(() => drainBeside(at.db, NOON))).toBe("DATABASE_BUSY");
      at.spool.append([eventOf(2)]);
      // However often it is tried: one file that was taken, and the spool.
      for (let times = 0; times < 3; times++)
        expect(codeOf(() => drainBeside(at.db, NOON + times))).toBe("DATABASE_BUSY");
      const names = readdirSync(at.folder.path).filter((name) => name.includes("spool"));
      expect(names).toHaveLength(2);
    }
    expect(drainBeside(at.db, NOON).stored).toBe(2);
  });

  it("stores each event once when its reader stops half-way", () => {
    using at = fixture();
    const events = Array.from({ length: 250 }, (_, number) => eventOf(number));
    at.spool.append(events);
    // One batch of three is committed, then the process is gone.
    drainSpool(at.db, at.spool, NOON).next();
    expect(numbersIn(at.db)).toHaveLength(100);
    expect(drainBeside(at.db, NOON)).toEqual({ stored: 150, repeated: 100, refused: 0 });
    expect(numbersIn(at.db)).toEqual(events.map((_, number) => number));
  });

  it("stores the same words again when a minute lies between them, and within it once", () => {
    using at = fixture();
    const at3 = [0, 59_000, 61_000].map((ms) => eventOf(7, NOON + ms));
    at.spool.append(at3);
    expect(drainBeside(at.db, NOON)).toMatchObject({ stored: 2, repeated: 1 });
    at.spool.append(at3);
    expect(drainBeside(at.db, NOON)).toMatchObject({ stored: 0, repeated: 3 });
  });

  // Strategy: processes append and drain at once; each is killed at a moment of chance and followed by another.
  // Invariants: what an appender called safe is stored, and nothing is stored twice.
  it("keeps every event once, whoever is killed when", async () => {
    using at = fixture();
    const dice = chance();
    const path = at.db.connection.path;
    const safe = new Set<number>();
    const spawn = (...argv: string[]): Bun.Subprocess<"ignore", "pipe", "inherit"> =>
      Bun.spawn([process.execPath, PROCESS, ...argv], { stdout: "pipe", stderr: "inherit" });
    const kill = async (child: Bun.Subprocess, afterMs: number): Promise<void> => {
      await Bun.sleep(afterMs);
      child.kill("SIGKILL");
      await child.exited;
    };
    await withSeed(dice, async () => {
      // A busy machine may need more rounds until enough was appended for the kills to mean something.
      const isEnough = (round: number): boolean =>
        (round >= 3 * FAULT_ROUNDS && safe.size > 100) || round >= 30 * FAULT_ROUNDS;
      for (let round = 0; !isEnough(round); round++) {
        const appenders = [0, 1].map((which) =>
          spawn("append", path, `${round * 20_000 + which * 10_000}`, "10000"),
        );
        const drainers = [spawn("drain", path, "1000"), spawn("drain", path, "1000")];
        const texts = appenders.map((child) => child.stdout.text());
        await Promise.all([
          ...appenders.map((child) => kill(child, 150 + dice.next() * 150)),
          ...drainers.map((child) => kill(child, 100 + dice.next() * 200)),
        ]);
        for (const text of await Promise.all(texts))
          for (const line of text.split("\n").slice(0, -1)) safe.add(Number(line));
      }
      drainBeside(at.db, Date.now());
      const stored = numbersIn(at.db);
      expect(stored).toHaveLength(new Set(stored).size);
      expect([...safe].filter((number) => !stored.includes(number))).toEqual([]);
      expect(safe.size).toBeGreaterThan(100);
    });
  }, 60_000);

  it.skipIf(NO_KILLS_AT_CALLS !== null)(
    "keeps every event once when its reader is killed before any of its calls",
    async () => {
      using folder = tempFolder();
      const killer = await killAtCall(folder);
      const dice = chance();
      await withSeed(dice, async () => {
        const argv = (path: string): string[] => [PROCESS, "drain", path, "1"];
        const prepare = (name: string): string => {
          const path = folder.at(name);
          openUsageDb(path).close();
          using spool = new Spool(spoolPath(path));
          spool.append(Array.from({ length: 120 }, (_, number) => eventOf(number)));
          return path;
        };
        const calls = await killer.count(argv(prepare("whole.db")));
        expect(calls).toBeGreaterThan(5);
        for (let round = 0; round < 8 * FAULT_ROUNDS; round++) {
          const path = prepare(`${round}.db`);
          await killer.kill(argv(path), 1 + Math.floor(dice.next() * calls));
          using db = openUsageDb(path);
          drainBeside(db, NOON);
          expect(numbersIn(db)).toEqual(Array.from({ length: 120 }, (_, number) => number));
        }
      });
    },
    60_000,
  );
});
