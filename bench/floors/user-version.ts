/**
 * The least a migration script can do, as one writes it by hand: the names in the directory, one pragma, one
 * comparison, one line. It keeps no ledger and notices no edited, missing or late file.
 *
 *   bun bench/floors/user-version.ts DIRECTORY DATABASE
 */
import { Database } from "bun:sqlite";
import { readdirSync, readFileSync } from "node:fs";

const [directory = "", file = ""] = process.argv.slice(2);
const names = readdirSync(directory)
  .filter((name) => name.endsWith(".sql"))
  .sort();
const database = new Database(file);
const row = database.query("PRAGMA user_version").values()[0];
const version = Number(row?.[0]);
const pending = names.filter((name) => Number.parseInt(name, 10) > version);
for (const name of pending) {
  database.run("BEGIN IMMEDIATE");
  database.run(readFileSync(`${directory}/${name}`, "utf8"));
  database.run(`PRAGMA user_version = ${Number.parseInt(name, 10)}`);
  database.run("COMMIT");
}
console.log(
  pending.length === 0 ? `Nothing to do: version ${version}.` : `Applied ${pending.length}.`,
);
database.close();
