/** drizzle's migrator as its documentation has it: `bun bench/peers/drizzle-migrate.ts DIRECTORY DATABASE`. */
import { Database } from "bun:sqlite";
import { drizzle } from "drizzle-orm/bun-sqlite";
import { migrate } from "drizzle-orm/bun-sqlite/migrator";

const [migrationsFolder = "", file = ""] = process.argv.slice(2);
const client = new Database(file);
migrate(drizzle({ client }), { migrationsFolder });
console.log("done");
client.close();
