/** kysely's migrator over a folder: `bun bench/peers/kysely-migrate.ts DIRECTORY DATABASE`. */
import { promises as fs } from "node:fs";
import path from "node:path";
import { FileMigrationProvider, Migrator } from "kysely/migration";
import { openKysely } from "./kysely-sqlite.ts";

const [migrationFolder = "", file = ""] = process.argv.slice(2);
const db = openKysely(file);
const migrator = new Migrator({
  db,
  provider: new FileMigrationProvider({ fs, path, migrationFolder }),
});
const { error } = await migrator.migrateToLatest();
if (error !== undefined) throw error;
console.log("done");
await db.destroy();
