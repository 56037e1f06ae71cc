import { describe, expect, it } from "bun:test";
import type { UsageDb } from "../../src/index.ts";
import { trustedNow } from "../../src/retention/clock.ts";
import { type Chance, chance, FAULT_ROUNDS, withSeed } from "../support/fault-rounds.ts";
import { type ClockedDb, clockedDb, NOON } from "../support/usage-db.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const TYPES = ["stats", "session"] as const;

interface Row {
  readonly id: number;
  readonly session: string;
  readonly type: string;
  readonly at: number;
}

/** What the policies mean, in the plainest way: every row is looked at against every other. */
class Model {
  rows: Row[] = [];
  readonly #progress = new Map<string, number>();

  thin(now: number, hourlyMs: number | null, dailyMs: number | null): void {
    const borders = [
      ["day", dailyMs, DAY, HOUR],
      // Another border of the days leaves more or less to the hours.
      [`hour ${dailyMs}`, hourlyMs, HOUR, 60_000],
    ] as const;
    let from = 0;
    for (const [name, afterMs, unit, step] of borders) {
      if (afterMs === null) continue;
      const to = now - afterMs - ((now - afterMs) % step);
      if (to > (this.#progress.get(name) ?? 0)) {
        const inRange = ({ at }: Row): boolean => at >= from && at < to;
        const isSurplus = (row: Row): boolean =>
          this.rows.some(
            (other) =>
              isSameKind(row, other) &&
              isLater(other, row) &&
              unitOf(other, unit) === unitOf(row, unit),
          );
        this.rows = this.rows.filter((row) => !(inRange(row) && isSurplus(row)));
        this.#progress.set(name, to);
      }
      from = to;
    }
  }

  prune(now: number, maxAgeMs: number | null, maxRows: number | null): void {
    if (maxAgeMs !== null) this.rows = this.rows.filter(({ at }) => at >= now - maxAgeMs);
    if (maxRows === null) return;
    this.rows = this.rows.filter(
      (row) =>
        this.rows.filter((other) => other.session === row.session && isLater(other, row)).length <
          maxRows || !this.rows.some((other) => isSameKind(row, other) && isLater(other, row)),
    );
  }
}

const isSameKind = (a: Row, b: Row): boolean => a.session === b.session && a.type === b.type;
const isLater = (a: Row, b: Row): boolean => a.at > b.at || (a.at === b.at && a.id > b.id);
const unitOf = ({ at }: Row, unit: number): number => Math.floor(at / unit);

const idsOf = (db: UsageDb): number[] =>
  db.connection.readOnce("SELECT id FROM usage_snapshots ORDER BY id").map(([id]) => Number(id));

const countsOf = (db: UsageDb): string[] =>
  db.connection
    .readOnce(
      "SELECT day, session_id, snapshot_type, snapshot_count FROM v_snapshots ORDER BY 1, 2, 3",
    )
    .map((row) => row.join(" "));

function expectedCounts(all: readonly Row[]): string[] {
  const counts = new Map<string, number>();
  for (const { at, session, type } of all) {
    const key = `${new Date(at).toISOString().slice(0, 10)} ${session} ${type}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].map(([key, count]) => `${key} ${count}`).sort();
}

describe("thin and prune, against a model that looks at every row", () => {
  it("keep what the policies say, count what they delete, and never touch what is inside a window", async () => {
    const dice = chance();
    await withSeed(dice, async () => {
      for (let round = 0; round < 4 * FAULT_ROUNDS; round++) {
        using clocked = clockedDb();
        await playRound(clocked, dice);
      }
    });
  }, 60_000);
});

async function playRound(clocked: ClockedDb, dice: Chance): Promise<void> {
  const { db } = clocked;
  const pick = <T>(list: readonly T[]): T => list[Math.floor(dice.next() * list.length)] as T;
  const model = new Model();
  const all: Row[] = [];
  const insert = (at: number): void => {
    const [session, type] = [pick(["a", "b"]), pick(TYPES)];
    const { id } = db.snapshots.insert({
      session_id: session,
      snapshot_type: type,
      snapshot_data: { at },
      timestamp: at,
    });
    const row = { id, session, type, at };
    model.rows.push(row);
    all.push(row);
  };
  for (let i = 0; i < 120; i++)
    insert(NOON - Math.floor(dice.next() * pick([2 * DAY, 3 * DAY, 40 * DAY])));
  for (let i = 0; i < 20; i++)
    insert(NOON - 30 * HOUR + pick([0, 1, HOUR - 1, HOUR, DAY]) - pick([0, DAY]));
  for (let step = 0; step < 4; step++) {
    const hourly = pick([null, HOUR, DAY, DAY, 3 * DAY]);
    const daily = pick([null, DAY, 10 * DAY, 30 * DAY]);
    const maxAge = pick([null, null, null, 5 * DAY, 35 * DAY]);
    const maxRows = pick([null, null, null, 1, 7, 40]);
    db.retention.set("snapshots", "hourly_after_ms", hourly);
    db.retention.set("snapshots", "daily_after_ms", daily);
    db.retention.set("snapshots", "max_age_ms", maxAge);
    db.retention.set("snapshots", "max_rows_per_session", maxRows);
    const now = trustedNow(db, false);
    const estimates = await db.maintain({ jobs: ["thin"], dryRun: true });
    const before = idsOf(db).length;
    model.thin(now, hourly, daily);
    const thinned = await db.maintain({ jobs: ["thin"] });
    expect(thinned.jobs[0]?.error).toBeUndefined();
    expect(idsOf(db)).toEqual(model.rows.map(({ id }) => id).sort((a, b) => a - b));
    expect(estimates.jobs[0]?.rows).toBe(before - model.rows.length);
    const ahead = await db.maintain({ jobs: ["prune"], dryRun: true });
    const beforePrune = model.rows.length;
    model.prune(now, maxAge, maxRows);
    expect((await db.maintain({ jobs: ["prune"] })).jobs[0]?.error).toBeUndefined();
    expect(idsOf(db)).toEqual(model.rows.map(({ id }) => id).sort((a, b) => a - b));
    expect(ahead.jobs[0]?.rows).toBe(beforePrune - model.rows.length);
    expect(countsOf(db)).toEqual(expectedCounts(all));
    clocked.time += Math.floor(dice.next() * pick([HOUR, 3 * DAY, 5 * DAY]));
    for (let i = 0; i < 10; i++) {
      const at = clocked.time - Math.floor(dice.next() * pick([1000, DAY, 40 * DAY]));
      for (let twin = 0; twin < 4; twin++) insert(at - twin * pick([0, 1000, HOUR]));
    }
    insert(clocked.time);
  }
}
