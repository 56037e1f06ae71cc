/** Directories of other tools, as those tools write them: applied, compared, undone and stamped as they stand. */
import { rmSync, statSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "bun:test";
import { readBundleEntries } from "../../src/engine/bundle.ts";
import { bundleStamp } from "../../src/engine/bundled-migration.ts";
import { type DirectorySource, directorySource } from "../../src/engine/directory.ts";
import { bundleSource } from "../../src/engine/source.ts";
import type { Connection } from "../../src/engine/sqlite/connection.ts";
import { openConnection } from "../../src/engine/sqlite/open.ts";
import { validateConnection } from "../../src/engine/sqlite/validate.ts";
import { stampDirectory } from "../../src/engine/up-to-date.ts";
import { codeOf, errorOf } from "../support/error-of.ts";
import { runMigrate } from "../support/migrate-process.ts";
import { settleFiles, writeMigrations } from "../support/migration-directory.ts";
import { appliedVersions, column, migratorOver, objectNames } from "../support/migrating.ts";
import { tempFolder } from "../support/temp-folder.ts";

const GOOSE = {
  "00001_users.sql": `-- +goose Up
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);

-- +goose Down
DROP TABLE users;
`,
  "20240131123456_audit.sql": `-- +goose Up
-- +goose StatementBegin
CREATE TABLE audit (user_id INTEGER);
CREATE TRIGGER users_audit AFTER INSERT ON users BEGIN
  INSERT INTO audit VALUES (NEW.id);
END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER users_audit;
DROP TABLE audit;
`,
};

const SQLX = {
  "1_users.sql":
    "-- Add migration script here\nCREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);\n",
  "20240131123456_audit.up.sql": `-- Add up migration script here
CREATE TABLE audit (user_id INTEGER);
CREATE TRIGGER users_audit AFTER INSERT ON users BEGIN INSERT INTO audit VALUES (NEW.id); END;`,
  "20240131123456_audit.down.sql":
    "-- Add down migration script here\nDROP TRIGGER users_audit;\nDROP TABLE audit;",
};

const DIESEL = {
  ".keep": "",
  "00000000000000_diesel_initial_setup/up.sql":
    "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);",
  "00000000000000_diesel_initial_setup/down.sql":
    "-- This file should undo anything in `up.sql`\nDROP TABLE users;",
  "2024-01-31-123456_audit/up.sql": `-- Your SQL goes here
CREATE TABLE audit (user_id INTEGER);
CREATE TRIGGER users_audit AFTER INSERT ON users BEGIN INSERT INTO audit VALUES (NEW.id); END;`,
  "2024-01-31-123456_audit/down.sql": "DROP TRIGGER users_audit;\nDROP TABLE audit;",
  "2024-01-31-123456_audit/metadata.toml": "run_in_transaction = true\n",
};

const DRIZZLE = {
  "0000_lazy_hulk.sql":
    "CREATE TABLE `users` (\n\t`id` integer PRIMARY KEY NOT NULL,\n\t`name` text\n);\n--> statement-breakpoint\nCREATE TABLE `old` (`x`);",
  "0001_bold_rogue.sql": `CREATE TABLE \`audit\` (\`user_id\` integer)
--> statement-breakpoint
CREATE TRIGGER users_audit AFTER INSERT ON users BEGIN INSERT INTO audit VALUES (NEW.id); END;--> statement-breakpoint
PRAGMA foreign_keys=OFF;--> statement-breakpoint
DROP TABLE \`old\`;--> statement-breakpoint
PRAGMA foreign_keys=ON;`,
  "meta/0000_snapshot.json": "{}",
  "meta/0001_snapshot.json": "{}",
  "meta/_journal.json": JSON.stringify({
    version: "7",
    dialect: "sqlite",
    entries: [
      {
        idx: 0,
        version: "6",
        when: Date.UTC(2023, 0, 1),
        tag: "0000_lazy_hulk",
        breakpoints: true,
      },
      {
        idx: 1,
        version: "6",
        when: Date.UTC(2024, 0, 31, 12, 34, 56, 789),
        tag: "0001_bold_rogue",
        breakpoints: true,
      },
    ],
  }),
};

const DRIZZLE_FOLDERS = {
  "20230101000000_lazy_hulk/migration.sql": DRIZZLE["0000_lazy_hulk.sql"],
  "20230101000000_lazy_hulk/snapshot.json": "{}",
  "20240131123456_bold_rogue/migration.sql": DRIZZLE["0001_bold_rogue.sql"],
  "20240131123456_bold_rogue/snapshot.json": "{}",
};

const AUDIT = 20_240_131_123_456;

describe.each([
  ["goose", GOOSE, 1, true],
  ["sqlx", SQLX, 1, false],
  ["Diesel", DIESEL, 1, true],
  ["drizzle", DRIZZLE, 20_230_101_000_000, false],
  ["drizzle's newer layout", DRIZZLE_FOLDERS, 20_230_101_000_000, false],
] as const)("a directory of %s", (_, files, first, isReversible) => {
  it("is applied, valid, undone where it can be, and the same from a bundle", () => {
    using folder = tempFolder();
    const directory = writeMigrations(folder.at("m"), files);
    const source = directorySource(directory);
    expect(source.versions()).toEqual([first, AUDIT]);
    using db = openConnection(":memory:");
    const migrator = migratorOver(db, source);
    migrator.up();
    db.runOnce("INSERT INTO users (id) VALUES (7)");
    expect(column(db, "SELECT user_id FROM audit")).toEqual([7]);
    const { standings } = migrator.status();
    expect(standings.map(({ state }) => state)).toEqual(["applied", "applied"]);
    expect(validateConnection(db, standings)).toEqual({
      isValid: true,
      findings: [],
      notChecked: [],
    });

    expectSameFromBundle(db, source);

    if (isReversible) migrator.rollback({ target: 0 });
    else expect(codeOf(() => migrator.rollback({ target: 0 }))).toBe("MIGRATION_IRREVERSIBLE");
    expect(appliedVersions(db)).toEqual(isReversible ? [] : [first, AUDIT]);
  });
});

function expectSameFromBundle(db: Connection, source: DirectorySource): void {
  const entries = readBundleEntries(source);
  const bundle = {
    stamp: bundleStamp(entries),
    versions: entries.map(({ version }) => version),
    load: () => entries,
  };
  const bundled = migratorOver(db, bundleSource(bundle, "a bundle"));
  expect(bundled.status().standings.map(({ state }) => state)).toEqual(["applied", "applied"]);
  using fresh = openConnection(":memory:");
  migratorOver(fresh, bundleSource(bundle, "a bundle")).up();
  expect(objectNames(fresh)).toEqual(objectNames(db));
}

describe("stampDirectory() of folders", () => {
  it.each([
    ["Diesel's", DIESEL, "2024-01-31-123456_audit/down.sql"],
    ["Diesel's settings", DIESEL, "2024-01-31-123456_audit/metadata.toml"],
    ["drizzle's", DRIZZLE_FOLDERS, "20240131123456_bold_rogue/migration.sql"],
    ["a journal", DRIZZLE, "meta/_journal.json"],
  ] as const)("notices an edit of %s, of the same length too", (_, files, path) => {
    using folder = tempFolder();
    const directory = writeMigrations(folder.at("m"), files);
    settleFiles();
    const before = stampDirectory(directory);
    expect(before.isSettled).toBe(true);
    expect(stampDirectory(directory).value).toBe(before.value);
    const text = String((files as Record<string, string>)[path]);
    writeFileSync(`${directory}/${path}`, text.replace(/.$/s, " "));
    const after = stampDirectory(directory);
    expect(after.value).not.toBe(before.value);
    expect(after.isSettled).toBe(false);
  });

  it("notices a file that comes into a folder or goes", () => {
    using folder = tempFolder();
    const directory = writeMigrations(folder.at("m"), DIESEL);
    const before = stampDirectory(directory).value;
    rmSync(`${directory}/00000000000000_diesel_initial_setup/down.sql`);
    expect(stampDirectory(directory).value).not.toBe(before);
  });

  it("asks the file system nothing more for a flat directory", () => {
    using folder = tempFolder();
    const flat = writeMigrations(folder.at("m"), { "001_a.sql": "SELECT 1;" });
    const names = ["001_a.sql"];
    const { size, mtimeMs, ctimeMs, ino } = statSync(`${flat}/001_a.sql`);
    const expected = new Bun.CryptoHasher("sha256")
      .update(names.join("\0"))
      .update(new Float64Array([size, mtimeMs, ctimeMs, ino]));
    expect(stampDirectory(flat).value).toBe(`dir:${expected.digest("hex")}`);
  });
});

describe("Diesel's settings", () => {
  it.each([
    ["run_in_transaction = false\n", "MIGRATION_SECTION_INVALID", "`transaction:false`"],
    // As Diesel reads it: a file that does not say true says false.
    ["[other]\nkey = 1\n", "MIGRATION_SECTION_INVALID", "`transaction:false`"],
    ["run_in_transaction = maybe\n", "MIGRATION_FILE_INVALID", "it is not TOML"],
  ])("refuses %j", (toml, code, observed) => {
    using folder = tempFolder();
    const directory = writeMigrations(folder.at("m"), {
      ...DIESEL,
      "2024-01-31-123456_audit/metadata.toml": toml,
    });
    const error = errorOf(() => directorySource(directory).load());
    expect([error.code, error.message]).toEqual([
      code as typeof error.code,
      expect.stringContaining(observed),
    ]);
  });
});

describe("the commands over Diesel's folders", () => {
  it("read them as they stand, and write the next one beside them", async () => {
    using folder = tempFolder();
    writeMigrations(folder.at("m"), DIESEL);
    const run = (...args: string[]) => runMigrate([...args, "--dir", "m/"], folder.path);
    const db = ["--db", "x.db"];
    expect(await run("plan", ...db)).toMatchObject({
      stdout: expect.stringContaining("m/2024-01-31-123456_audit/up.sql"),
      exitCode: 0,
    });
    settleFiles();
    expect(await run("up", ...db)).toMatchObject({ exitCode: 0 });
    expect(await run(...db)).toMatchObject({
      stdout: `Nothing to do: version ${AUDIT} is the newest.\n`,
      exitCode: 0,
    });
    const down = "m/2024-01-31-123456_audit/down.sql";
    writeFileSync(folder.at(down), "DROP TABLE audit;");
    expect(await run("status", "--check", ...db)).toMatchObject({
      stdout: expect.stringContaining("EDITED (down)"),
      exitCode: 3,
    });
    writeFileSync(folder.at(down), DIESEL["2024-01-31-123456_audit/down.sql"]);
    expect(await run("validate", ...db)).toMatchObject({ exitCode: 0 });
    expect(await run("test", "--rows", "2", "--seed", "1")).toMatchObject({ exitCode: 0 });
    const created = await run("create", "add tags", "--json");
    const { path } = JSON.parse(created.stdout) as { path: string };
    expect(path).toMatch(/^m\/\d{4}-\d\d-\d\d-\d{6}_add_tags$/);
    writeFileSync(folder.at(`${path}/up.sql`), "CREATE TABLE tags (x);");
    writeFileSync(folder.at(`${path}/down.sql`), "DROP TABLE tags;");
    expect(await run("up", ...db)).toMatchObject({ exitCode: 0 });
    expect(await run("rollback", "0", "--no-backup", ...db)).toMatchObject({ exitCode: 0 });
  }, 30_000);

  it("refuse to write into drizzle's, whose snapshots they cannot make", async () => {
    using folder = tempFolder();
    writeMigrations(folder.at("m"), DRIZZLE);
    const result = await runMigrate(["create", "x", "--dir", "m", "--json"], folder.path);
    expect(result).toMatchObject({ exitCode: 2 });
    expect(result.stderr).toContain("drizzle-kit generate");
  });
});
