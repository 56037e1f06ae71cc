/**
 * Strategy: the clock jumps while a database is open, or before it is opened again; rows are pruned then. And times in
 * seconds are handed over where milliseconds belong, by the API, past it, and in an old file that is adopted.
 * Invariant: nothing that is younger than the window, by the true time, is deleted.
 */
import { openUsageDb, UsageDbError } from "../../src/index.ts";
import type { Chance } from "../support/fault-rounds.ts";
import { adoptFile, insertRow, oldFile } from "../support/events-db.ts";
import { tempFolder, type TempFolder } from "../support/temp-folder.ts";
import { NOON } from "../support/usage-db.ts";
import { Failures, type FaultRow, type RowResult, type RowRun, whole } from "./row.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const JUMPS: Readonly<Record<string, number>> = {
  "an hour on": HOUR_MS,
  "an hour back": -HOUR_MS,
  "a day on": DAY_MS,
  "a day back": -DAY_MS,
  "a day and an hour on": DAY_MS + HOUR_MS,
  "a month on": 31 * DAY_MS,
  "a month back": -31 * DAY_MS,
  "a year on": 365 * DAY_MS,
  "a year back": -365 * DAY_MS,
  "to 1970": -NOON + 50 * 365 * DAY_MS - 40 * 365 * DAY_MS,
};

const MOMENTS = ["while it is open", "before it is opened", "while it is open, and rows by it"];

const codeOf = (error: unknown): string =>
  error instanceof UsageDbError ? error.code : String(error);

/** Prunes under a clock that jumped; returns what went that should have stayed. */
async function jump(
  folder: TempFolder,
  { byMs, moment, dice }: { byMs: number; moment: string; dice: Chance },
): Promise<string[]> {
  const path = folder.at("usage.db");
  const clock = { time: NOON, ranMs: 0 };
  const options = { now: () => clock.time, uptimeMs: () => clock.ranMs };
  const windowMs = (1 + whole(dice, 60)) * DAY_MS;
  let db = openUsageDb(path, options);
  const ages = Array.from({ length: 60 }, () => whole(dice, 2 * windowMs)).concat([0, windowMs]);
  db.snapshots.insertMany(
    ages.map((age) => ({ session_id: "s", snapshot_data: { age }, timestamp: NOON - age })),
  );
  const owed = ages.filter((age) => age <= windowMs).length;
  if (moment === "before it is opened") db.close();
  clock.time += byMs;
  if (moment === "before it is opened") db = openUsageDb(path, options);
  if (moment.endsWith("rows by it"))
    db.snapshots.insert({ session_id: "wrong", snapshot_data: {} });
  const wrong: string[] = [];
  try {
    await db.prune({ olderThanMs: windowMs });
  } catch (error) {
    if (codeOf(error) !== "CLOCK_JUMPED") wrong.push(codeOf(error));
  }
  const left = db.snapshots.list({ sessionId: "s", sinceMs: NOON - windowMs, limit: 1000 }).length;
  if (left !== owed) wrong.push(`${owed - left} of ${owed} young rows went`);
  db.close();
  return wrong;
}

/** Hands seconds over in every way there is. */
async function mixUnits(folder: TempFolder): Promise<string[]> {
  const wrong: string[] = [];
  const seconds = Math.floor((NOON - HOUR_MS) / 1000);
  using db = openUsageDb(folder.at("usage.db"), { now: () => NOON, uptimeMs: () => 0 });
  db.snapshots.insert({ session_id: "own", snapshot_data: {} });
  try {
    db.snapshots.insert({ session_id: "api", snapshot_data: {}, timestamp: seconds });
    wrong.push("seconds were taken by the API");
  } catch (error) {
    if (codeOf(error) !== "VALUE_INVALID") wrong.push(codeOf(error));
  }
  try {
    db.connection.runOnce(
      `INSERT INTO usage_snapshots (session_id, snapshot_data, timestamp) VALUES ('own', '{}', ${seconds})`,
    );
    wrong.push("seconds were taken by the table");
  } catch (error) {
    if (!String(error).includes("CHECK")) wrong.push(String(error));
  }
  const path = oldFile(folder.at("events.db"), (old) => {
    for (const timestamp of [seconds, NOON - HOUR_MS])
      insertRow(old, "usage_snapshots", { session_id: "adopted", snapshot_data: "{}", timestamp });
  });
  adoptFile(db, path);
  await db.prune({ olderThanMs: 2 * HOUR_MS });
  const kept = db.snapshots.list({ sessionId: "adopted" }).length;
  if (kept !== 2) wrong.push(`${kept} of 2 adopted rows of an hour ago stayed`);
  return wrong;
}

async function run(options: RowRun): Promise<RowResult> {
  const failures = new Failures("clocks", options);
  let tried = 0;
  for (let round = 0; round < options.rounds; round++) {
    for (const [name, byMs] of Object.entries(JUMPS)) {
      for (const moment of MOMENTS) {
        using folder = tempFolder();
        const dice = options.chanceOf(round);
        for (const wrong of await jump(folder, { byMs, moment, dice }))
          failures.add(round, `${name}, ${moment}: ${wrong}`);
        tried++;
      }
    }
    using folder = tempFolder();
    for (const wrong of await mixUnits(folder)) failures.add(round, `mixed units: ${wrong}`);
    tried++;
  }
  return { tried: options.rounds, failures: failures.lines, figures: { jumps: tried } };
}

export const clocks: FaultRow = {
  name: "clocks",
  fault: "the clock jumps by an hour to a year, either way; seconds for milliseconds",
  target: "nothing inside the window is deleted",
  unit: "rounds of all",
  shortRounds: 1,
  longRounds: 50,
  skip: null,
  run,
};
