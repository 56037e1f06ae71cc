import { Database } from "bun:sqlite";
import { describe, expect, it } from "bun:test";
import { holdLock } from "../../support/held-lock.ts";
import { sections, settleFiles, writeMigrations } from "../../support/migration-directory.ts";
import { type TempFolder, tempFolder } from "../../support/temp-folder.ts";
import { type CliResult, spawnMigrate } from "../spawn-cli.ts";

const FILES = {
  "001_users.sql": sections("CREATE TABLE users (id INTEGER PRIMARY KEY);", "DROP TABLE users;"),
  "002_posts.sql": sections("CREATE TABLE posts (id INTEGER PRIMARY KEY);", "DROP TABLE posts;"),
};

interface Bench extends Disposable {
  readonly folder: TempFolder;
  readonly run: (...argv: string[]) => Promise<CliResult>;
  /** Changes the database behind the tool's back. */
  readonly meddle: (sql: string) => void;
}

async function migrated(): Promise<Bench> {
  const folder = tempFolder();
  writeMigrations(folder.at("m"), FILES);
  settleFiles();
  const run = (...argv: string[]): Promise<CliResult> =>
    spawnMigrate([...argv, "--db", "x.db", "--dir", "m"], { cwd: folder.path });
  await run("up");
  return {
    folder,
    run,
    meddle: (sql) => {
      using db = new Database(folder.at("x.db"));
      db.run(sql);
    },
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

describe("a schema that was changed behind the migrations' back", () => {
  it("is told of by up and status, keeps a rollback from running, and can be mended by diff's SQL", async () => {
    using work = await migrated();
    expect(await work.run("status", "--check")).toMatchObject({ exitCode: 0 });
    expect(await work.run("diff")).toEqual({
      stdout: "-- The schema is what the applied migrations build.\n",
      stderr: "",
      exitCode: 0,
    });
    work.meddle("CREATE INDEX mine ON posts (id)");
    for (const _ of [1, 2]) {
      expect(await work.run("up")).toEqual({
        stdout: "Nothing to do: version 2 is the newest.\n",
        stderr: expect.stringContaining("index mine is new"),
        exitCode: 0,
      });
    }
    expect(await work.run("status", "--check")).toMatchObject({
      stdout: expect.stringContaining("index mine is new"),
      exitCode: 3,
    });
    expect(await work.run("rollback")).toMatchObject({
      stderr: expect.stringContaining("SCHEMA_DRIFTED"),
      exitCode: 3,
    });
    const diff = await work.run("diff");
    expect(diff).toMatchObject({ stderr: "", exitCode: 3 });
    expect(diff.stdout).toContain("-- index mine is only in the database");
    const mend = (await work.run("diff", "--quiet")).stdout;
    {
      using db = new Database(work.folder.at("x.db"));
      db.run(mend);
    }
    expect(await work.run("diff")).toMatchObject({ exitCode: 0 });
    expect(await work.run("rollback")).toMatchObject({ exitCode: 0 });
  });

  it("has its differences and the mending SQL as data", async () => {
    using work = await migrated();
    work.meddle("DROP TABLE posts");
    const { stdout, exitCode } = await work.run("diff", "--json");
    expect({ ...(JSON.parse(stdout) as object), exitCode }).toMatchObject({
      differences: [{ type: "table", name: "posts", state: "missing" }],
      mend: { isComplete: true, cautions: [] },
      edits: [],
      unknown: null,
      exitCode: 3,
    });
    const up = await work.run("up", "--json");
    expect(JSON.parse(up.stdout)).toMatchObject({
      drift: { differences: ["table posts is gone"] },
    });
    expect(up.stderr).toBe("");
  });
});

describe("an edited migration", () => {
  const EDIT = {
    "002_posts.sql": sections(
      "CREATE TABLE posts (id INTEGER PRIMARY KEY, body TEXT);",
      "DROP TABLE posts;",
    ),
  };

  it("stops up with a patch against the text that ran", async () => {
    using work = await migrated();
    writeMigrations(work.folder.at("m"), EDIT);
    const { stderr, exitCode } = await work.run("up");
    expect(exitCode).toBe(1);
    expect(stderr).toContain("MIGRATION_EDITED");
    expect(stderr).toContain("-CREATE TABLE posts (id INTEGER PRIMARY KEY);\n");
    expect(stderr).toContain("+CREATE TABLE posts (id INTEGER PRIMARY KEY, body TEXT);\n");
  });

  it("passes when only comments and white space changed", async () => {
    using work = await migrated();
    writeMigrations(work.folder.at("m"), {
      "002_posts.sql": sections(
        "create  -- lower case is another text\n".replace("create", "CREATE") +
          "TABLE posts\n  (id INTEGER PRIMARY KEY);",
        "DROP TABLE posts;",
      ),
    });
    expect(await work.run("up")).toMatchObject({ exitCode: 0 });
    expect((await work.run("status")).stdout).toContain("applied (reformatted)");
  });

  it("is accepted by repair, which shows it first and asks", async () => {
    using work = await migrated();
    expect(await work.run("repair")).toEqual({
      stdout: "Nothing to repair.\n",
      stderr: "",
      exitCode: 0,
    });
    writeMigrations(work.folder.at("m"), EDIT);
    expect(await work.run("repair")).toMatchObject({
      stdout: expect.stringMatching(/^--accept 2 {3}002_posts: .*nothing is run\n$/),
      exitCode: 3,
    });
    expect(await work.run("repair", "--accept", "2")).toMatchObject({
      stderr: expect.stringContaining("+CREATE TABLE posts (id INTEGER PRIMARY KEY, body TEXT);"),
      exitCode: 2,
    });
    expect(await work.run("up")).toMatchObject({ exitCode: 1 });
    expect(await work.run("repair", "--accept", "1", "--yes")).toMatchObject({
      stderr: expect.stringContaining("expected one of 2"),
      exitCode: 2,
    });
    expect(await work.run("repair", "--accept", "2", "--yes")).toMatchObject({
      stdout: "Repaired 1 version(s).\n",
      exitCode: 0,
    });
    expect(await work.run("up")).toMatchObject({
      stderr: expect.stringContaining("table posts lost: column body TEXT"),
      exitCode: 0,
    });
  });
});

describe("migrate history", () => {
  it("lists what happened, failures and backups too", async () => {
    using work = await migrated();
    expect((await spawnMigrate(["history", "--db", work.folder.at("none.db")])).exitCode).toBe(1);
    work.meddle("INSERT INTO posts VALUES (1)");
    await work.run("rollback");
    writeMigrations(work.folder.at("m"), { "003_bad.sql": sections("SELECT nope;", "") });
    await work.run("up");
    const { stdout } = await work.run("history", "--json");
    const entries = JSON.parse(stdout) as Record<string, unknown>[];
    expect(entries.map(({ version, action, outcome }) => [version, action, outcome])).toEqual([
      [1, "up", "done"],
      [2, "up", "done"],
      [2, "down", "done"],
      [2, "up", "done"],
      [3, "up", "failed"],
    ]);
    expect(entries[2]).toMatchObject({
      actor: expect.stringContaining("@"),
      backup_path: expect.stringMatching(/x\.db\.\w+-v2\.backup$/),
    });
    const table = await work.run("history", "--limit", "2");
    expect(table.stdout).toContain("003_bad    up    FAILED");
    expect(table.stdout).toContain("no such column: nope");
    expect(table.stdout).not.toContain("001_users");
    expect(await work.run("history", "--limit", "0")).toMatchObject({ exitCode: 2 });
  });
});

describe("migrate lock", () => {
  it("says that nobody holds it, or who", async () => {
    using work = await migrated();
    expect(await work.run("lock")).toEqual({
      stdout: "Nobody holds it.\n",
      stderr: "",
      exitCode: 0,
    });
    await using _ = await holdLock(work.folder.at("x.db"));
    expect((await work.run("lock")).stdout).toContain("holds the write lock.");
    expect(JSON.parse((await work.run("lock", "--json")).stdout)).toMatchObject({ isHeld: true });
  });

  it("is waited for as long as --lock-timeout says, which takes a unit", async () => {
    using work = await migrated();
    writeMigrations(work.folder.at("m"), { "003_c.sql": sections("CREATE TABLE c (x);", "") });
    await using _ = await holdLock(work.folder.at("x.db"));
    expect(await work.run("up", "--lock-timeout", "300ms")).toMatchObject({
      stderr: expect.stringContaining("within 300 ms"),
      exitCode: 4,
    });
    for (const bad of ["5", "5h", "-1s", "61m", ""])
      expect(await work.run("up", "--lock-timeout", bad)).toMatchObject({ exitCode: 2 });
  });
});

describe("migrate rollback with the files of an older version of a program", () => {
  const files = (count: number): Record<string, string> =>
    Object.fromEntries(
      Array.from({ length: count }, (_, index) => [
        `${String(index + 1).padStart(3, "0")}_t.sql`,
        sections(`CREATE TABLE t${index + 1} (x);`, `DROP TABLE t${index + 1};`),
      ]),
    );

  it("goes back from 12 to 9 with what the ledger keeps, and is up to date then", async () => {
    using folder = tempFolder();
    writeMigrations(folder.at("new"), files(12));
    writeMigrations(folder.at("old"), files(9));
    const run = (dir: string, ...argv: string[]): Promise<CliResult> =>
      spawnMigrate([...argv, "--db", "x.db", "--dir", dir], { cwd: folder.path });
    expect(await run("new", "up")).toMatchObject({ exitCode: 0 });
    expect(await run("old", "up")).toMatchObject({
      stderr: expect.stringContaining("DATABASE_NEWER"),
      exitCode: 5,
    });
    expect(await run("old", "rollback", "9")).toMatchObject({
      stdout: "Rolled back 3 migration(s): version 12 -> 9.\n",
      exitCode: 0,
    });
    expect(await run("old", "up")).toMatchObject({
      stdout: "Nothing to do: version 9 is the newest.\n",
      exitCode: 0,
    });
    expect(await run("old", "validate")).toMatchObject({ exitCode: 0 });
    expect(await run("gone", "rollback", "0")).toMatchObject({
      stdout: "Rolled back 9 migration(s): version 9 -> 0.\n",
      exitCode: 0,
    });
  });

  it("says that a version has no down, not that the directory is gone", async () => {
    using folder = tempFolder();
    writeMigrations(folder.at("m"), { "001_t.sql": sections("CREATE TABLE t (x);", "") });
    const run = (dir: string, ...argv: string[]): Promise<CliResult> =>
      spawnMigrate([...argv, "--db", "x.db", "--dir", dir], { cwd: folder.path });
    await run("m", "up");
    expect(await run("gone", "rollback")).toMatchObject({
      stderr: expect.stringContaining("MIGRATION_IRREVERSIBLE"),
      exitCode: 1,
    });
  });
});
