import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "bun:test";
import { readBundleEntries, renderBundle } from "../../src/engine/bundle.ts";
import { directorySource } from "../../src/engine/directory.ts";
import { openConnection } from "../../src/engine/sqlite/open.ts";
import { ownMigrations } from "../../src/store/schema.ts";
import { sections, writeMigrations } from "../support/migration-directory.ts";
import { migratorOver } from "../support/migrating.ts";
import { tempFolder } from "../support/temp-folder.ts";

const SRC = join(import.meta.dir, "../../src");

const FILES = {
  "001_a.sql": sections("CREATE TABLE a (x);", "DROP TABLE a;"),
  "002_b.up.sql": "CREATE TABLE b (x);",
  "002_b.down.sql": "DROP TABLE b;",
  "003_c.ts": `import { TABLE } from "./names.ts";
export const up = (db: { exec(sql: string): void }) => db.exec("CREATE TABLE " + TABLE + " (x)");
export const down = (db: { exec(sql: string): void }) => db.exec("DROP TABLE " + TABLE);`,
  "names.ts": `export const TABLE = "c";`,
};

/** A program of somebody's own, with our command line inside. */
const PROGRAM = `
import { bundleSource, createMigrator, createSqliteDriver, openConnection } from "${SRC}/migrate.ts";
import { main } from "${SRC}/cli/main.ts";
import { migrations } from "./bundle.ts";
const [command, ...rest] = process.argv.slice(2);
if (command === "usagedb") process.exitCode = await main({ argv: rest, env: process.env });
else {
  using connection = openConnection(rest[0]);
  const source = bundleSource(migrations, "the bundle");
  const migrator = createMigrator({ driver: createSqliteDriver(connection), source });
  const { applied, ...report } = migrator[command](command === "rollback" ? { target: 0 } : undefined);
  console.log(JSON.stringify(report));
}
`;

describe("a compiled program", () => {
  it("migrates up, reports and rolls back in an empty folder, without the directory", async () => {
    using folder = tempFolder();
    const directory = writeMigrations(folder.at("build", "m"), FILES);
    const bundle = renderBundle(readBundleEntries(directorySource(directory)), {
      typesFrom: `${SRC}/migrate.ts`,
      modulesFrom: "./m",
    });
    writeFileSync(folder.at("build", "bundle.ts"), bundle);
    writeFileSync(folder.at("build", "main.ts"), PROGRAM);
    using before = openConnection(folder.at("directory.db"));
    migratorOver(before, directorySource(directory)).up();
    before.close();
    const run = async (cwd: string, ...command: string[]): Promise<string> => {
      const child = Bun.spawn(command, {
        cwd,
        env: { PATH: "", HOME: cwd },
        stdout: "pipe",
        stderr: "pipe",
      });
      const [stdout, stderr, exitCode] = await Promise.all([
        child.stdout.text(),
        child.stderr.text(),
        child.exited,
      ]);
      expect({ command, stderr: exitCode === 0 ? "" : stderr, exitCode }).toEqual({
        command,
        stderr: "",
        exitCode: 0,
      });
      return stdout;
    };
    const program = folder.at("program");
    const flags = ["--compile", "--no-compile-autoload-dotenv", "--no-compile-autoload-bunfig"];
    await run(
      folder.at("build"),
      process.execPath,
      "build",
      ...flags,
      "main.ts",
      "--outfile",
      program,
    );
    rmSync(folder.at("build"), { recursive: true });
    const empty = folder.at("empty");
    mkdirSync(empty);
    const own = async (...argv: string[]): Promise<unknown> =>
      JSON.parse(await run(empty, program, ...argv));

    const steps = [1, 2, 3].map((version) => ({ direction: "up", version }));
    expect(await own("up", "x.db")).toMatchObject({ toVersion: 3, steps });
    expect(await own("up", "x.db")).toMatchObject({ toVersion: 3, steps: [] });
    expect(await own("status", "x.db")).toMatchObject({ currentVersion: 3, pendingCount: 0 });
    // Migrated from the directory once: the compiled program sees nothing to do, and no edit.
    expect(await own("up", "../directory.db")).toMatchObject({ toVersion: 3, steps: [] });
    expect(await own("status", "../directory.db")).toMatchObject({
      standings: steps.map(({ version }) => ({ version, state: "applied" })),
    });
    expect(await own("rollback", "x.db")).toMatchObject({ fromVersion: 3, toVersion: 0 });

    const newest = ownMigrations().versions().at(-1);
    const usagedb = (...argv: string[]) =>
      own("usagedb", "migrate", ...argv, "--db", "u.db", "--json");
    expect(await usagedb("up")).toMatchObject({ fromVersion: 0, toVersion: newest });
    expect(await usagedb("status")).toMatchObject({ currentVersion: newest, pendingCount: 0 });
    expect(await usagedb("validate")).toMatchObject({ isValid: true });
    expect(await usagedb("rollback", "0")).toMatchObject({ fromVersion: newest, toVersion: 0 });
    expect(readdirSync(empty).filter((name) => !name.includes(".db"))).toEqual([]);
  }, 60_000);
});
