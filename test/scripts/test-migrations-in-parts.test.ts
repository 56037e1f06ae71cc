import { expect, it } from "bun:test";
import { join } from "node:path";
import { writeMigrations } from "../support/migration-directory.ts";
import { tempFolder } from "../support/temp-folder.ts";

const SCRIPT = join(import.meta.dir, "..", "..", "scripts", "test-migrations.ts");

it("proves a directory with a batched migration and one without a transaction, kills included", async () => {
  using folder = tempFolder();
  writeMigrations(folder.at("m"), {
    "1_items.sql":
      "-- migrate:up\nCREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT);\n-- migrate:down\nDROP TABLE items;",
    "2_shout.ts": `import { batched } from "${process.cwd()}/src/migrate.ts";
const work = (sql: string) => batched({ table: "items", run: (db, { where }) => { db.run(sql + where); } });
export const up = work("UPDATE items SET name = upper(name) WHERE ");
export const down = work("UPDATE items SET name = lower(name) WHERE ");`,
    "3_compact.sql":
      "-- migrate:up transaction:false\nCREATE TABLE a (x);\nVACUUM;\nCREATE TABLE b (x);\nVACUUM;\n-- migrate:down transaction:false\nDROP TABLE a;\nDROP TABLE b;",
  });
  const child = Bun.spawn(
    [process.execPath, SCRIPT, "--dir", folder.at("m"), "--rows", "5", "--torture", "6"],
    { stdout: "pipe", stderr: "pipe" },
  );
  const stdout = await new Response(child.stdout).text();
  expect([await child.exited, /✗.*/.exec(stdout)?.[0]]).toEqual([0, undefined]);
  expect(stdout).toContain("all exit 0, 3 version(s) applied once");
}, 30_000);
