import { mkdirSync, writeFileSync } from "node:fs";
import { Database } from "bun:sqlite";
import { describe, expect, it } from "bun:test";
import { writeMigrations } from "../../support/migration-directory.ts";
import { tempFolder, type TempFolder } from "../../support/temp-folder.ts";
import { type CliResult, spawnMigrate } from "../spawn-cli.ts";

const FILES = { "001_users.sql": "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);" };
const SEED = "INSERT INTO users VALUES (1, 'a'), (2, 'b') ON CONFLICT DO NOTHING;\n";

interface Bench extends Disposable {
  readonly folder: TempFolder;
  run(...argv: string[]): Promise<CliResult>;
  users(): unknown[];
}

/** Migrations in `db/m`, a seed of `development` in the folder given, a migrated database. */
async function bench(seeds = "db/seeds"): Promise<Bench> {
  const folder = tempFolder();
  writeMigrations(folder.at("db", "m"), FILES);
  writeMigrations(folder.at(seeds), { "development.sql": SEED, "production.sql": "SELECT 1;" });
  const run = (...argv: string[]) =>
    spawnMigrate([...argv, "--dir", "db/m", "--db", "x.db"], { cwd: folder.path });
  await run("up");
  return {
    folder,
    run,
    users: () => {
      using db = new Database(folder.at("x.db"), { readonly: true });
      return db.query("SELECT name FROM users ORDER BY id").values().flat();
    },
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

describe.concurrent("migrate seed", () => {
  it.each(["db/seeds", "db/m/seeds"])(
    "finds %s, runs it, and has then nothing to do",
    async (seeds) => {
      using work = await bench(seeds);
      expect(await work.run("seed", "development", "--dry-run")).toEqual({
        stdout: `-- seed development (${seeds}/development.sql)\n${SEED}`,
        stderr: "",
        exitCode: 0,
      });
      expect(work.users()).toEqual([]);
      expect(await work.run("seed", "development")).toEqual({
        stdout: `Seeded development: 1 statement(s) of ${seeds}/development.sql (users 0 -> 2 row(s)).\n`,
        stderr: "",
        exitCode: 0,
      });
      expect(work.users()).toEqual(["a", "b"]);
      const again = await work.run("seed", "development", "--json");
      expect(again).toMatchObject({ stderr: "", exitCode: 0 });
      expect(JSON.parse(again.stdout)).toMatchObject({
        environment: "development",
        status: "up-to-date",
        tables: [],
      });
      expect((await work.run("seed", "development", "--dry-run")).stdout).toStartWith(
        "-- nothing to do",
      );
      expect(await work.run("status", "--check")).toMatchObject({ exitCode: 0 });
      expect(await work.run("validate")).toMatchObject({ exitCode: 0 });
      expect(await work.run("up")).toMatchObject({
        stdout: "Nothing to do: version 1 is the newest.\n",
      });
    },
  );

  it("refuses the wrong environment, pending migrations, a seed that is not there, and a slip", async () => {
    using work = await bench();
    expect(await work.run("seed", "production", "--mark")).toMatchObject({
      exitCode: 0,
      stderr: "",
    });
    const refusals: [string[], number, string][] = [
      [["development"], 1, "SEED_ENVIRONMENT"],
      [["development", "--dry-run"], 1, "SEED_ENVIRONMENT"],
      [["development", "--switch-from", "staging"], 1, "SEED_ENVIRONMENT"],
      [["test"], 1, "SEED_NOT_FOUND"],
      [["../development"], 2, "CLI_USAGE"],
      [["../x", "--mark"], 2, "CLI_USAGE"],
      [[], 2, "CLI_USAGE"],
    ];
    for (const [argv, exitCode, code] of refusals) {
      const result = await work.run("seed", ...argv, "--json");
      expect([argv, result.exitCode, result.stdout]).toEqual([argv, exitCode, ""]);
      expect(JSON.parse(result.stderr)).toMatchObject({ error: { code } });
    }
    writeMigrations(work.folder.at("db", "m"), { "002_b.sql": "SELECT 1;" });
    expect(await work.run("seed", "production")).toMatchObject({
      exitCode: 3,
      stderr: expect.stringContaining("Run `migrate up` first."),
    });
    expect(work.users()).toEqual([]);
  });

  it("wants to know which of two folders is meant, and takes --seeds", async () => {
    using work = await bench();
    mkdirSync(work.folder.at("db", "m", "seeds"));
    writeFileSync(
      work.folder.at("db", "m", "seeds", "development.sql"),
      "INSERT INTO users VALUES (9, 'z') ON CONFLICT DO NOTHING;",
    );
    expect(await work.run("seed", "development")).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("db/m/seeds and db/seeds both exist"),
    });
    expect(await work.run("seed", "development", "--seeds", "db/m/seeds")).toMatchObject({
      exitCode: 0,
    });
    expect(work.users()).toEqual(["z"]);
  });

  it("started several times at once runs once", async () => {
    using work = await bench();
    const reports = await Promise.all(
      [1, 2, 3, 4].map(() => work.run("seed", "development", "--json")),
    );
    expect(reports.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 0]);
    const statuses = reports.map(({ stdout }) => (JSON.parse(stdout) as { status: string }).status);
    expect(statuses.sort()).toEqual(["applied", "up-to-date", "up-to-date", "up-to-date"]);
    expect(work.users()).toEqual(["a", "b"]);
  });
});
