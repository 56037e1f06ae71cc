/** Usage databases for tests: in memory, with a clock of their own. */
import { openUsageDb, type UsageDb } from "../../src/index.ts";

/** 2026-11-20 12:00 UTC. */
export const NOON = Date.UTC(2026, 10, 20, 12);

export interface ClockedDb extends Disposable {
  readonly db: UsageDb;
  /** What the database's clock says next; setting it lets the time pass. */
  time: number;
  /** Moves the clock without any time passing. */
  jump(ms: number): void;
}

/** A migrated database whose clock stands still until the test moves it. */
export function clockedDb(path = ":memory:", time: number = NOON): ClockedDb {
  const clock = { time, ranMs: 0 };
  // The machine runs as long as the clock says, unless a test makes them part.
  const db = openUsageDb(path, { now: () => clock.time, uptimeMs: () => clock.ranMs });
  return {
    db,
    get time() {
      return clock.time;
    },
    set time(value) {
      clock.ranMs += value - clock.time;
      clock.time = value;
    },
    jump(ms) {
      clock.time += ms;
    },
    [Symbol.dispose]: () => db.close(),
  };
}

/** The plan of a statement, one line a step. */
export function queryPlan(db: UsageDb, sql: string): string {
  return db.connection
    .readOnce(`EXPLAIN QUERY PLAN ${sql}`)
    .map((row) => String(row[3]))
    .join("\n");
}
