import { describe, expect, it } from "bun:test";
import {
  mayName,
  mentions,
  parseTableDefinition,
  type TableDefinition,
  unquoteName,
} from "../../src/migration/table-definition.ts";

/** Every part as text, its constraints as kind, name and text. */
function shapeOf(sql: string): unknown {
  const table = parseTableDefinition(sql) as TableDefinition;
  return table.parts.map((part) => [
    part.is === "column" ? part.name : null,
    ...part.constraints.map(({ kind, name, start, end }) =>
      [kind, name, sql.slice(start, end)].filter((one) => one !== null),
    ),
  ]);
}

describe("parseTableDefinition()", () => {
  it("tells columns, types and constraints apart", () => {
    const sql = `CREATE TABLE t (
      a, -- one, two
      "b b" VARCHAR (10, 2) CONSTRAINT x NOT NULL ON CONFLICT FAIL DEFAULT -3.5 COLLATE nocase,
      [c] "odd type" DEFAULT NULL NULL CHECK (c <> ')') UNIQUE ON CONFLICT REPLACE,
      d INTEGER PRIMARY KEY DESC ON CONFLICT ABORT AUTOINCREMENT,
      e REFERENCES p (x) ON DELETE SET NULL ON UPDATE NO ACTION MATCH FULL NOT DEFERRABLE NOT NULL,
      f REFERENCES p ON DELETE SET DEFAULT DEFERRABLE INITIALLY DEFERRED DEFAULT (1 + (2)),
      g TEXT GENERATED ALWAYS AS (a || 'AS (') STORED, h AS (1),
      CONSTRAINT pk UNIQUE (a, "b b" DESC) CHECK (d > 0) FOREIGN KEY (a) REFERENCES t ON DELETE CASCADE
    ) STRICT`;
    expect(shapeOf(sql)).toEqual([
      ["a"],
      [
        "b b",
        ["not null", "x", "CONSTRAINT x NOT NULL ON CONFLICT FAIL"],
        ["default", "DEFAULT -3.5"],
        ["collate", "COLLATE nocase"],
      ],
      [
        "c",
        ["default", "DEFAULT NULL"],
        ["null", "NULL"],
        ["check", "CHECK (c <> ')')"],
        ["unique", "UNIQUE ON CONFLICT REPLACE"],
      ],
      ["d", ["primary key", "PRIMARY KEY DESC ON CONFLICT ABORT AUTOINCREMENT"]],
      [
        "e",
        [
          "references",
          "REFERENCES p (x) ON DELETE SET NULL ON UPDATE NO ACTION MATCH FULL NOT DEFERRABLE",
        ],
        ["not null", "NOT NULL"],
      ],
      [
        "f",
        ["references", "REFERENCES p ON DELETE SET DEFAULT DEFERRABLE INITIALLY DEFERRED"],
        ["default", "DEFAULT (1 + (2))"],
      ],
      ["g", ["generated", "GENERATED ALWAYS AS (a || 'AS (') STORED"]],
      ["h", ["generated", "AS (1)"]],
      [
        null,
        ["unique", "pk", 'CONSTRAINT pk UNIQUE (a, "b b" DESC)'],
        ["check", "CHECK (d > 0)"],
        ["foreign key", "FOREIGN KEY (a) REFERENCES t ON DELETE CASCADE"],
      ],
    ]);
    const table = parseTableDefinition(sql) as TableDefinition;
    const types = table.parts.map((part) =>
      part.is === "column" && part.type !== null ? sql.slice(part.type.start, part.type.end) : null,
    );
    expect(types).toEqual([
      null,
      "VARCHAR (10, 2)",
      '"odd type"',
      "INTEGER",
      null,
      null,
      "TEXT",
      null,
      null,
    ]);
    expect(table.parts.at(-1)?.constraints.map(({ columns }) => columns)).toEqual([
      ["a", "b b"],
      [],
      ["a"],
    ]);
  });

  it.each([
    ["CREATE TABLE t (a)", false, false],
    ["CREATE TABLE t (a) STRICT", true, false],
    ["CREATE TABLE t (a PRIMARY KEY) without rowid, strict", true, true],
    ["CREATE TABLE t (strict, without)", false, false],
  ])("reads the options of %s", (sql, isStrict, isWithoutRowid) => {
    expect(parseTableDefinition(sql)).toMatchObject({ isStrict, isWithoutRowid });
  });

  it.each(["CREATE VIRTUAL TABLE t USING fts5 (a)", "CREATE TABLE t AS SELECT 1", "SELECT (1)"])(
    "finds no definition in %s",
    (sql) => expect(parseTableDefinition(sql)).toBeNull(),
  );
});

it("unquotes a name in each of SQLite's ways", () => {
  expect(['"a""b"', "`a``b`", "[a b]", "'a''b'", "ab"].map(unquoteName)).toEqual([
    'a"b',
    "a`b",
    "a b",
    "a'b",
    "ab",
  ]);
});

it("finds a name as a word or quoted, and a string only where asked", () => {
  expect(["x NAME y", 'x "name"', "x [Name]"].map((sql) => mentions(sql, "name"))).toEqual([
    true,
    true,
    true,
  ]);
  expect(["x 'name'", "x names", "-- name"].map((sql) => mentions(sql, "name"))).toEqual([
    false,
    false,
    false,
  ]);
  expect(mayName("FROM 'name'", "name")).toBe(true);
});
