/** umzug over a folder of SQL files: `bun bench/peers/umzug-migrate.ts DIRECTORY DATABASE`. */
import { readFileSync } from "node:fs";
import { Database } from "bun:sqlite";
import { Umzug } from "umzug";

const [cwd = "", file = ""] = process.argv.slice(2);
const database = new Database(file);
database.run("CREATE TABLE IF NOT EXISTS umzug_migrations (name TEXT PRIMARY KEY) STRICT");
const umzug = new Umzug({
  migrations: {
    glob: ["*.sql", { cwd }],
    resolve: ({ name, path, context }) => ({
      name,
      up: async () => {
        context.transaction(() => context.run(readFileSync(path ?? "", "utf8")))();
      },
    }),
  },
  context: database,
  storage: {
    executed: async ({ context }) =>
      context
        .query("SELECT name FROM umzug_migrations ORDER BY name")
        .values()
        .map(([name]) => String(name)),
    logMigration: async ({ name, context }) => {
      context.query("INSERT INTO umzug_migrations (name) VALUES (?)").run(name);
    },
    unlogMigration: async ({ name, context }) => {
      context.query("DELETE FROM umzug_migrations WHERE name = ?").run(name);
    },
  },
  logger: undefined,
});
await umzug.up();
console.log("done");
database.close();
