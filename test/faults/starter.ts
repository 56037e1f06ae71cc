/** Waits until its standard input ends, opens a database and stores a row: `bun starter.ts DB NAME`. */
import { writeSync } from "node:fs";
import { openUsageDb } from "../../src/index.ts";

const [path = "", name = ""] = process.argv.slice(2);
writeSync(1, "ready");
await Bun.stdin.text();
using db = openUsageDb(path);
db.snapshots.insert({ session_id: `s${name}`, snapshot_data: {} });
