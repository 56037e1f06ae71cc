import { describe, expect, it } from "bun:test";
import { sections, writeMigrations } from "../../support/migration-directory.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { spawnMigrate } from "../spawn-cli.ts";

const FILES = {
  "001_a.sql": sections("CREATE TABLE a (x);", "DROP TABLE a;"),
  "002_b.sql": `-- migrate:depends 001\n${sections("CREATE TABLE b (x);", "DROP TABLE b;")}`,
};

describe.concurrent("`-- migrate:depends` on the command line", () => {
  it("is shown by status, and is no edit when it is added to an applied file", async () => {
    using folder = tempFolder();
    const dir = writeMigrations(folder.at("m"), FILES);
    const run = (...argv: string[]) =>
      spawnMigrate([...argv, "--db", folder.at("x.db"), "--dir", dir]);
    expect(await run()).toMatchObject({ exitCode: 0 });
    writeMigrations(dir, {
      "003_c.sql": "-- migrate:depends 1, 2\nCREATE TABLE c (x);",
      "002_b.sql": sections("CREATE TABLE b (x);", "DROP TABLE b;"),
      "001_a.sql": FILES["001_a.sql"],
    });
    expect(await run("up")).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining("Applied 1"),
    });
    expect((await run("status")).stdout).toMatch(
      /003 +c +applied .*forward only, depends on 001, 002/,
    );
    expect(JSON.parse((await run("status", "--json")).stdout)).toMatchObject({
      appliedMigrations: [
        { version: 1, dependsOn: [] },
        { version: 2, dependsOn: [] },
        { version: 3, dependsOn: [1, 2] },
      ],
    });
  });

  it("on a version that does not exist stops everything that reads the directory", async () => {
    using folder = tempFolder();
    const dir = writeMigrations(folder.at("m"), {
      ...FILES,
      "003_c.sql": "-- migrate:depends 7\nSELECT 1;",
    });
    for (const command of ["up", "status", "plan"]) {
      const result = await spawnMigrate([command, "--db", folder.at("x.db"), "--dir", dir]);
      expect(result).toMatchObject({ stdout: "", exitCode: 1 });
      if (command !== "status") expect(result.stderr).toContain("003_c.sql:1: it depends on 007");
    }
  });
});
