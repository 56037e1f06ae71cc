import { describe, expect, it, spyOn } from "bun:test";
import { type Seed, seedFromText } from "../../../src/engine/seed-file.ts";
import type { Connection } from "../../../src/engine/sqlite/connection.ts";
import { openConnection } from "../../../src/engine/sqlite/open.ts";
import { declareEnvironment } from "../../../src/engine/sqlite/seed-environment.ts";
import { applySeed, type SeedReport } from "../../../src/engine/sqlite/seed.ts";
import { readSeedEntries } from "../../../src/engine/sqlite/seed-ledger.ts";
import { describeSchema } from "../../../src/engine/sqlite/schema.ts";
import { validateConnection } from "../../../src/engine/sqlite/validate.ts";
import { checksumSql } from "../../../src/engine/read-migration.ts";
import { TOOL_VERSION } from "../../../src/engine/tool-version.ts";
import { codeOf, errorOf } from "../../support/error-of.ts";
import { column, listOf, migratorOver, objectNames, pragma } from "../../support/migrating.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const SOURCE = listOf(
  `CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT UNIQUE, at REAL DEFAULT (unixepoch('subsec')));
   CREATE TABLE posts (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users (id) ON DELETE CASCADE);
   CREATE TABLE log (name TEXT);
   CREATE TABLE notes (text TEXT);
   CREATE VIRTUAL TABLE pages USING fts5 (text);
   CREATE TRIGGER users_log AFTER UPDATE ON users BEGIN INSERT INTO log VALUES (new.name); END;`,
);

const NOW = 1_700_000_000_000;
const USERS =
  "INSERT INTO users (id, name, at) VALUES (1, 'a', 0), (2, 'b', 0) ON CONFLICT DO NOTHING;";

function database(): Connection {
  const db = openConnection(":memory:");
  migratorOver(db, SOURCE).up();
  return db;
}

const seedOf = (sql: string, environment = "development"): Seed =>
  seedFromText(environment, `seeds/${environment}.sql`, sql);

function apply(
  db: Connection,
  sql: string,
  { environment = "development", ...options }: { environment?: string; switchFrom?: string } = {},
): SeedReport {
  const migrator = migratorOver(db, SOURCE);
  return applySeed(db, seedOf(sql, environment), { migrator, now: () => NOW, ...options });
}

const userNames = (db: Connection): unknown[] => column(db, "SELECT name FROM users ORDER BY id");

describe("applySeed()", () => {
  it("runs a seed once, remembers it, and has then nothing to do", () => {
    using db = database();
    expect(apply(db, USERS)).toEqual({
      environment: "development",
      status: "applied",
      file: "seeds/development.sql",
      checksum: checksumSql(USERS),
      statementCount: 1,
      tables: [{ name: "users", rowsBefore: 0, rowsAfter: 2 }],
      appliedAt: NOW,
      executionTimeMs: expect.any(Number),
    });
    expect(readSeedEntries(db)).toMatchObject([
      {
        environment: "development",
        checksum: checksumSql(USERS),
        applied_at: NOW,
        tool_version: TOOL_VERSION,
      },
    ]);
    db.runOnce("DELETE FROM users");
    expect(apply(db, `-- a comment is no change\n${USERS}`)).toMatchObject({
      status: "up-to-date",
      tables: [],
    });
    expect(userNames(db)).toEqual([]);
  });

  it("runs a changed seed again, over the rows of the first", () => {
    using db = database();
    apply(db, USERS);
    const more = `${USERS} INSERT INTO users (id, name) VALUES (3, 'c') ON CONFLICT DO NOTHING;`;
    expect(apply(db, more)).toMatchObject({
      status: "applied",
      tables: [{ name: "users", rowsBefore: 2, rowsAfter: 3 }],
    });
    // Back to the text before: it is a change too.
    expect(apply(db, USERS)).toMatchObject({ status: "applied" });
    expect(apply(db, USERS)).toMatchObject({ status: "up-to-date" });
    expect(readSeedEntries(db)).toHaveLength(3);
  });

  it("takes the engine's table for no part of the schema", () => {
    using db = database();
    const before = describeSchema(db);
    apply(db, USERS);
    expect(describeSchema(db)).toEqual(before);
    const { standings } = migratorOver(db, SOURCE).status();
    expect(validateConnection(db, standings).findings).toEqual([]);
  });

  it.each([
    [
      "rows that are added again",
      "INSERT INTO notes VALUES ('x');",
      "notes has 2 row(s) instead of 1",
    ],
    [
      "rows of a virtual table",
      "INSERT INTO pages VALUES ('x');",
      "pages has 2 row(s) instead of 1",
    ],
    [
      "a table that is emptied and filled",
      "DELETE FROM notes; INSERT INTO notes SELECT random();",
      "notes has other values",
    ],
    [
      "a value of the clock",
      "INSERT INTO users (id, name) VALUES (1, 'a') ON CONFLICT DO UPDATE SET at = unixepoch('subsec');",
      "users has other values",
    ],
    [
      "a random value",
      "INSERT OR REPLACE INTO users VALUES (1, 'a', random());",
      "users has other values",
    ],
    [
      "what a trigger writes",
      `${USERS} UPDATE users SET name = name WHERE id = 1;`,
      "log has 2 row(s) instead of 1",
    ],
    [
      "rows that go one by one",
      `${USERS} INSERT INTO notes VALUES ('x') ON CONFLICT DO NOTHING; DELETE FROM users WHERE id = (SELECT min(id) FROM users);`,
      "notes has 2 row(s) instead of 1",
    ],
  ])("refuses %s, naming the table, and undoes all of it", (_, sql, words) => {
    using db = database();
    const error = errorOf(() => apply(db, sql));
    expect(error.code).toBe("SEED_NOT_IDEMPOTENT");
    expect(error.message).toContain(words);
    expect([
      userNames(db),
      column(db, "SELECT * FROM notes"),
      column(db, "SELECT * FROM log"),
    ]).toEqual([[], [], []]);
    expect(readSeedEntries(db)).toEqual([]);
  });

  it("refuses a seed that fails when it is run again, with the statement's position", () => {
    using db = database();
    const error = errorOf(() =>
      apply(db, `${USERS}\nINSERT INTO users (id, name) VALUES (3, 'c');`),
    );
    expect(error.code).toBe("SEED_NOT_IDEMPOTENT");
    expect(error.message).toContain(
      "UNIQUE constraint failed: users.id at seeds/development.sql:2:1",
    );
    expect(error.details["position"]).toMatchObject({ line: 2 });
    expect(userNames(db)).toEqual([]);
  });

  it("accepts a seed that deletes its rows and writes them anew", () => {
    using db = database();
    db.runOnce("INSERT INTO notes VALUES ('mine')");
    const sql =
      "DELETE FROM notes WHERE text LIKE 'seed%'; INSERT INTO notes VALUES ('seed 1'), ('seed 2');";
    expect(apply(db, sql)).toMatchObject({
      tables: [{ name: "notes", rowsBefore: 1, rowsAfter: 3 }],
    });
    expect(apply(db, `${sql} SELECT 1;`)).toMatchObject({
      tables: [{ name: "notes", rowsAfter: 3 }],
    });
  });

  it("names file, line and column of a statement that fails, and undoes all of it", () => {
    using db = database();
    const error = errorOf(() => apply(db, `${USERS}\n\n  INSERT INTO users (nam) VALUES (1);`));
    expect(error.code).toBe("SEED_FAILED");
    expect(error.message).toContain("seeds/development.sql:3:3");
    expect(userNames(db)).toEqual([]);
  });

  it("takes no children along, and refuses rows that would point at nothing", () => {
    using db = database();
    apply(db, `${USERS} INSERT INTO posts VALUES (1, 1) ON CONFLICT DO NOTHING;`);
    apply(db, "INSERT OR REPLACE INTO users (id, name, at) VALUES (1, 'a', 1);");
    expect(column(db, "SELECT id FROM posts")).toEqual([1]);
    expect(codeOf(() => apply(db, "DELETE FROM users WHERE id = 1;"))).toBe(
      "MIGRATION_FOREIGN_KEYS",
    );
    expect(pragma(db, "foreign_keys")).toBe(1);
    expect(userNames(db)).toEqual(["a", "b"]);
  });

  it.each([
    ["CREATE TABLE t (x);", "SEED_STATEMENT_FORBIDDEN"],
    ["PRAGMA user_version = 3;", "MIGRATION_STATEMENT_FORBIDDEN"],
    ["COMMIT;", "MIGRATION_TRANSACTION_CONTROL"],
    ["-- migrate:up\nSELECT 1;", "MIGRATION_SECTION_INVALID"],
    ["DELETE FROM schema_migrations;", "SEED_STATEMENT_FORBIDDEN"],
    ["INSERT INTO Schema_Migrations_Seeds (environment) VALUES ('x');", "SEED_STATEMENT_FORBIDDEN"],
    [`${USERS} INSERT OR ROLLBACK INTO users (id) VALUES (1);`, "SEED_FAILED"],
  ])("refuses %s", (sql, code) => {
    using db = database();
    apply(db, "SELECT 1;");
    expect(codeOf(() => apply(db, sql))).toBe(code);
    expect(userNames(db)).toEqual([]);
    expect(db.inTransaction).toBe(false);
  });

  it("wants every migration applied first", () => {
    using db = openConnection(":memory:");
    const error = errorOf(() => apply(db, USERS));
    expect(error).toMatchObject({ code: "DATABASE_OUTDATED", hint: "Run `migrate up` first." });
    expect(objectNames(db)).toEqual([]);
  });

  it("fills only databases of its own environment, unless the old one is named", () => {
    using db = database();
    apply(db, USERS, { environment: "production" });
    const refused = errorOf(() => apply(db, USERS));
    expect(refused.code).toBe("SEED_ENVIRONMENT");
    expect(refused.message).toContain("it is a database of production");
    expect(codeOf(() => apply(db, USERS, { switchFrom: "staging" }))).toBe("SEED_ENVIRONMENT");
    expect(apply(db, USERS, { switchFrom: "production" }).status).toBe("applied");
    expect(codeOf(() => apply(db, USERS, { environment: "production" }))).toBe("SEED_ENVIRONMENT");
    // The text is the one of its first run here, but what happened since may have undone it.
    expect(apply(db, USERS, { environment: "production", switchFrom: "development" }).status).toBe(
      "applied",
    );
  });

  it("looks again once it holds the lock: what another process has seeded meanwhile is not run twice", () => {
    using folder = tempFolder();
    using first = openConnection(folder.at("x.db"));
    using second = openConnection(folder.at("x.db"));
    migratorOver(first, SOURCE).up();
    const transaction = first.transaction.bind(first);
    const spy = spyOn(first, "transaction").mockImplementationOnce((work, action) => {
      apply(second, USERS);
      return transaction(work, action);
    });
    expect(apply(first, USERS).status).toBe("up-to-date");
    expect(spy).toHaveBeenCalledTimes(1);
    expect(readSeedEntries(first)).toHaveLength(1);
  });

  it("refuses to switch from anything a database that was never seeded", () => {
    using db = database();
    expect(codeOf(() => apply(db, USERS, { switchFrom: "production" }))).toBe("SEED_ENVIRONMENT");
  });
});

describe("declareEnvironment()", () => {
  it("marks a database, once, without running anything", () => {
    using db = database();
    declareEnvironment(db, "production", { now: () => NOW });
    declareEnvironment(db, "production", { now: () => NOW });
    expect(readSeedEntries(db)).toMatchObject([{ environment: "production", checksum: null }]);
    expect(codeOf(() => apply(db, USERS))).toBe("SEED_ENVIRONMENT");
    expect(apply(db, USERS, { environment: "production" }).status).toBe("applied");
    declareEnvironment(db, "staging", { switchFrom: "production" });
    expect(codeOf(() => apply(db, USERS, { environment: "production" }))).toBe("SEED_ENVIRONMENT");
  });
});
