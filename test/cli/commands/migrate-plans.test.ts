import { readFileSync, rmSync } from "node:fs";
import { describe, expect, it } from "bun:test";
import { sections, writeMigrations } from "../../support/migration-directory.ts";
import { tempFolder, type TempFolder } from "../../support/temp-folder.ts";
import { type CliResult, spawnMigrate } from "../spawn-cli.ts";

const FILES = {
  "001_users.sql": sections(
    "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);\nCREATE INDEX users_name ON users (name);",
    "DROP TABLE users;",
  ),
  "queries.sql": "-- query: by name\nSELECT id FROM users WHERE name = ?;\n",
};

interface Bench extends Disposable {
  readonly folder: TempFolder;
  run(...argv: string[]): Promise<CliResult>;
  queries(): string;
}

function bench(): Bench {
  const folder = tempFolder();
  writeMigrations(folder.at("m"), FILES);
  return {
    folder,
    run: (...argv) => spawnMigrate([...argv, "--dir", "m"], { cwd: folder.path }),
    queries: () => readFileSync(folder.at("m", "queries.sql"), "utf8"),
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

const DROP_INDEX = { "002_drop.sql": "DROP INDEX users_name;" };
const PLAN = "SEARCH users USING COVERING INDEX users_name (name=?)";

describe.concurrent("migrate plans", () => {
  it("shows plans without a database, writes them down, and has then nothing to write", async () => {
    using work = bench();
    expect(await work.run("plans")).toEqual({
      stdout: `by name\n    ${PLAN}\nremark: by name (m/queries.sql:1): no plan is expected of it\n  Run \`migrate plans --write\` to write it down.\n`,
      stderr: "",
      exitCode: 0,
    });
    expect(await work.run("plans", "--write")).toEqual({
      stdout: `m/queries.sql:1 by name\n+ ${PLAN}\nWrote 1 plan(s) to m/queries.sql.\n`,
      stderr: "",
      exitCode: 0,
    });
    expect(work.queries()).toBe(
      `-- query: by name\n-- expect: ${PLAN}\nSELECT id FROM users WHERE name = ?;\n`,
    );
    expect((await work.run("plans", "--write")).stdout).toBe(
      "Nothing to do: every plan in m/queries.sql is as expected.\n",
    );
    expect(await work.run("plans", "--check")).toEqual({
      stdout: `by name\n    ${PLAN}\n`,
      stderr: "",
      exitCode: 0,
    });
  });

  it("--check exits 3 when a SEARCH became a SCAN, and --write accepts it with a difference", async () => {
    using work = bench();
    await work.run("plans", "--write");
    writeMigrations(work.folder.at("m"), DROP_INDEX);
    const checked = await work.run("plans", "--check");
    expect(checked).toMatchObject({ exitCode: 3, stderr: "" });
    expect(checked.stdout).toContain(
      `by name\n  - ${PLAN}\n  + SCAN users\nREGRESSION: by name (m/queries.sql:1): SEARCH users became SCAN users`,
    );
    expect(await work.run("plans", "--json")).toMatchObject({ exitCode: 0, stderr: "" });
    expect((await work.run("plans", "--write")).stdout).toBe(
      `m/queries.sql:1 by name\n- ${PLAN}\n+ SCAN users\nWrote 1 plan(s) to m/queries.sql.\n`,
    );
    expect(await work.run("plans", "--check")).toMatchObject({ exitCode: 0 });
  });

  it("keeps the plan of a query that does not compile, and says so", async () => {
    using work = bench();
    await work.run("plans", "--write");
    const before = work.queries();
    writeMigrations(work.folder.at("m"), { "002_drop.sql": "DROP TABLE users;" });
    const written = await work.run("plans", "--write", "--json");
    expect(JSON.parse(written.stdout)).toMatchObject({
      changed: [],
      queries: [{ name: "by name", plan: null, failure: "no such table: users" }],
    });
    expect(work.queries()).toBe(before);
    expect(await work.run("plans", "--check")).toMatchObject({ exitCode: 3 });
  });

  it("of a directory without queries.sql is an error with a way out, and --write wants a directory", async () => {
    using work = bench();
    rmSync(work.folder.at("m", "queries.sql"));
    expect(await work.run("plans")).toMatchObject({
      exitCode: 1,
      stdout: "",
      stderr: expect.stringContaining("QUERIES_INVALID"),
    });
    expect(await spawnMigrate(["plans", "--write"])).toMatchObject({ exitCode: 2, stdout: "" });
    expect(await work.run("plans", "--write", "--db", "x.db")).toMatchObject({ exitCode: 2 });
  });

  it("knows the product's own queries without a directory", async () => {
    const own = await spawnMigrate(["plans", "--check", "--json"]);
    expect(own).toMatchObject({ exitCode: 0, stderr: "" });
    expect(JSON.parse(own.stdout)).toMatchObject({ findings: [] });
  });
});

describe.concurrent("migrate validate --plans", () => {
  it("passes, then fails on a SCAN with exit 3, while remarks alone do not fail it", async () => {
    using work = bench();
    await work.run("plans", "--write");
    expect(await work.run("up", "--db", "x.db")).toMatchObject({ exitCode: 0 });
    expect(await work.run("validate", "--plans", "--db", "x.db")).toEqual({
      stdout:
        "Valid: integrity, foreign keys, parent keys, ledger and schema, and the plans of the hot queries.\n",
      stderr: "",
      exitCode: 0,
    });
    writeMigrations(work.folder.at("m"), {
      "002_more.sql":
        "CREATE TABLE posts (user_id REFERENCES users (id), at);\nCREATE INDEX posts_at ON posts (at);",
    });
    await work.run("up", "--db", "x.db");
    const remarks = await work.run("validate", "--plans", "--db", "x.db", "--json");
    expect(remarks).toMatchObject({ exitCode: 0, stderr: "" });
    expect(JSON.parse(remarks.stdout)).toMatchObject({
      isValid: true,
      findings: [],
      remarks: [{ object: "posts_at" }, { object: "posts (user_id)" }],
    });
    writeMigrations(work.folder.at("m"), { "003_drop.sql": "DROP INDEX users_name;" });
    await work.run("up", "--db", "x.db");
    const failed = await work.run("validate", "--plans", "--db", "x.db");
    expect(failed).toMatchObject({ exitCode: 3, stderr: "" });
    expect(failed.stdout).toMatch(/plans +by name +SEARCH users became SCAN users/);
    expect(failed.stdout).toContain("remark: posts_at: ");
    expect(await work.run("validate", "--db", "x.db")).toMatchObject({ exitCode: 0 });
  });

  it("works for the product's own migrations without a directory", async () => {
    using folder = tempFolder();
    const db = ["--db", folder.at("u.db")];
    await spawnMigrate(["up", ...db]);
    const result = await spawnMigrate(["validate", "--plans", "--json", ...db]);
    expect(result).toMatchObject({ exitCode: 0, stderr: "" });
    expect(JSON.parse(result.stdout)).toEqual({
      isValid: true,
      findings: [],
      notChecked: [],
      remarks: [],
    });
  });
});
