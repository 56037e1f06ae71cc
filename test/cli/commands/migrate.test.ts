import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { Database } from "bun:sqlite";
import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { sections, writeMigrations } from "../../support/migration-directory.ts";
import { tempFolder, type TempFolder } from "../../support/temp-folder.ts";
import { type CliResult, spawnMigrate } from "../spawn-cli.ts";

// Many processes on a machine that may be busy with other tests.
setDefaultTimeout(60_000);

const TWO = {
  "001_users.sql": sections("CREATE TABLE users (id INTEGER PRIMARY KEY);", "DROP TABLE users;"),
  "002_posts.sql": sections("CREATE TABLE posts (id INTEGER PRIMARY KEY);", "DROP TABLE posts;"),
};

/** A directory of migrations beside a database that does not exist yet. */
interface Bench extends Disposable {
  readonly folder: TempFolder;
  readonly db: string;
  readonly dir: string;
  run(...argv: string[]): Promise<CliResult>;
  /** Without the engine's own. */
  tables(): string[];
}

function bench(files: Readonly<Record<string, string>> = TWO): Bench {
  const folder = tempFolder();
  const db = folder.at("x.db");
  const dir = writeMigrations(folder.at("m"), files);
  return {
    folder,
    db,
    dir,
    run: (...argv) => spawnMigrate([...argv, "--db", db, "--dir", dir]),
    tables: () => {
      using database = new Database(db, { readonly: true });
      return database
        .query<{ name: string }, []>(
          "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'schema_migrations%' ORDER BY name",
        )
        .all()
        .map(({ name }) => name);
    },
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

/** What `--json` put on stdout; nothing else may be there. */
const dataOf = ({ stdout }: CliResult): unknown => JSON.parse(stdout);

const codeOf = ({ stderr }: CliResult): string =>
  (JSON.parse(stderr) as { error: { code: string } }).error.code;

const milliseconds = (text: string): string => text.replaceAll(/\d+\.\d ms/g, "0.0 ms");

describe.concurrent("migrate up", () => {
  it("applies everything, says so, and has nothing to do the second time", async () => {
    using work = bench();
    const first = await work.run();
    expect({ ...first, stderr: milliseconds(first.stderr) }).toEqual({
      stdout: "Applied 2 migration(s): version 0 -> 2.\n",
      stderr: "  + 001_users  0.0 ms\n  + 002_posts  0.0 ms\n",
      exitCode: 0,
    });
    expect(await work.run("up")).toEqual({
      stdout: "Nothing to do: version 2 is the newest.\n",
      stderr: "",
      exitCode: 0,
    });
    expect(work.tables()).toEqual(["posts", "users"]);
  });

  it("stops at --to and prints JSON alone with --json", async () => {
    using work = bench();
    const result = await work.run("up", "--to", "1", "--json");
    expect({ exitCode: result.exitCode, stderr: result.stderr }).toEqual({
      exitCode: 0,
      stderr: "",
    });
    expect(dataOf(result)).toEqual({
      backup: null,
      drift: { differences: [], unknown: null },
      fromVersion: 0,
      toVersion: 1,
      steps: [{ direction: "up", version: 1, name: "users", executionTimeMs: expect.any(Number) }],
    });
    expect(dataOf(await work.run("--json"))).toMatchObject({ fromVersion: 1, toVersion: 2 });
    expect(dataOf(await work.run("--json"))).toEqual({
      fromVersion: 2,
      toVersion: 2,
      steps: [],
      backup: null,
      drift: { differences: [], unknown: null },
    });
  });

  it("prints the SQL and creates nothing with --dry-run", async () => {
    using work = bench();
    const { stdout, exitCode } = await work.run("up", "--dry-run");
    expect(exitCode).toBe(0);
    expect(stdout).toContain("CREATE TABLE posts");
    expect(existsSync(work.db)).toBe(false);
  });

  it("shows file, line, column and the line itself with a caret under the fault", async () => {
    using work = bench({
      ...TWO,
      "003_bad.sql": sections("CREATE TABLE a (x);\nINSERT INTO a\n  VALUES (1), oops;", ""),
      "004_never.sql": sections("CREATE TABLE never (x);", ""),
    });
    const { stdout, stderr, exitCode } = await work.run();
    expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 1 });
    expect(stderr).toContain(`${work.dir}/003_bad.sql:4:15\n  4 |   VALUES (1), oops;\n`);
    const lines = stderr.split("\n");
    const source = lines.findIndex((line) => line.startsWith("  4 | "));
    expect(lines[source + 1]?.indexOf("^")).toBe(lines[source]?.indexOf("oops"));
    expect(stderr).toContain("done before: 1, 2 · failed and undone: 3 · not run: 4");
    expect(stderr).toContain("code: MIGRATION_FAILED");
    expect(stderr).not.toContain("    at ");
    expect(work.tables()).toEqual(["posts", "users"]);
  });

  it("gives the same facts as JSON", async () => {
    using work = bench({ "001_bad.sql": "CREATE TABLE a (x);\nINSERT INTO nope VALUES (1);" });
    const { stdout, stderr, exitCode } = await work.run("--json");
    expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 1 });
    expect(JSON.parse(stderr)).toMatchObject({
      error: {
        code: "MIGRATION_FAILED",
        details: {
          version: 1,
          position: { line: 2, column: 1, sourceLine: "INSERT INTO nope VALUES (1);" },
          applied: [],
          failed: 1,
          notRun: [],
        },
      },
    });
  });

  it.each([
    [["up", "--to", "nine"], 2, "CLI_USAGE"],
    [["up", "--to", "9"], 2, "MIGRATION_TARGET_UNKNOWN"],
    [["up", "now"], 2, "CLI_USAGE"],
    [["up", "--dir="], 2, "CLI_USAGE"],
  ])("refuses %p", async (argv, exitCode, code) => {
    using work = bench();
    const own = argv.includes("--dir=") ? [] : ["--dir", work.dir];
    const result = await spawnMigrate([...argv, "--json", "--db", work.db, ...own]);
    expect({ exitCode: result.exitCode, stdout: result.stdout, code: codeOf(result) }).toEqual({
      exitCode,
      stdout: "",
      code,
    });
  });

  it("refuses a directory that does not exist", async () => {
    using folder = tempFolder();
    const result = await spawnMigrate([
      "--json",
      "--db",
      folder.at("x.db"),
      "--dir",
      folder.at("no"),
    ]);
    expect({ exitCode: result.exitCode, code: codeOf(result) }).toEqual({
      exitCode: 1,
      code: "MIGRATIONS_NOT_FOUND",
    });
  });
});

describe.concurrent("migrate status", () => {
  it("lists what is applied and what is pending, as a table and as data", async () => {
    using work = bench();
    await work.run("up", "--to", "1");
    const table = await work.run("status");
    expect({ exitCode: table.exitCode, stderr: table.stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(table.stdout).toMatch(/^001 +users +applied +\d{4}-\d\d-\d\dT/m);
    expect(table.stdout).toMatch(/^002 +posts +pending$/m);
    expect(table.stdout).toEndWith("version 1 of 2, 1 pending\n");
    expect(dataOf(await work.run("status", "--json"))).toMatchObject({
      currentVersion: 1,
      latestVersion: 2,
      pendingCount: 1,
      appliedMigrations: [{ version: 1, name: "users", state: "applied", hasDown: true }],
      pendingMigrations: [{ version: 2, name: "posts", state: "pending", hasDown: true }],
    });
  });

  it("exits 3 with --check while something is pending, and 0 when nothing is", async () => {
    using work = bench();
    await work.run("up", "--to", "1");
    expect((await work.run("status", "--check", "--quiet")).exitCode).toBe(3);
    expect((await work.run("status")).exitCode).toBe(0);
    await work.run("up");
    expect((await work.run("status", "--check")).exitCode).toBe(0);
  });

  it("exits 3 with --check when an applied file was edited, and names it", async () => {
    using work = bench();
    await work.run("up");
    writeFileSync(`${work.dir}/002_posts.sql`, sections("CREATE TABLE b (x);", "DROP TABLE b;"));
    const { stdout, exitCode } = await work.run("status", "--check");
    expect(exitCode).toBe(3);
    expect(stdout).toMatch(/^002 +posts +EDITED \(up, down\)/m);
  });

  it("creates nothing", async () => {
    using work = bench();
    const result = await work.run("status", "--json");
    expect({ exitCode: result.exitCode, code: codeOf(result) }).toEqual({
      exitCode: 1,
      code: "DATABASE_NOT_FOUND",
    });
    expect(existsSync(work.db)).toBe(false);
  });
});

describe.concurrent("migrate rollback", () => {
  it("goes one version back, or to the one named, without the files", async () => {
    using work = bench();
    await work.run("up");
    await Bun.file(`${work.dir}/002_posts.sql`).delete();
    const back = await work.run("rollback");
    expect({ ...back, stderr: milliseconds(back.stderr) }).toEqual({
      stdout: "Rolled back 1 migration(s): version 2 -> 1.\n",
      stderr: "  - 002_posts  0.0 ms\n",
      exitCode: 0,
    });
    expect(work.tables()).toEqual(["users"]);
    expect(dataOf(await work.run("rollback", "0", "--json"))).toMatchObject({
      fromVersion: 1,
      toVersion: 0,
    });
    expect(work.tables()).toEqual([]);
    expect((await work.run("rollback")).stdout).toBe(
      "Nothing to do: the database is at version 0.\n",
    );
  });

  it("prints the SQL and changes nothing with --dry-run", async () => {
    using work = bench();
    await work.run("up");
    const { stdout, exitCode } = await work.run("rollback", "0", "--dry-run");
    expect(exitCode).toBe(0);
    expect(stdout.indexOf("DROP TABLE posts")).toBeLessThan(stdout.indexOf("DROP TABLE users"));
    expect(stdout).toContain("DROP TABLE posts");
    expect(work.tables()).toEqual(["posts", "users"]);
  });

  it("refuses a version that is not applied, one that is no version, and one that has no down", async () => {
    using work = bench({ ...TWO, "003_forward.sql": "CREATE TABLE forward (x);" });
    await work.run("up");
    const [unknown, word, forward] = await Promise.all([
      work.run("rollback", "7", "--json"),
      work.run("rollback", "one", "--json"),
      work.run("rollback", "2", "--json"),
    ]);
    expect([unknown, word, forward].map((result) => [result.exitCode, codeOf(result)])).toEqual([
      [2, "MIGRATION_TARGET_UNKNOWN"],
      [2, "CLI_USAGE"],
      [1, "MIGRATION_IRREVERSIBLE"],
    ]);
  });
});

describe.concurrent("migrate redo", () => {
  it("rolls the newest version back and applies its file as it is now", async () => {
    using work = bench();
    await work.run("up");
    writeFileSync(
      `${work.dir}/002_posts.sql`,
      sections("CREATE TABLE articles (id INTEGER PRIMARY KEY);", "DROP TABLE articles;"),
    );
    const { stdout, exitCode } = await work.run("redo");
    expect({ stdout, exitCode }).toEqual({
      stdout: "Version 2 was rolled back and applied again.\n",
      exitCode: 0,
    });
    expect(work.tables()).toEqual(["articles", "users"]);
    expect((await work.run("redo", "2")).exitCode).toBe(2);
  });
});

describe.concurrent("migrate plan", () => {
  it("prints the SQL of what is pending and creates nothing", async () => {
    using work = bench();
    const { stdout, stderr, exitCode } = await work.run("plan", "--to", "1");
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    expect(stdout).toContain("-- up 001_users");
    expect(stdout).not.toContain("posts");
    expect(existsSync(work.db)).toBe(false);
    expect(dataOf(await work.run("plan", "--json"))).toMatchObject([
      { version: 1 },
      { version: 2 },
    ]);
    expect((await work.run("plan", "--to", "x")).exitCode).toBe(2);
  });
});

describe.concurrent("migrate validate", () => {
  it("exits 0 on a sound database and 3 when the schema drifted, naming the object", async () => {
    using work = bench();
    await work.run("up");
    const sound = await work.run("validate", "--json");
    expect({ exitCode: sound.exitCode, data: dataOf(sound) }).toEqual({
      exitCode: 0,
      data: { isValid: true, findings: [], notChecked: [] },
    });
    const database = new Database(work.db);
    database.run("DROP TABLE posts");
    database.close(true);
    const drifted = await work.run("validate", "--json");
    expect({ exitCode: drifted.exitCode, data: dataOf(drifted) }).toMatchObject({
      exitCode: 3,
      data: { isValid: false, findings: [{ check: "schema", object: "table posts" }] },
    });
    expect((await work.run("validate")).stdout).toContain("table posts");
    expect((await work.run("validate", "--dri")).exitCode).toBe(2);
  });
});

describe.concurrent("migrate create", () => {
  it("writes the next version with both sections, and prints its path alone", async () => {
    using work = bench();
    const result = await spawnMigrate(["create", "Add user tracking", "--dir", work.dir]);
    const path = `${work.dir}/003_add_user_tracking.sql`;
    expect(result).toEqual({ stdout: `${path}\n`, stderr: "", exitCode: 0 });
    expect(readFileSync(path, "utf8")).toMatch(/-- migrate:up\n\n-- migrate:down\n$/);
    expect((await work.run("status", "--json")).exitCode).toBe(1);
  });

  it.each([[[]], [["a/b"]], [["../x"]], [[""]], [["a", "b"]]])(
    "refuses the names %p and writes nothing",
    async (names) => {
      using folder = tempFolder();
      const dir = folder.at("new");
      const result = await spawnMigrate(["create", ...names, "--json", "--dir", dir]);
      expect({ exitCode: result.exitCode, code: codeOf(result) }).toEqual({
        exitCode: 2,
        code: "CLI_USAGE",
      });
      expect(existsSync(dir)).toBe(false);
    },
  );
});

describe.concurrent("migrate bundle", () => {
  it("writes a module that holds the migrations", async () => {
    using work = bench();
    const out = work.folder.at("migrations.ts");
    const result = await spawnMigrate(["bundle", "--dir", work.dir, "--out", out, "--json"]);
    expect({ exitCode: result.exitCode, data: dataOf(result) }).toEqual({
      exitCode: 0,
      data: { out, versions: [1, 2] },
    });
    expect(readFileSync(out, "utf8")).toContain("CREATE TABLE posts");
  });

  it("refuses to run without --out, or into a folder that is not there", async () => {
    using work = bench();
    const [none, nowhere] = await Promise.all([
      spawnMigrate(["bundle", "--dir", work.dir, "--json"]),
      spawnMigrate(["bundle", "--dir", work.dir, "--json", "--out", work.folder.at("no", "m.ts")]),
    ]);
    expect([none, nowhere].map((result) => [result.exitCode, codeOf(result)])).toEqual([
      [2, "CLI_USAGE"],
      [2, "CLI_USAGE"],
    ]);
  });
});

describe.concurrent("hostile names", () => {
  /** A terminal's colour, a C1 control and a bidirectional override: legal in SQL and in paths. */
  const HOSTILE = "\u001b[31mred\u009b2J\u202egnp.exe";
  const RAW = /[\u001b\u009b\u202e]/; // oxlint-disable-line no-control-regex

  it("never reach stdout or stderr raw, whichever command meets them", async () => {
    using work = bench({
      "001_evil.sql": sections(
        `-- ${HOSTILE}\nCREATE TABLE "${HOSTILE}" (x);`,
        `DROP TABLE "${HOSTILE}";`,
      ),
      "002_worse.sql": `INSERT INTO "${HOSTILE}" VALUES (1), ${HOSTILE.slice(5)};`,
    });
    const results = [
      await work.run("plan"),
      await work.run("plan", "--json"),
      await work.run("up", "--to", "1"),
      await work.run("up"),
      await work.run("up", "--json"),
      await work.run("rollback", "0", "--dry-run"),
      await work.run(HOSTILE),
      await work.run("status", `--${HOSTILE}`),
      await work.run("status", HOSTILE),
    ];
    const database = new Database(work.db);
    database.run(`ALTER TABLE "${HOSTILE}" ADD COLUMN y`);
    database.run("UPDATE schema_migrations SET name = ?", [HOSTILE]);
    database.close(true);
    results.push(
      await work.run("status"),
      await work.run("status", "--json"),
      await work.run("validate"),
      await work.run("validate", "--json"),
      await work.run("rollback", "0"),
      await spawnMigrate(["status", "--db", work.folder.at(HOSTILE)]),
      await spawnMigrate(["create", "x", "--dir", work.folder.at(HOSTILE)]),
    );
    for (const { stdout, stderr } of results) {
      expect(stdout).not.toMatch(RAW);
      expect(stderr).not.toMatch(RAW);
    }
    expect(results.map(({ stdout }) => stdout).join("")).toContain("\\u{1b}[31mred");
  });
});
