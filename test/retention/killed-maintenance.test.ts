/**
 * Strategy: maintenance that folds, thins and prunes is killed with SIGKILL again and again, at random moments.
 * Invariants: after each kill everything that can be asked of usage, events and snapshots has the answer that it had
 * before, the database is sound, and the run that is let through finishes the work.
 * USAGEDB_FAULT_ROUNDS multiplies the kills.
 */
import { describe, expect, it } from "bun:test";
import { openUsageDb, type UsageDb, verifyRollups } from "../../src/index.ts";
import { reportPeriods } from "../../src/report/periods.ts";
import { chance, FAULT_ROUNDS, withSeed } from "../support/fault-rounds.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { NOON } from "../support/usage-db.ts";
import { message } from "../support/usage-message.ts";

const KILLS = 6 * FAULT_ROUNDS;
const ROWS = 1500 * KILLS;
const DAY = 86_400_000;
const JOBS = ["fold", "thin", "prune"];

function fill(path: string): void {
  using db = openUsageDb(path, { now: () => NOON });
  const at = (i: number): number => NOON - DAY - Math.floor((i * 60 * DAY) / ROWS);
  db.messages.record(
    Array.from({ length: ROWS }, (_, i) => message({ message_id: `m${i}`, timestamp: at(i) })),
  );
  db.snapshots.insertMany(
    Array.from({ length: ROWS }, (_, i) => ({
      session_id: `s${i % 5}`,
      snapshot_data: { i },
      timestamp: at(i),
    })),
  );
  db.connection.transaction(() => {
    for (let i = 0; i < ROWS; i++)
      db.events.insert({
        source_app: "app",
        session_id: "s0",
        hook_event_type: "Stop",
        payload: { i },
        timestamp: at(i),
        dedupe_key: `key ${i}`,
      });
  });
  db.retention.set("messages", "max_age_ms", 2 * DAY);
  db.retention.set("events", "max_age_ms", 2 * DAY);
}

function said(db: UsageDb): unknown {
  return [
    reportPeriods(db, { timeZone: "Asia/Kolkata" }),
    db.connection.readOnce("SELECT * FROM v_events ORDER BY 1"),
    db.connection.readOnce(
      "SELECT day, session_id, snapshot_type, snapshot_count FROM v_snapshots",
    ),
    verifyRollups(db),
  ];
}

const rowsLeft = (db: UsageDb): number =>
  ["usage_message_rows", "usage_snapshots", "events"].reduce(
    (sum, table) => sum + Number(db.connection.readOnce(`SELECT count(*) FROM ${table}`)[0]?.[0]),
    0,
  );

describe("maintenance that is killed", () => {
  it(
    "leaves every sum as it was, and is finished by the next run",
    async () => {
      const dice = chance();
      await withSeed(dice, async () => {
        using folder = tempFolder();
        const path = folder.at("usage.db");
        fill(path);
        using db = openUsageDb(path, { now: () => NOON });
        const before = said(db);
        let killedAtWork = 0;
        const start = (): Bun.Subprocess =>
          Bun.spawn(
            [process.execPath, "test/support/maintain-process.ts", path, String(NOON), ...JOBS],
            {
              stdout: "ignore",
              stderr: "inherit",
            },
          );
        for (let kill = 0; kill < KILLS; kill++) {
          const rows = rowsLeft(db);
          const child = start();
          while (child.exitCode === null && rowsLeft(db) === rows) await Bun.sleep(2);
          await Bun.sleep(dice.next() * 40);
          child.kill("SIGKILL");
          await child.exited;
          if (child.signalCode === "SIGKILL") killedAtWork++;
          expect(said(db)).toEqual(before);
        }
        expect(killedAtWork).toBeGreaterThan(KILLS / 2);
        expect(await start().exited).toBe(0);
        expect(said(db)).toEqual(before);
        expect(db.migrations.validate().isValid).toBe(true);
        expect(db.messages.count()).toBeLessThan(ROWS / 20);
        expect(db.maintenanceRuns.list().filter(({ outcome }) => outcome === "running")).toEqual(
          [],
        );
      });
    },
    30_000 * FAULT_ROUNDS,
  );
});
