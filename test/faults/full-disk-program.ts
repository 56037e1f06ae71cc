/**
 * Writes until the disk is full, makes room as `how` says, prunes and goes on, and prints what is wrong as a JSON
 * array: `bun full-disk-program.ts FOLDER SEED`.
 */
import { rmSync, writeFileSync } from "node:fs";
import { openUsageDb, type UsageDb, UsageDbError, verifyRollups } from "../../src/index.ts";
import { chance } from "../support/fault-rounds.ts";
import { takeStep, stepsIn } from "./powercut-steps.ts";
import { whole } from "./row.ts";
import { problemsOfPages } from "./soundness.ts";

const DAY_MS = 86_400_000;
const [folder = "", seed = "0"] = process.argv.slice(2);
const dice = chance(Number(seed));
const path = `${folder}/usage.db`;
const other = `${folder}/somebody-elses.bin`;
const wrong: string[] = [];

/** Steps until one finds no room; how many are acknowledged then. */
function fill(db: UsageDb, from: number): number {
  for (let step = from + 1; ; step++) {
    try {
      takeStep(db, step, dice);
    } catch (error) {
      const code = error instanceof UsageDbError ? error.code : String(error);
      if (code !== "DATABASE_FULL") wrong.push(`step ${step} failed with ${code}`);
      return step - 1;
    }
  }
}

function check(db: UsageDb, acked: number, when: string): void {
  const { steps, problems } = stepsIn(db.connection);
  const lost = steps === acked ? [] : [`${steps} steps of ${acked}`];
  for (const problem of [
    ...problemsOfPages(db.connection),
    ...verifyRollups(db),
    ...problems,
    ...lost,
  ])
    wrong.push(`${when}: ${problem}`);
}

writeFileSync(other, new Uint8Array((1 + whole(dice, 3)) * 1_000_000));
let db = openUsageDb(path);
// What a prune may take, many pages of it.
const text = "old ".repeat(500);
db.snapshots.insertMany(
  Array.from({ length: 400 }, () => ({
    session_id: "old",
    snapshot_data: { text },
    timestamp: db.now() - 40 * DAY_MS,
  })),
);
let acked = fill(db, 0);
check(db, acked, "on a full disk");
const isReopened = dice.next() < 0.5;
if (isReopened) {
  db.close();
  db = openUsageDb(path);
  check(db, acked, "opened on a full disk");
}
try {
  await db.prune({ olderThanMs: 30 * DAY_MS });
} catch (error) {
  const code = error instanceof UsageDbError ? error.code : String(error);
  if (code !== "DATABASE_FULL") wrong.push(`prune on a full disk failed with ${code}`);
}
check(db, acked, "after a prune on a full disk");
rmSync(other);
await db.prune({ olderThanMs: 30 * DAY_MS });
for (let step = 0; step < 20; step++) takeStep(db, ++acked, dice);
check(db, acked, "after room was made");
db.close();
db = openUsageDb(path);
check(db, acked, "opened again");
db.close();
process.stdout.write(JSON.stringify(wrong));
