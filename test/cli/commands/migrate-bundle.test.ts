import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "bun:test";
import type { BundleHead, MigrationBundle } from "../../../src/engine/source.ts";
import { sections, writeMigrations } from "../../support/migration-directory.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { spawnMigrate } from "../spawn-cli.ts";

const FILES = {
  "001_a.sql": sections("CREATE TABLE a (x);", "DROP TABLE a;"),
  "002_b.up.sql": "CREATE TABLE b (x);",
  "003_c.ts": "export const up = () => {};",
};

describe.concurrent("migrate bundle", () => {
  it("writes a module that finds its modules from another folder, and that validate proves", async () => {
    using folder = tempFolder();
    writeMigrations(folder.at("db", "m"), FILES);
    writeMigrations(folder.at("src"), {});
    const run = (...argv: string[]) => spawnMigrate(argv, { cwd: folder.path });
    const bundle = ["bundle", "--dir", "db/m/", "--out", "src/migrations.ts"];
    const check = ["validate", "--dir", "db/m", "--bundle", "src/migrations.ts"];
    expect(await run(...bundle, "--json")).toEqual({
      stdout: expect.stringContaining('"versions": ['),
      stderr: "",
      exitCode: 0,
    });
    expect(readFileSync(folder.at("src", "migrations.ts"), "utf8")).toContain(
      'from "../db/m/003_c.ts"',
    );
    expect(await run(...check)).toEqual({
      stdout: "Valid: src/migrations.ts is db/m, 3 migration(s).\n",
      stderr: "",
      exitCode: 0,
    });
    writeMigrations(folder.at("db", "m"), {
      "002_b.up.sql": "CREATE TABLE bb (x);",
      "004_d.sql": "SELECT 1;",
    });
    const different = await run(...check);
    expect(different).toMatchObject({ exitCode: 3 });
    expect(different.stdout).toBe(
      "differs: 002_b differs in up, checksum\nmissing: 004_d is not in the bundle\n",
    );
    const asJson = await run(...check, "--json");
    expect({ ...asJson, stdout: JSON.parse(asJson.stdout) as unknown }).toMatchObject({
      exitCode: 3,
      stdout: {
        isValid: false,
        findings: [
          { version: 2, problem: "differs" },
          { version: 4, problem: "missing" },
        ],
      },
    });
    expect(await run(...bundle)).toMatchObject({ exitCode: 0 });
    expect(await run(...check)).toMatchObject({ exitCode: 0 });
  });

  it("writes the stamp and the versions into a module of their own", async () => {
    using folder = tempFolder();
    writeMigrations(folder.at("m"), FILES);
    const run = (...argv: string[]) => spawnMigrate(argv, { cwd: folder.path });
    const bundle = ["bundle", "--dir", "m", "--out", "all.ts", "--head-out"];
    expect(await run(...bundle, "head.ts")).toMatchObject({ exitCode: 0, stderr: "" });
    const { migrations } = (await import(folder.at("all.ts"))) as Record<string, MigrationBundle>;
    const { head } = (await import(folder.at("head.ts"))) as Record<string, BundleHead>;
    expect(head).toEqual({
      stamp: String(migrations?.stamp),
      versions: [1, 2, 3],
    });
    // Never one over the other, nor over somebody's own.
    expect(await run(...bundle, "./all.ts")).toMatchObject({ exitCode: 2 });
    expect(readFileSync(folder.at("all.ts"), "utf8")).toContain("CREATE TABLE a");
    writeFileSync(folder.at("own.ts"), "export const mine = 1;");
    expect(await run(...bundle, "own.ts")).toMatchObject({ exitCode: 2 });
    expect(readFileSync(folder.at("own.ts"), "utf8")).toBe("export const mine = 1;");
  });

  it("does not write over somebody's own module", async () => {
    using folder = tempFolder();
    const dir = writeMigrations(folder.at("m"), FILES);
    const out = folder.at("index.ts");
    writeFileSync(out, "export const mine = 1;");
    const result = await spawnMigrate(["bundle", "--dir", dir, "--out", out]);
    expect(result).toMatchObject({ exitCode: 2, stdout: "" });
    expect(result.stderr).toContain("it exists and is no bundle");
    expect(readFileSync(out, "utf8")).toBe("export const mine = 1;");
  });

  it.each([
    ["is not there", null],
    ["does not load", "export const x = ;"],
    ["exports no bundle", "export const migrations = [];"],
  ])("a bundle that %s is an error, not a finding", async (_, text) => {
    using folder = tempFolder();
    const dir = writeMigrations(folder.at("m"), FILES);
    if (text !== null) writeFileSync(folder.at("b.ts"), text);
    const result = await spawnMigrate([
      "validate",
      "--dir",
      dir,
      "--bundle",
      folder.at("b.ts"),
      "--json",
    ]);
    expect(result).toMatchObject({ exitCode: 1, stdout: "" });
    expect(JSON.parse(result.stderr)).toMatchObject({
      error: { code: "MIGRATION_MODULE_INVALID" },
    });
  });

  it.each(["--plans", "--db=x.db"])("is not compared in silence instead of %s", async (flag) => {
    const argv = ["validate", "--bundle", "src/store/own-migrations.ts", flag];
    expect(await spawnMigrate(argv)).toMatchObject({ exitCode: 2, stdout: "" });
  });

  it("the product's own is the directory's", async () => {
    const argv = [
      "validate",
      "--bundle",
      "src/store/own-migrations.ts",
      "--dir",
      "migrations/sqlite",
    ];
    expect(await spawnMigrate(argv)).toMatchObject({ exitCode: 0 });
  });
});
