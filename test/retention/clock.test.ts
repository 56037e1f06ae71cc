import { describe, expect, it } from "bun:test";
import { openUsageDb, type UsageDb } from "../../src/index.ts";
import { errorOfAsync } from "../support/error-of.ts";
import { chance, FAULT_ROUNDS, withSeed } from "../support/fault-rounds.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { NOON } from "../support/usage-db.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const WINDOW = 30 * DAY;

/** A machine with a clock that may be wrong, and processes that come and go on it. */
class Machine {
  /** What really passed since noon. */
  trueMs = 0;
  wrongMs = 0;
  #bootedAtMs = -DAY;
  #boots = 1;

  get now(): number {
    return NOON + this.trueMs + this.wrongMs;
  }

  pass(ms: number): void {
    this.trueMs += ms;
  }

  reboot(offMs: number): void {
    this.trueMs += offMs;
    this.#bootedAtMs = this.trueMs;
    this.#boots++;
  }

  open(path: string, { isNamed = true } = {}): UsageDb {
    return openUsageDb(path, {
      now: () => this.now,
      uptimeMs: () => this.trueMs - this.#bootedAtMs,
      bootId: () => (isNamed ? `boot ${this.#boots}` : ""),
    });
  }
}

const write = (db: UsageDb): number =>
  db.snapshots.insert({ session_id: "s", snapshot_data: {} }).id;

/** A database with a snapshot an hour of the last 40 days, in which maintenance has run. */
function grown(machine: Machine, path: string, isNamed = true): void {
  using db = machine.open(path, { isNamed });
  db.snapshots.insertMany(
    Array.from({ length: 40 * 24 }, (_, hours) => ({
      session_id: `s${hours}`,
      snapshot_data: {},
      timestamp: machine.now - hours * HOUR,
    })),
  );
}

const prune = (db: UsageDb): Promise<number> =>
  db.prune({ olderThanMs: WINDOW }).then(({ deleted }) => deleted);

describe("the clock, after the database was closed", () => {
  it.each([2 * DAY, 20 * DAY, 365 * DAY, -2 * DAY, -365 * DAY])(
    "refuses a jump of %d ms that rows were written by, and says why",
    async (jump) => {
      using folder = tempFolder();
      const path = folder.at("usage.db");
      const machine = new Machine();
      grown(machine, path);
      {
        using db = machine.open(path);
        await prune(db);
      }
      machine.pass(HOUR);
      machine.wrongMs = jump;
      {
        using db = machine.open(path);
        write(db);
      }
      using db = machine.open(path);
      const error = await errorOfAsync(prune(db));
      expect(error.code).toBe("CLOCK_JUMPED");
      expect(error.message).toContain("since maintenance ran last, and the machine did not");
    },
  );

  it("goes on when the clock was put right", async () => {
    using folder = tempFolder();
    const path = folder.at("usage.db");
    const machine = new Machine();
    grown(machine, path);
    using db = machine.open(path);
    await prune(db);
    machine.wrongMs = 20 * DAY;
    expect((await errorOfAsync(prune(db))).code).toBe("CLOCK_JUMPED");
    machine.wrongMs = 0;
    machine.pass(HOUR);
    write(db);
    expect(await prune(db)).toBe(1);
  });

  it("believes a clock that it is told to trust, from then on", async () => {
    using folder = tempFolder();
    const path = folder.at("usage.db");
    const machine = new Machine();
    grown(machine, path);
    {
      using db = machine.open(path);
      await prune(db);
    }
    machine.wrongMs = 5 * DAY;
    using db = machine.open(path);
    write(db);
    expect((await errorOfAsync(prune(db))).code).toBe("CLOCK_JUMPED");
    expect((await db.prune({ olderThanMs: WINDOW, trustClock: true })).deleted).toBe(5 * 24);
    machine.pass(HOUR);
    write(db);
    expect(await prune(db)).toBe(1);
  });

  it("counts days in which the machine was off only after the clock has stood for a week", async () => {
    using folder = tempFolder();
    const path = folder.at("usage.db");
    const machine = new Machine();
    grown(machine, path);
    {
      using db = machine.open(path);
      expect(await prune(db)).toBe(239);
    }
    machine.reboot(10 * DAY);
    machine.pass(HOUR);
    using db = machine.open(path);
    write(db);
    expect(await prune(db)).toBe(1);
    for (let hours = 0; hours < 6 * 24; hours += 12) {
      machine.pass(12 * HOUR);
      write(db);
      await prune(db);
    }
    machine.pass(25 * HOUR);
    write(db);
    expect(await prune(db)).toBe(25 + 10 * 24);
  });

  it("refuses a clock that says that the machine was off for longer than a month", async () => {
    using folder = tempFolder();
    const path = folder.at("usage.db");
    const machine = new Machine();
    grown(machine, path);
    {
      using db = machine.open(path);
      await prune(db);
    }
    machine.reboot(HOUR);
    machine.wrongMs = 31 * DAY;
    using db = machine.open(path);
    write(db);
    const error = await errorOfAsync(prune(db));
    expect(error.code).toBe("CLOCK_JUMPED");
    expect(error.message).toContain("was off for 31 days");
  });

  it("needs no name for the starts of a machine to hold back what the clock alone tells", async () => {
    using folder = tempFolder();
    const path = folder.at("usage.db");
    const machine = new Machine();
    grown(machine, path, false);
    {
      using db = machine.open(path, { isNamed: false });
      await prune(db);
    }
    machine.pass(HOUR);
    machine.wrongMs = 20 * DAY;
    using db = machine.open(path, { isNamed: false });
    write(db);
    expect(await prune(db)).toBe(1);
  });

  it("deletes nothing inside the window, however clock, machine and processes go", async () => {
    const dice = chance();
    const jumps = [30_000, HOUR, 20 * HOUR, DAY, 2 * DAY, 29 * DAY, 365 * DAY].flatMap((ms) => [
      ms,
      -ms,
    ]);
    await withSeed(dice, async () => {
      for (let round = 0; round < 5 * FAULT_ROUNDS; round++) {
        using folder = tempFolder();
        const path = folder.at("usage.db");
        const machine = new Machine();
        grown(machine, path);
        const writtenAt = new Map<number, number>();
        let db = machine.open(path);
        await prune(db);
        for (const { id, timestamp } of db.snapshots.list({ limit: 100_000 }))
          writtenAt.set(id, timestamp - NOON);
        for (let step = 0; step < 12; step++) {
          const what = dice.next();
          machine.pass(Math.floor(dice.next() * 6 * HOUR));
          if (what < 0.4) machine.wrongMs += jumps[Math.floor(dice.next() * jumps.length)] ?? 0;
          else if (what < 0.5) machine.wrongMs = 0;
          else if (what < 0.7) {
            db.close();
            db = machine.open(path);
          }
          if (machine.wrongMs === 0) writtenAt.set(write(db), machine.trueMs);
          else write(db);
          await prune(db).catch((error: { code?: string }) =>
            expect(error.code).toBe("CLOCK_JUMPED"),
          );
          const kept = new Set(db.snapshots.list({ limit: 100_000 }).map(({ id }) => id));
          const lost = [...writtenAt].filter(
            ([id, at]) => !kept.has(id) && machine.trueMs - at < WINDOW - 5 * 60_000 * 12,
          );
          expect(lost).toEqual([]);
        }
        db.close();
      }
    });
  }, 60_000);
});
