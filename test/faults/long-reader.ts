/** Stays in a reading transaction until its standard input ends: `bun long-reader.ts DB`. */
import { writeSync } from "node:fs";
import { Database } from "bun:sqlite";

const db = new Database(process.argv[2] ?? "", { readonly: true });
db.run("BEGIN");
db.query("SELECT count(*) FROM usage_snapshots").get();
writeSync(1, "ready");
await Bun.stdin.text();
db.close(true);
