import { describe, expect, it } from "bun:test";
import type { Connection } from "../../../src/engine/sqlite/connection.ts";
import { openConnection } from "../../../src/engine/sqlite/open.ts";
import { readContents } from "../../../src/engine/sqlite/table-contents.ts";

const COLUMNS = "(a, b)";

function holding(rows: string, options = ""): Connection {
  const db = openConnection(":memory:");
  db.runOnce(`CREATE TABLE t ${COLUMNS.replace(")", options)}`);
  if (rows !== "") db.runOnce(`INSERT INTO t (a, b) ${rows}`);
  return db;
}

const contents = (rows: string) => {
  using db = holding(rows, ")");
  return readContents(db, "t");
};

describe("readContents()", () => {
  it.each([
    ["another value", "VALUES (1, 2)", "VALUES (1, 3)"],
    ["text for a number", "VALUES (1, 2)", "VALUES (1, '2')"],
    ["REAL for INTEGER", "VALUES (1, 2)", "VALUES (1, 2.0)"],
    ["NULL for nothing", "VALUES (1, NULL)", "VALUES (1, '')"],
    ["a BLOB for text", "VALUES (1, 'a')", "VALUES (1, x'61')"],
    ["text behind a NUL", "VALUES (1, 'a' || char(0) || 'b')", "VALUES (1, 'a' || char(0) || 'c')"],
    ["the 17th digit", "VALUES (1, 0.1)", "VALUES (1, 0.10000000000000002)"],
    ["an integer beyond 2^53", "VALUES (1, 9007199254740992)", "VALUES (1, 9007199254740993)"],
    ["values in other columns", "VALUES (1, 2)", "VALUES (2, 1)"],
    ["a value across columns", "VALUES ('a', 'bc')", "VALUES ('ab', 'c')"],
    ["a row twice", "VALUES (1, 2)", "VALUES (1, 2), (1, 2)"],
    ["two pairs of rows", "VALUES (1, 2), (1, 2)", "VALUES (3, 4), (3, 4)"],
  ])("sees %s", (_, left, right) => {
    expect(contents(left)).not.toEqual(contents(right));
  });

  it("sees neither the order of rows nor numbers that are no column", () => {
    using db = holding("VALUES (1, 2), (3, 4)", ")");
    const before = readContents(db, "t");
    db.runOnce("DELETE FROM t WHERE a = 1");
    db.runOnce("INSERT INTO t (a, b) VALUES (1, 2)");
    expect(readContents(db, "t")).toEqual(before);
  });

  it.each([
    ["an ordinary table", ")"],
    ["a table without rowid", ", n INTEGER PRIMARY KEY) WITHOUT ROWID"],
    ["a table that took every name of it", ", rowid, oid, _rowid_)"],
    ["a generated column", ", c AS (a + 1), d AS (a + 2) STORED)"],
  ])("reads all of %s, more than one read's worth", (_, options) => {
    const columns = options.includes("n INTEGER") ? "value, value, value" : "value, value";
    using db = holding("", options);
    db.readOnce(
      `INSERT INTO t (a, b${columns.length > 12 ? ", n" : ""}) SELECT ${columns} FROM json_each(?)`,
      JSON.stringify(Array.from({ length: 10_001 }, (_unused, index) => index - 5000)),
    );
    expect(readContents(db, "t").rowCount).toBe(10_001);
    const before = readContents(db, "t");
    db.runOnce("UPDATE t SET b = 1 WHERE a = 5000");
    expect(readContents(db, "t").digest).not.toBe(before.digest);
  });
});
