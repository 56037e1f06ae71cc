/**
 * Strategy: an events.db of 10,000 events and snapshots, in each of its two shapes, is adopted into a database
 * with rows of its own; the program is killed with SIGKILL at random moments on the way.
 * Invariants: after a kill the database is valid and has all of the old rows or none; in the end the printed
 * balance accounts for every row, `validate` is clean, and the old file is byte for byte what it was.
 */
import { describe, expect, it } from "bun:test";
import { readFileSync } from "node:fs";
import { openUsageDb } from "../../../src/index.ts";
import { fillEventsDb, oldFile } from "../../support/events-db.ts";
import { chance, FAULT_ROUNDS, withSeed } from "../../support/fault-rounds.ts";
import { startMigrate } from "../../support/migrate-process.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { spawnMigrate } from "../spawn-cli.ts";

const ROWS = 10_000;
const KILLS = FAULT_ROUNDS;
/** About as long as a run takes before it commits. */
const RUN_MS = 700;

interface Balance {
  readonly sessionsCreated: number;
  readonly tables: readonly {
    readonly table: string;
    readonly read: number;
    readonly broughtIn: number;
    readonly known: number;
    readonly left: number;
    readonly repairs: Readonly<Record<string, number>>;
    readonly remarks: Readonly<Record<string, number>>;
  }[];
}

describe.each([true, false])("an events.db of 10,000 rows, foreign key %p", (foreignKey) => {
  it(
    "is adopted whole, whatever is killed on the way",
    async () => {
      const dice = chance();
      const shape = { foreignKey, laterColumns: true };
      await withSeed(dice, async () => {
        using folder = tempFolder();
        let filling: ReturnType<typeof fillEventsDb> | undefined;
        const path = oldFile(
          folder.at("events.db"),
          (db) => (filling = fillEventsDb(db, shape, ROWS, dice)),
          shape,
        );
        const bytes = readFileSync(path);
        openUsageDb(folder.at("usage.db")).close();
        const adopt = ["adopt", "events.db", "--db", "usage.db", "--no-backup"];
        for (let kill = 0; kill < KILLS; kill++) {
          const child = startMigrate(adopt, folder.path);
          await Bun.sleep(dice.next() * RUN_MS);
          child.kill("SIGKILL");
          await child.exited;
          expect([0, ROWS]).toContain(validEvents(folder.at("usage.db")));
        }
        const isNew = validEvents(folder.at("usage.db")) === 0;
        const { stdout, exitCode } = await spawnMigrate([...adopt, "--json"], { cwd: folder.path });
        expect(exitCode).toBe(0);
        const balance = JSON.parse(stdout) as Balance;
        for (const [table, counts] of [
          ["events", filling?.events],
          ["usage_snapshots", filling?.snapshots],
        ] as const) {
          expect(balance.tables.find((row) => row.table === table)).toMatchObject({
            read: ROWS,
            broughtIn: isNew ? ROWS : 0,
            known: isNew ? 0 : ROWS,
            left: 0,
            ...(isNew
              ? { repairs: { seconds: counts?.seconds, "not-json": counts?.brokenJson } }
              : {}),
          });
        }
        const orphans = balance.tables.find(({ table }) => table === "usage_snapshots")?.remarks;
        if (isNew) expect(orphans?.["orphan"]).toBe(filling?.snapshots.orphans ?? -1);
        expect(validEvents(folder.at("usage.db"))).toBe(ROWS);
        const inSeconds = `SELECT
            (SELECT count(*) FROM events WHERE timestamp < 100000000000)
            + (SELECT count(*) FROM usage_snapshots WHERE timestamp < 100000000000)
            + (SELECT count(*) FROM usage_snapshots WHERE session_id NOT IN (SELECT session_id FROM sessions))`;
        using db = openUsageDb(folder.at("usage.db"));
        expect(db.connection.readOnce(inSeconds)).toEqual([[0]]);
        expect(readFileSync(path).equals(bytes)).toBe(true);
      });
    },
    30_000 * FAULT_ROUNDS,
  );
});

/** The rows that are there, after proving the database sound and both tables of the same age. */
function validEvents(path: string): number {
  using db = openUsageDb(path);
  expect(db.migrations.validate()).toMatchObject({ isValid: true, findings: [], notChecked: [] });
  const [[events, snapshots] = []] = db.connection.readOnce(
    "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM usage_snapshots)",
  );
  expect(snapshots).toBe(Number(events));
  return Number(events);
}
