/** A process that reads a database and does not come to an end: `bun wal-reader.ts FILE`. */
import { Database } from "bun:sqlite";

const db = new Database(process.argv[2] ?? "", { readwrite: true });
db.run("BEGIN");
db.query("SELECT count(*) FROM sqlite_schema").get();
console.log("reading");
await Bun.stdin.text();
db.close(true);
