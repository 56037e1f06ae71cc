import { describe, expect, it } from "bun:test";
import { writeFileSync } from "node:fs";
import { runMigrate, startMigrate } from "../../support/migrate-process.ts";
import { writeMigrations } from "../../support/migration-directory.ts";
import { tempFolder, type TempFolder } from "../../support/temp-folder.ts";

const ARGS = ["--db", "x.db", "--dir", "m"];

/** Slow until a file `fast` is there. */
const FILES = {
  "1_items.sql": `-- migrate:up
CREATE TABLE items (id INTEGER PRIMARY KEY, n INTEGER NOT NULL DEFAULT 0);
WITH RECURSIVE s (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 500) INSERT INTO items (id) SELECT i FROM s;
-- migrate:down
DROP TABLE items;`,
  "2_fill.ts": `import { existsSync } from "node:fs";
import { batched } from "${process.cwd()}/src/migrate.ts";
export const up = batched({ table: "items", firstRows: 1, run: (db, { where }) => {
  db.run(\`UPDATE items SET n = n + 1 WHERE \${where}\`);
  if (!existsSync("fast")) Bun.sleepSync(15);
} });`,
  "3_later.sql": "CREATE TABLE later (x);",
};

const run = (folder: TempFolder, ...args: readonly string[]) =>
  runMigrate([...args, ...ARGS], folder.path);

const statusOf = async (folder: TempFolder): Promise<Record<string, unknown>> =>
  JSON.parse((await run(folder, "status", "--json")).stdout) as Record<string, unknown>;

async function interrupted(folder: TempFolder): Promise<{ stderr: string; exitCode: number }> {
  writeMigrations(folder.at("m"), FILES);
  const child = startMigrate(ARGS, folder.path);
  while ((await statusOf(folder).catch(() => ({ unfinished: null })))["unfinished"] === null)
    await Bun.sleep(20);
  child.kill("SIGINT");
  const stderr = await new Response(child.stderr).text();
  return { stderr, exitCode: await child.exited };
}

describe("migrate with a batched migration", () => {
  it("stops at Ctrl-C with everything saved, says how far it is, and goes on", async () => {
    using folder = tempFolder();
    const { stderr, exitCode } = await interrupted(folder);
    expect(exitCode).toBe(130);
    expect(stderr).toMatch(
      /Cannot go on with 002_fill: it was interrupted at \d+ % \(\d+ of 500 rows\)/,
    );
    const { unfinished, pendingCount } = await statusOf(folder);
    expect(unfinished).toMatchObject({
      version: 2,
      direction: "up",
      unit: "rows",
      state: "running",
      total: 500,
    });
    expect(pendingCount).toBe(2);
    const table = await run(folder, "status", "--check");
    expect(table.stdout).toMatch(/002 +fill +UNFINISHED at \d+ % \(\d+ of 500 rows\)/);
    expect(table.stdout).toContain("Run `migrate up` to go on from there");
    expect(table.exitCode).toBe(3);
    writeFileSync(folder.at("fast"), "");
    const done = await run(folder, "up");
    expect(done).toMatchObject({
      exitCode: 0,
      stdout: "Applied 2 migration(s): version 1 -> 3.\n",
    });
    expect(await statusOf(folder)).toMatchObject({ unfinished: null, currentVersion: 3 });
  }, 20_000);

  it("clears the progress on request, and says what stays", async () => {
    using folder = tempFolder();
    await interrupted(folder);
    const list = await run(folder, "repair");
    expect(list.stdout).toContain("--clear 2   002_fill: its progress");
    expect(list.exitCode).toBe(3);
    expect((await run(folder, "repair", "--clear", "2", "--yes")).exitCode).toBe(0);
    expect(await statusOf(folder)).toMatchObject({ unfinished: null, pendingCount: 2 });
  }, 20_000);
});
