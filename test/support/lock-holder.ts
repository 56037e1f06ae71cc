/** A process that holds a database's write lock until its standard input ends: `bun lock-holder.ts FILE`. */
import { Database } from "bun:sqlite";

const db = new Database(process.argv[2] ?? "", { readwrite: true });
// Whoever is about to be kept out may be writing at this moment.
db.run("PRAGMA busy_timeout = 5000");
db.run("BEGIN IMMEDIATE");
console.log("locked");
await Bun.stdin.text();
db.close(true);
