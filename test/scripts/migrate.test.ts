import { existsSync, readdirSync, rmSync } from "node:fs";
import { describe, expect, it } from "bun:test";
import { describeSchema } from "../../src/engine/sqlite/schema.ts";
import { openConnection } from "../../src/engine/sqlite/open.ts";
import { runMigrate } from "../support/migrate-process.ts";
import { sections, settleFiles, writeMigrations } from "../support/migration-directory.ts";
import { column } from "../support/migrating.ts";
import { type TempFolder, tempFolder } from "../support/temp-folder.ts";
import { migrations } from "../../src/store/own-migrations.ts";

const FILES = {
  "001_a.sql": sections("CREATE TABLE a (x);", "DROP TABLE a;"),
  "002_b.sql": sections("CREATE TABLE b (x);", "DROP TABLE b;"),
};

/** A folder with a directory `m` of two migrations. */
function workplace(): TempFolder & {
  migrate: (...args: string[]) => ReturnType<typeof runMigrate>;
} {
  const folder = tempFolder();
  writeMigrations(folder.at("m"), FILES);
  return {
    ...folder,
    migrate: (...args) => runMigrate([...args, "--db", "x.db", "--dir", "m"], folder.path),
  };
}

const jsonOf = ({ stdout }: { readonly stdout: string }): unknown => JSON.parse(stdout);

const NEWEST = migrations.versions.at(-1);

describe("bun scripts/migrate.ts on the product's own migrations", () => {
  it("goes up, reports, goes down to nothing but the ledger, and up to an equal schema", async () => {
    using folder = tempFolder();
    const run = (...args: string[]) => runMigrate([...args, "--db", "x.db"], folder.path);
    const schema = () => {
      using db = openConnection(folder.at("x.db"), { mode: "read" });
      return describeSchema(db);
    };
    expect(await run()).toMatchObject({
      exitCode: 0,
      stdout: `Applied ${migrations.versions.length} migration(s): version 0 -> ${NEWEST}.\n`,
      stderr: expect.stringMatching(/^ {2}\+ 001_create_sessions_and_events {2}[\d.]+ ms\n/),
    });
    expect(jsonOf(await run("status", "--json"))).toMatchObject({
      currentVersion: NEWEST,
      latestVersion: NEWEST,
      pendingCount: 0,
      appliedMigrations: migrations.versions.map((version) => ({
        version,
        state: "applied",
        hasDown: true,
      })),
      pendingMigrations: [],
    });
    const before = schema();
    expect(before.length).toBeGreaterThan(6);
    expect(await run("rollback", "0")).toMatchObject({
      exitCode: 0,
      stdout: `Rolled back ${migrations.versions.length} migration(s): version ${NEWEST} -> 0.\n`,
    });
    {
      using db = openConnection(folder.at("x.db"));
      expect(column(db, "SELECT name FROM sqlite_schema ORDER BY name")).toEqual([
        "idx_schema_migrations_applied_at",
        "schema_migrations",
        "schema_migrations_history",
      ]);
    }
    expect(await run("up")).toMatchObject({ exitCode: 0 });
    expect(schema()).toEqual(before);
    expect(await run("validate", "--json")).toMatchObject({ exitCode: 0, stderr: "" });
    expect(await run()).toEqual({
      exitCode: 0,
      stdout: `Nothing to do: version ${NEWEST} is the newest.\n`,
      stderr: "",
    });
  });

  it("never touches another application's file, unless --dir says whose migrations to use", async () => {
    using place = workplace();
    {
      using db = openConnection(place.at("x.db"));
      db.runOnce("CREATE TABLE customers (x)");
    }
    const refused = await runMigrate(["--db", "x.db"], place.path);
    expect(refused).toMatchObject({
      exitCode: 1,
      stdout: "",
      stderr: expect.stringContaining("DATABASE_FOREIGN"),
    });
    expect(await place.migrate()).toMatchObject({ exitCode: 0 });
    using db = openConnection(place.at("x.db"));
    expect(column(db, "PRAGMA application_id")).toEqual([0]);
  });
});

describe("migrate up", () => {
  it("answers slips with an error, never with a stack trace", async () => {
    using place = workplace();
    for (const [args, exitCode, code] of [
      [["--db", "m"], 2, "DATABASE_PATH_INVALID"],
      [["--db", "m/001_a.sql"], 1, "DATABASE_NOT_SQLITE"],
      [["--db", "m/001_a.sql/x.db"], 1, "DATABASE_CANNOT_OPEN"],
      [["--db", ""], 2, "DATABASE_PATH_INVALID"],
      [["status", "--db", "m/001_a.sql"], 1, "DATABASE_NOT_SQLITE"],
      [["status", "--db", "missing.db"], 1, "DATABASE_NOT_FOUND"],
      [["up", "--to", "two", "--db", "x.db"], 2, "CLI_USAGE"],
      [["rollback", "7", "--db", "m/x.db"], 1, "DATABASE_NOT_FOUND"],
      [["bundle", "--dir", "m", "--out", "no/such/folder.ts"], 2, "CLI_USAGE"],
      [["create", "x", "--dir", "m/001_a.sql"], 1, "MIGRATIONS_NOT_FOUND"],
    ] as const) {
      const result = await runMigrate(args, place.path);
      expect([args, result.exitCode, result.stdout]).toEqual([args, exitCode, ""]);
      expect(result.stderr).toContain(code);
      expect(result.stderr).not.toContain("    at ");
    }
    expect(readdirSync(place.path)).toEqual(["m"]);
  });

  it("exits 5 on a database that is newer than the migrations", async () => {
    using place = workplace();
    await place.migrate();
    rmSync(place.at("m", "002_b.sql"));
    expect(await place.migrate()).toMatchObject({
      exitCode: 5,
      stderr: expect.stringContaining("DATABASE_NEWER"),
    });
  });

  it("notices an edit of equal size behind an up-to-date stamp", async () => {
    using place = workplace();
    settleFiles();
    await place.migrate();
    writeMigrations(place.at("m"), { "001_a.sql": FILES["001_a.sql"].replace("(x)", "(y)") });
    expect(await place.migrate()).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("001_a was edited"),
    });
  });
});

describe("migrate status", () => {
  it.each([
    ["nothing to do", {}, 0, "applied"],
    ["a pending file", { "003_c.sql": "SELECT 1;" }, 3, "pending"],
    ["an edited file", { "001_a.sql": sections("SELECT 1;", "DROP TABLE a;") }, 3, "EDITED (up)"],
    [
      "an edited down",
      { "001_a.sql": sections("CREATE TABLE a (x);", "SELECT 1;") },
      3,
      "EDITED (down)",
    ],
    [
      "a reformatted file",
      { "001_a.sql": sections("CREATE TABLE a\n(x); -- why", "DROP TABLE a;") },
      0,
      "reformatted",
    ],
  ])("--check tells %s by its exit code", async (_, files, exitCode, word) => {
    using place = workplace();
    await place.migrate();
    writeMigrations(place.at("m"), files);
    const status = await place.migrate("status", "--check");
    expect(status).toMatchObject({ exitCode, stderr: "", stdout: expect.stringContaining(word) });
    expect(await place.migrate("status")).toMatchObject({ exitCode: 0 });
  });

  it("--check tells a missing and a late file", async () => {
    using place = workplace();
    writeMigrations(place.at("m"), { "004_d.sql": "CREATE TABLE d (x);" });
    await place.migrate();
    rmSync(place.at("m", "001_a.sql"));
    writeMigrations(place.at("m"), { "003_c.sql": "CREATE TABLE c (x);" });
    const status = await place.migrate("status", "--check");
    expect(status.exitCode).toBe(3);
    expect(status.stdout).toContain("MISSING FILE");
    expect(status.stdout).toContain("LATE");
  });

  it("knows that a module with a down can be undone", async () => {
    using place = workplace();
    const module =
      "export const up = (db) => db.exec('CREATE TABLE c (x)'); export const down = (db) => db.exec('DROP TABLE c');";
    writeMigrations(place.at("m"), { "003_c.ts": module });
    expect(jsonOf(await place.migrate("plan", "--json"))).toMatchObject([
      {},
      {},
      { hasDown: true, sql: null },
    ]);
    await place.migrate();
    expect(jsonOf(await place.migrate("status", "--json"))).toMatchObject({
      appliedMigrations: [{ hasDown: true }, { hasDown: true }, { version: 3, hasDown: true }],
    });
    expect(await place.migrate("rollback")).toMatchObject({ exitCode: 0 });
  });
});

describe("migrate create", () => {
  it("goes on with timestamps where they are used, and never makes one version twice", async () => {
    using folder = tempFolder();
    writeMigrations(folder.at("m"), { "29990101000000_future.sql": "SELECT 1;" });
    for (const name of ["first", "second"])
      await runMigrate(["create", name, "--dir", "m"], folder.path);
    expect(readdirSync(folder.at("m")).sort()).toEqual([
      "29990101000000_future.sql",
      "29990101000001_first.sql",
      "29990101000002_second.sql",
    ]);
  });

  it.each(["x.up", "🦆"])("refuses the name %p and writes nothing", async (name) => {
    using folder = tempFolder();
    const result = await runMigrate(["create", name, "--dir", "m"], folder.path);
    expect(result).toMatchObject({
      exitCode: 2,
      stdout: "",
      stderr: expect.stringContaining("CLI_USAGE"),
    });
    expect(existsSync(folder.at("m"))).toBe(false);
  });
});
