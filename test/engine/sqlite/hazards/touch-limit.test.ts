import { describe, expect, it } from "bun:test";
import type { Connection } from "../../../../src/engine/sqlite/connection.ts";
import { analysePlan } from "../../../../src/engine/sqlite/hazards/index.ts";
import { openConnection } from "../../../../src/engine/sqlite/open.ts";
import { planUp } from "../../../../src/migration/plan.ts";
import { errorOf } from "../../../support/error-of.ts";
import { listOf, migratorOver, objectNames, type Sketch } from "../../../support/migrating.ts";

function database(more = ""): Connection {
  const connection = openConnection(":memory:");
  connection.runOnce(`
    CREATE TABLE symbols (id INTEGER PRIMARY KEY);
    CREATE TABLE bars (id INTEGER PRIMARY KEY, a, b, symbol REFERENCES symbols (id));
    CREATE TABLE notes (
      x PRIMARY KEY, bar REFERENCES bars (id) ON DELETE CASCADE ON UPDATE SET NULL
    );
    CREATE TABLE log (a);
    CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, z);
    CREATE TABLE watched (a);
    CREATE TRIGGER w AFTER UPDATE ON watched BEGIN INSERT INTO log VALUES (new.a); END;
    CREATE VIEW over_bars AS SELECT a FROM bars;
    ${more}`);
  return connection;
}

/** The table that the last of the migrations may not reach; null when all may do what they do. */
function deniedBy(...sketches: Sketch[]): string | null {
  using connection = database();
  const before = objectNames(connection);
  try {
    migratorOver(connection, listOf(...sketches)).up();
    return null;
  } catch {
    const error = errorOf(() => migratorOver(connection, listOf(...sketches)).plan());
    expect(error.code).toBe("MIGRATION_TOUCHES");
    expect(objectNames(connection)).toEqual(before);
    return String(error.details["table"]);
  }
}

const BARS = "-- migrate:touches bars\n";

describe("a section with migrate:touches", () => {
  it.each([
    "UPDATE bars SET a = (SELECT value FROM json_each('[1]'))",
    "WITH q AS (SELECT 1 AS z) INSERT INTO bars (a) SELECT count(*) FROM q",
    "INSERT INTO bars (symbol) SELECT a FROM bars",
    "CREATE INDEX i ON bars (a); REINDEX i; ANALYZE bars; DROP INDEX i",
    "ALTER TABLE bars ADD COLUMN z",
    "CREATE TRIGGER t AFTER UPDATE OF a ON bars BEGIN UPDATE bars SET b = 1; END",
    "PRAGMA foreign_keys = OFF",
  ])("may do what stays within: %s", (sql) => {
    expect(deniedBy(BARS + sql)).toBeNull();
  });

  it.each([
    ["INSERT INTO log VALUES (1)", "log"],
    ["INSERT INTO bars (a) SELECT x FROM notes", "notes"],
    ["UPDATE bars SET a = (SELECT max(x) FROM notes)", "notes"],
    ["SELECT a FROM over_bars", "over_bars"],
    ["DELETE FROM bars", "notes"],
    ["UPDATE bars SET id = 2", "notes"],
    ["INSERT OR REPLACE INTO bars (id) VALUES (1)", "notes"],
    ["DROP TABLE bars", "notes"],
    ["DROP TABLE log", "log"],
    ["DROP VIEW over_bars", "over_bars"],
    ["CREATE TABLE z (a)", "z"],
    ["CREATE TEMP TABLE z AS SELECT 1", "z"],
    ["CREATE VIEW z AS SELECT 1", "z"],
    ["CREATE INDEX i ON log (a)", "log"],
    ["ALTER TABLE log ADD COLUMN b", "log"],
    ["ALTER TABLE bars RENAME COLUMN a TO c", "over_bars"],
    ["ALTER TABLE bars RENAME TO bars2", "notes"],
    ["CREATE TRIGGER t AFTER INSERT ON bars BEGIN DELETE FROM log; END", "log"],
    ["DROP TRIGGER w", "watched"],
    ["ANALYZE", "watched"],
    ["SELECT count(*) FROM sqlite_schema", "sqlite_schema"],
    ["SELECT sum(pgsize) FROM dbstat", "dbstat"],
    ["PRAGMA application_id = 1", "the file's header"],
    ["INSERT INTO nowhere VALUES (1)", "null"],
  ])("may not do %s: it reaches %s", (sql, table) => {
    expect(deniedBy(BARS + sql)).toBe(table);
  });

  it("follows triggers and new views to where they lead", () => {
    expect(deniedBy("-- migrate:touches watched\nUPDATE watched SET a = 1")).toBe("log");
    expect(deniedBy("-- migrate:touches watched log\nUPDATE watched SET a = 1")).toBeNull();
    const view = "CREATE VIEW v AS SELECT bar FROM notes";
    expect(deniedBy(`-- migrate:touches v\n${view}`)).toBe("notes");
    expect(deniedBy(`-- migrate:touches v, NOTES\n${view}`)).toBeNull();
  });

  it("follows a temporary trigger of the connection", () => {
    using connection = database();
    connection.runOnce(
      "CREATE TEMP TRIGGER t AFTER UPDATE ON bars BEGIN INSERT INTO log VALUES (1); END",
    );
    const migrator = migratorOver(connection, listOf(`${BARS}UPDATE bars SET a = 1`));
    expect(errorOf(() => migrator.up()).details["table"]).toBe("log");
  });

  it("takes the counter of AUTOINCREMENT for SQLite's own business until it is written by name", () => {
    const counted = "-- migrate:touches counted\n";
    expect(deniedBy(`${counted}INSERT INTO counted (z) VALUES (1); DROP TABLE counted`)).toBeNull();
    const reset = "UPDATE sqlite_sequence SET seq = 0";
    expect(deniedBy(counted + reset)).toBe("sqlite_sequence");
    expect(deniedBy(`-- migrate:touches counted, sqlite_sequence\n${reset}`)).toBeNull();
  });

  it("names what it makes for itself, and may then rebuild", () => {
    const rebuild = `CREATE TABLE n (x NOT NULL, bar); INSERT INTO n SELECT x, bar FROM notes;
      DROP TABLE notes; ALTER TABLE n RENAME TO notes; CREATE INDEX i ON notes (x)`;
    expect(deniedBy(`-- migrate:touches notes\n${rebuild}`)).toBe("n");
    expect(deniedBy(`-- migrate:touches notes n\n${rebuild}`)).toBeNull();
  });

  it("may keep tables of a virtual table by that table's name", () => {
    const sql = "CREATE VIRTUAL TABLE words USING fts5 (x); INSERT INTO words VALUES ('a')";
    expect(deniedBy(`-- migrate:touches words\n${sql}; DROP TABLE words`)).toBeNull();
  });

  it("trusts no virtual table that reads another, and no look behind one", () => {
    const external = "CREATE VIRTUAL TABLE words USING fts5 (x, content='notes')";
    expect(deniedBy(`-- migrate:touches words\n${external}`)).toBe("null");
    const use = "-- migrate:touches words\nINSERT INTO words (words) VALUES ('rebuild')";
    expect(deniedBy(external, use)).toBe("null");
    expect(
      deniedBy("CREATE VIRTUAL TABLE words USING fts5 (x)", `${BARS}SELECT id FROM words_content`),
    ).toBe("words_content");
  });

  it("is refused before anything of the plan is written, with its place and statement", () => {
    using connection = database();
    const source = listOf(
      "CREATE TABLE early (a)",
      `${BARS}UPDATE bars SET a = 1;\nDELETE FROM log;`,
    );
    for (const attempt of [
      () => migratorOver(connection, source).plan(),
      () => migratorOver(connection, source).up(),
      () => analysePlan(connection, planUp(source.load(), [])),
    ]) {
      const error = errorOf(attempt);
      expect(error.code).toBe("MIGRATION_TOUCHES");
      expect(error.message).toContain("002_m2 (up):3 `DELETE FROM log`: it deletes from log,");
      expect(error.details).toMatchObject({
        statement: "DELETE FROM log",
        table: "log",
        tables: ["bars"],
        position: { line: 3 },
      });
    }
    expect(objectNames(connection)).not.toContain("early");
  });

  it("is judged by the schema that earlier steps make", () => {
    const trigger = "CREATE TRIGGER t AFTER UPDATE ON bars BEGIN DELETE FROM log; END";
    expect(deniedBy(trigger, `${BARS}UPDATE bars SET a = 1`)).toBe("log");
  });

  it("is judged again inside the lock, where a function before it has run", () => {
    using connection = database();
    const migrator = migratorOver(
      connection,
      listOf(
        (db) => db.exec("CREATE TRIGGER t AFTER UPDATE ON bars BEGIN DELETE FROM log; END"),
        `${BARS}UPDATE bars SET a = 1`,
      ),
    );
    const error = errorOf(() => migrator.up());
    expect([error.code, error.details["applied"]]).toEqual(["MIGRATION_TOUCHES", [1]]);
  });

  it("holds for a down with a line of its own, and the line of an up does not carry over", () => {
    using connection = database();
    const up = `${BARS}UPDATE bars SET a = 1`;
    const limited = migratorOver(
      connection,
      listOf([up, "-- migrate:touches bars\nDELETE FROM log"]),
    );
    limited.up();
    expect(errorOf(() => limited.rollback()).code).toBe("MIGRATION_TOUCHES");
    using other = database();
    const free = migratorOver(other, listOf([up, "DELETE FROM log"]));
    free.up();
    expect(free.rollback().toVersion).toBe(0);
  });
});
