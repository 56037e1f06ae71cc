import { describe, expect, it } from "bun:test";
import { openConnection } from "../../../src/engine/sqlite/open.ts";
import {
  describeSchema,
  diffSchemas,
  type SchemaObject,
} from "../../../src/engine/sqlite/schema.ts";
import { listOf, migratorOver } from "../../support/migrating.ts";

function describeSql(...scripts: string[]): SchemaObject[] {
  using db = openConnection(":memory:");
  for (const script of scripts) db.runOnce(script);
  return describeSchema(db);
}

const P = "CREATE TABLE p (id INTEGER PRIMARY KEY, a TEXT, b TEXT);";

describe("describeSchema() and diffSchemas()", () => {
  it.each([
    [
      "comments and layout",
      "CREATE TABLE t (a TEXT, b INT)",
      "create table t (\n  a text, -- why\n  b INT\n)",
    ],
    ["the order of columns", "CREATE TABLE t (a TEXT, b INT)", "CREATE TABLE t (b INT, a TEXT)"],
    [
      "a column that was added later",
      "CREATE TABLE t (a TEXT, b INT)",
      "CREATE TABLE t (a TEXT); ALTER TABLE t ADD COLUMN b INT",
    ],
    [
      "how a column that is called like a constraint is quoted",
      'CREATE TABLE t ("check" TEXT NOT NULL COLLATE NOCASE, "primary" INT COLLATE RTRIM)',
      "CREATE TABLE t ([primary] INT COLLATE RTRIM, `check` TEXT COLLATE NOCASE NOT NULL)",
    ],
    [
      "a column that came and went",
      "CREATE TABLE t (a TEXT)",
      "CREATE TABLE t (a TEXT, b); ALTER TABLE t DROP COLUMN b",
    ],
    [
      "a rebuild",
      `${P} CREATE TABLE c (p REFERENCES p (id))`,
      `CREATE TABLE c (p REFERENCES p (id)); CREATE TABLE q (id INTEGER PRIMARY KEY, a TEXT, b TEXT); ALTER TABLE q RENAME TO p`,
    ],
    [
      "quotes that a rename left",
      `${P} CREATE INDEX i ON p (a) WHERE b > 1`,
      `CREATE TABLE q (id INTEGER PRIMARY KEY, a TEXT, b TEXT); CREATE INDEX i ON q (a) WHERE b > 1; ALTER TABLE q RENAME TO p`,
    ],
    [
      "the order of creation",
      "CREATE TABLE a (x); CREATE TABLE b (x)",
      "CREATE TABLE b (x); CREATE TABLE a (x)",
    ],
  ])("are blind to %s", (_, left, right) => {
    expect(diffSchemas(describeSql(left), describeSql(right))).toEqual([]);
  });

  it.each([
    ["a table", "CREATE TABLE u (x)", "CREATE TABLE u (x); CREATE TABLE t (x)"],
    ["a column", "CREATE TABLE t (x)", "CREATE TABLE t (x, y)"],
    ["a column's type", "CREATE TABLE t (x INT)", "CREATE TABLE t (x TEXT)"],
    ["NOT NULL", "CREATE TABLE t (x)", "CREATE TABLE t (x NOT NULL)"],
    ["a default", "CREATE TABLE t (x DEFAULT 1)", "CREATE TABLE t (x DEFAULT 2)"],
    [
      "a default's white space in a string",
      "CREATE TABLE t (x DEFAULT 'a b')",
      "CREATE TABLE t (x DEFAULT 'a  b')",
    ],
    [
      "the primary key",
      "CREATE TABLE t (x, y, PRIMARY KEY (x))",
      "CREATE TABLE t (x, y, PRIMARY KEY (x, y))",
    ],
    ["a CHECK", "CREATE TABLE t (x CHECK (x > 1))", "CREATE TABLE t (x CHECK (x > 2))"],
    ["a UNIQUE", "CREATE TABLE t (x)", "CREATE TABLE t (x UNIQUE)"],
    ["STRICT", "CREATE TABLE t (x INT)", "CREATE TABLE t (x INT) STRICT"],
    [
      "WITHOUT ROWID",
      "CREATE TABLE t (x PRIMARY KEY NOT NULL)",
      "CREATE TABLE t (x PRIMARY KEY NOT NULL) WITHOUT ROWID",
    ],
    [
      "AUTOINCREMENT",
      "CREATE TABLE t (x INTEGER PRIMARY KEY)",
      "CREATE TABLE t (x INTEGER PRIMARY KEY AUTOINCREMENT)",
    ],
    ["a collation", "CREATE TABLE t (x TEXT)", "CREATE TABLE t (x TEXT COLLATE NOCASE)"],
    [
      "whose collation it is",
      "CREATE TABLE t (x TEXT COLLATE NOCASE, y TEXT)",
      "CREATE TABLE t (x TEXT, y TEXT COLLATE NOCASE)",
    ],
    [
      "a conflict clause",
      "CREATE TABLE t (x UNIQUE)",
      "CREATE TABLE t (x UNIQUE ON CONFLICT REPLACE)",
    ],
    ["a foreign key", `${P} CREATE TABLE c (p)`, `${P} CREATE TABLE c (p REFERENCES p (id))`],
    [
      "its action",
      `${P} CREATE TABLE c (p REFERENCES p)`,
      `${P} CREATE TABLE c (p REFERENCES p ON DELETE CASCADE)`,
    ],
    [
      "its deferral",
      `${P} CREATE TABLE c (p REFERENCES p)`,
      `${P} CREATE TABLE c (p REFERENCES p DEFERRABLE INITIALLY DEFERRED)`,
    ],
    ["a generated column", "CREATE TABLE t (x, y AS (x + 1))", "CREATE TABLE t (x, y AS (x + 2))"],
    ["an index", P, `${P} CREATE INDEX i ON p (a)`],
    ["an index's columns", `${P} CREATE INDEX i ON p (a, b)`, `${P} CREATE INDEX i ON p (b, a)`],
    ["an index's direction", `${P} CREATE INDEX i ON p (a)`, `${P} CREATE INDEX i ON p (a DESC)`],
    [
      "an index's uniqueness",
      `${P} CREATE INDEX i ON p (a)`,
      `${P} CREATE UNIQUE INDEX i ON p (a)`,
    ],
    [
      "an index's condition",
      `${P} CREATE INDEX i ON p (a) WHERE b > 1`,
      `${P} CREATE INDEX i ON p (a) WHERE b > 2`,
    ],
    [
      "an index's expression",
      `${P} CREATE INDEX i ON p (lower(a))`,
      `${P} CREATE INDEX i ON p (upper(a))`,
    ],
    ["a view", `${P} CREATE VIEW v AS SELECT a FROM p`, `${P} CREATE VIEW v AS SELECT b FROM p`],
    [
      "a trigger",
      `${P} CREATE TRIGGER g AFTER INSERT ON p BEGIN SELECT 1; END`,
      `${P} CREATE TRIGGER g AFTER INSERT ON p BEGIN SELECT 2; END`,
    ],
  ])("see %s, both ways", (_, left, right) => {
    const [before, after] = [describeSql(left), describeSql(right)];
    expect(diffSchemas(before, after)).not.toEqual([]);
    expect(diffSchemas(after, before)).not.toEqual([]);
  });

  it("say in words what differs", () => {
    const before = describeSql("CREATE TABLE gone (x); CREATE TABLE t (x INT)");
    const after = describeSql("CREATE TABLE t (x TEXT); CREATE VIEW fresh AS SELECT 1 AS one");
    expect(diffSchemas(before, after)).toEqual([
      "table gone is gone",
      "table t lost: column x INT pk=0 hidden=0",
      "table t gained: column x TEXT pk=0 hidden=0",
      "view fresh is new",
    ]);
  });

  it("leave the ledger and SQLite's own tables out", () => {
    using db = openConnection(":memory:");
    migratorOver(db, listOf("CREATE TABLE t (x INTEGER PRIMARY KEY AUTOINCREMENT, y UNIQUE)")).up();
    expect(describeSchema(db).map(({ name }) => name)).toEqual(["t"]);
  });
});
