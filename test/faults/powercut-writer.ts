/**
 * A program that uses a database as an agent does, step after step, and acknowledges each:
 * `bun powercut-writer.ts FOLDER NORMAL|FULL SEED STEPS`. An acknowledgement is a truncation of the file `acks` to the
 * step's number: a call that stands in the log of calls, in its order.
 */
import { ftruncateSync, openSync } from "node:fs";
import { openUsageDb, type UsageDb } from "../../src/index.ts";
import { checkpoint } from "../../src/engine/sqlite/checkpoint.ts";
import { chance } from "../support/fault-rounds.ts";
import { whole } from "./row.ts";
import { takeStep } from "./powercut-steps.ts";

const [folder = "", sync = "NORMAL", seed = "0", steps = "0"] = process.argv.slice(2);
const synchronous = sync === "FULL" ? "FULL" : "NORMAL";
const dice = chance(Number(seed));
const acks = openSync(`${folder}/acks`, "w");
const open = (): UsageDb => openUsageDb(`${folder}/usage.db`, { synchronous });

let db = open();
for (let step = 1; step <= Number(steps); step++) {
  takeStep(db, step, dice);
  ftruncateSync(acks, step);
  const chanceOf = whole(dice, 30);
  if (chanceOf < 2) checkpoint(db.connection, 0);
  else if (chanceOf < 4) db.connection.readOnce("PRAGMA wal_checkpoint(PASSIVE)");
  else if (chanceOf < 5) await db.prune({ olderThanMs: 30 * 86_400_000 });
  else if (chanceOf < 6) {
    db.close();
    db = open();
  }
}
db.close();
