/** A program that goes on with the steps it finds and prints the number of each that is committed: `… DB`. */
import { writeSync } from "node:fs";
import { openUsageDb } from "../../src/index.ts";
import { chance } from "../support/fault-rounds.ts";
import { stepsIn, takeStep } from "./powercut-steps.ts";

using db = openUsageDb(process.argv[2] ?? "");
const dice = chance(1);
for (let step = stepsIn(db.connection).steps + 1; ; step++) {
  takeStep(db, step, dice);
  writeSync(1, `${step}\n`);
}
