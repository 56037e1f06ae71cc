import { describe, expect, it } from "bun:test";
import {
  fullCopySource,
  renameOf,
  takesEveryRow,
  verbOf,
} from "../../../../src/engine/sqlite/hazards/statement-shape.ts";
import { splitStatements, type Statement } from "../../../../src/migration/sql-scanner.ts";

const one = (sql: string): Statement => splitStatements(sql)[0] as Statement;

describe("fullCopySource()", () => {
  it.each([
    "INSERT INTO n SELECT * FROM t",
    'INSERT INTO "n" ("a", "b") SELECT "a", "b" FROM "t"',
    "INSERT INTO n (a) SELECT coalesce(a, (SELECT max(x) FROM y WHERE z)) FROM main.t AS o",
    "INSERT INTO n SELECT * FROM t o",
    "CREATE TABLE n AS SELECT * FROM t",
    'INSERT INTO "n" ("a", "b") SELECT "a", "b" FROM "t" ORDER BY "a", b DESC',
    "INSERT INTO n SELECT * FROM t o ORDER BY rowid",
    "CREATE TEMP TABLE n AS SELECT a FROM [t]",
  ])("sees that %s takes every row", (sql) => {
    expect(fullCopySource(one(sql))).toBe("t");
  });

  it.each([
    "INSERT INTO n SELECT * FROM t WHERE a",
    "INSERT INTO n SELECT * FROM t o WHERE a",
    "INSERT INTO n SELECT DISTINCT a FROM t",
    "INSERT INTO n SELECT a FROM t LIMIT 5",
    "INSERT INTO n SELECT a FROM t ORDER BY a LIMIT 5",
    "INSERT INTO n SELECT a FROM t ORDER BY b",
    "INSERT INTO n SELECT a FROM t ORDER BY a, random()",
    "INSERT INTO n SELECT * FROM t ORDER BY a LIMIT 2 OFFSET 1",
    "INSERT INTO n SELECT a FROM t o ORDER BY b",
    "INSERT INTO n SELECT a FROM t GROUP BY a",
    "INSERT INTO n SELECT a FROM t JOIN u",
    "INSERT INTO n SELECT a FROM t, u",
    "INSERT INTO n SELECT a FROM t EXCEPT SELECT a FROM u",
    "INSERT INTO n SELECT a FROM (SELECT * FROM t LIMIT 1)",
    "INSERT OR IGNORE INTO n SELECT * FROM t",
    "INSERT INTO n SELECT * FROM t o ON CONFLICT DO NOTHING",
    "REPLACE INTO n SELECT * FROM t",
    "WITH t AS (SELECT 1) INSERT INTO n SELECT * FROM t",
    "INSERT INTO n WITH t AS (SELECT 1) SELECT * FROM t",
    "CREATE TABLE n AS WITH t AS (SELECT 1) SELECT * FROM t",
    "INSERT INTO n VALUES (1)",
    "CREATE VIEW n AS SELECT 1",
  ])("does not promise it of %s", (sql) => {
    expect(fullCopySource(one(sql))).toBeNull();
  });
});

describe("takesEveryRow()", () => {
  it.each([
    ["DELETE FROM t", true],
    ["UPDATE t SET a = (SELECT b FROM u WHERE c)", true],
    ["DELETE FROM t WHERE a", false],
    ["DELETE FROM t LIMIT 1", false],
    ['DELETE FROM "where"', true],
  ])("reads %s", (sql, expected) => {
    expect(takesEveryRow(one(sql))).toBe(expected);
  });
});

describe("verbOf()", () => {
  it("finds the verb behind a WITH", () => {
    expect(verbOf(one("WITH q AS (SELECT 'INSERT') DELETE FROM t"))).toBe("DELETE");
  });
});

describe("renameOf()", () => {
  it("tells tables from columns, quoted or not", () => {
    expect(renameOf(one('ALTER TABLE "a b" RENAME TO "c d"'))).toEqual({
      kind: "table",
      to: "c d",
    });
    expect(renameOf(one("ALTER TABLE t RENAME COLUMN a TO b"))).toEqual({
      kind: "column",
      from: "a",
      to: "b",
    });
    expect(renameOf(one("ALTER TABLE t RENAME a TO b"))).toMatchObject({ from: "a", to: "b" });
    expect(renameOf(one("ALTER TABLE t ADD COLUMN a"))).toBeNull();
  });
});
