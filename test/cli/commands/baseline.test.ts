import { describe, expect, it } from "bun:test";
import { openConnection } from "../../../src/engine/sqlite/open.ts";
import { sections, writeMigrations } from "../../support/migration-directory.ts";
import { type TempFolder, tempFolder } from "../../support/temp-folder.ts";
import { spawnMigrate } from "../spawn-cli.ts";

/** A directory of two migrations, and a database that has what the first builds. */
function prepare(folder: TempFolder): void {
  writeMigrations(folder.at("m"), {
    "001_notes.sql": sections("CREATE TABLE notes (id INTEGER PRIMARY KEY)", "DROP TABLE notes"),
    "002_tags.sql": sections("CREATE TABLE tags (id INTEGER PRIMARY KEY)", "DROP TABLE tags"),
  });
  using db = openConnection(folder.at("app.db"));
  db.runOnce("CREATE TABLE notes (id INTEGER PRIMARY KEY)");
}

const migrate = (folder: TempFolder, ...argv: string[]) =>
  spawnMigrate([...argv, "--db", "app.db"], { cwd: folder.path });

describe("migrate baseline", () => {
  it("gives a database its ledger, from which `up` goes on", async () => {
    using folder = tempFolder();
    prepare(folder);
    expect(await migrate(folder, "baseline", "1", "--dir", "m")).toEqual({
      stdout: "Entered 1 migration(s) as applied: the database is at version 1.\n",
      stderr: "",
      exitCode: 0,
    });
    expect((await migrate(folder, "up", "--dir", "m")).stdout).toContain("version 1 -> 2");
    expect((await migrate(folder, "validate", "--dir", "m")).exitCode).toBe(0);
    expect(await migrate(folder, "baseline", "2", "--dir", "m")).toMatchObject({
      stderr: expect.stringContaining("BASELINE_LEDGER_EXISTS"),
      exitCode: 1,
    });
  });

  it.each([
    [["2", "--dir", "m"], "BASELINE_DIFFERS", 3],
    [["0", "--dir", "m"], "MIGRATION_TARGET_UNKNOWN", 2],
    [["1"], "CLI_USAGE", 2],
    [["--dir", "m"], "CLI_USAGE", 2],
    [["one", "--dir", "m"], "CLI_USAGE", 2],
  ] as const)("refuses %p", async (argv, code, exitCode) => {
    using folder = tempFolder();
    prepare(folder);
    const result = await migrate(folder, "baseline", ...argv);
    expect(result).toMatchObject({ stdout: "", stderr: expect.stringContaining(code), exitCode });
    using db = openConnection(folder.at("app.db"));
    expect(db.readOnce("SELECT name FROM sqlite_schema")).toEqual([["notes"]]);
  });
});
