import { describe, expect, it } from "bun:test";
import type { Connection } from "../../../../src/engine/sqlite/connection.ts";
import { analysePlan } from "../../../../src/engine/sqlite/hazards/index.ts";
import { openConnection } from "../../../../src/engine/sqlite/open.ts";
import type { Hazard } from "../../../../src/migration/hazard.ts";
import { planUp } from "../../../../src/migration/plan.ts";
import { listOf, migratorOver } from "../../../support/migrating.ts";

/** Three people, two of one name and one without; orders of which one is nobody's; prices as text. */
const ROWS = `
  INSERT INTO people VALUES (1, 'ann', 'A', NULL), (2, 'ann', 'B', 'b'), (3, NULL, 'a', 'c');
  INSERT INTO orders VALUES (1, 1, '5'), (2, 9, 'x'), (3, NULL, '7.5'), (4, 2, NULL);`;
const SCHEMA = `
  CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, code TEXT, note TEXT);
  CREATE TABLE orders (id INTEGER PRIMARY KEY, person, price);`;

function database(isFilled: boolean): Connection {
  const connection = openConnection(":memory:");
  connection.runOnce(SCHEMA);
  if (isFilled) connection.runOnce(ROWS);
  return connection;
}

function failuresOf(connection: Connection, sql: string): Hazard[] {
  const [step] = analysePlan(connection, planUp(listOf(sql).load(), [])).steps;
  expect(step?.notAnalysed).toEqual([]);
  return (step?.hazards ?? []).filter(({ kind }) => kind === "FAILS_ON_EXISTING_ROWS");
}

function doesFail(connection: Connection, sql: string): boolean {
  try {
    migratorOver(connection, listOf(sql)).up();
    return false;
  } catch {
    return true;
  }
}

const stricter = (columns: string, select: string): string => `
  CREATE TABLE orders_new (${columns});
  INSERT INTO orders_new ${select};
  DROP TABLE orders;
  ALTER TABLE orders_new RENAME TO orders;`;

const FAILING: readonly (readonly [sql: string, rows: number])[] = [
  ["ALTER TABLE people ADD COLUMN z TEXT NOT NULL", 3],
  ["ALTER TABLE people ADD COLUMN z DEFAULT (abs(-1))", 3],
  ["ALTER TABLE people ADD COLUMN z DEFAULT current_timestamp", 3],
  ["ALTER TABLE people ADD COLUMN z AS (id + 1) STORED", 3],
  ["ALTER TABLE people ADD COLUMN z DEFAULT 2 CHECK (z > id)", 2],
  ["ALTER TABLE people ADD COLUMN z INTEGER DEFAULT 7 REFERENCES orders (id)", 3],
  ["ALTER TABLE people ALTER COLUMN name SET NOT NULL", 1],
  [
    "ALTER TABLE people RENAME TO p; ALTER TABLE p RENAME name TO n; ALTER TABLE p ALTER n SET NOT NULL",
    1,
  ],
  ["ALTER TABLE people ADD CONSTRAINT c CHECK (length(code) > 5)", 3],
  ["ALTER TABLE people ADD CHECK (note <> 'c')", 1],
  ["CREATE UNIQUE INDEX i ON people (name)", 2],
  ["CREATE UNIQUE INDEX i ON people (code COLLATE NOCASE DESC)", 2],
  [
    "CREATE UNIQUE INDEX i ON people (lower(code), name IS NULL) WHERE id <> 2; CREATE UNIQUE INDEX j ON people (lower(code)) WHERE id <> 2",
    2,
  ],
  ["UPDATE people SET name = code; CREATE UNIQUE INDEX i ON people (lower(name))", 2],
  ["DELETE FROM people WHERE code = 'B'; CREATE UNIQUE INDEX i ON people (upper(code))", 2],
  [stricter("id INTEGER PRIMARY KEY, person NOT NULL, price", "SELECT * FROM orders"), 1],
  [
    stricter(
      "id INTEGER PRIMARY KEY, person, price, at NOT NULL",
      "(id, person, price) SELECT * FROM orders",
    ),
    4,
  ],
  [
    stricter(
      "id INTEGER PRIMARY KEY, person, price CHECK (price > 6)",
      "SELECT id, person, price + 0 FROM orders",
    ),
    2,
  ],
  [
    stricter("id INTEGER PRIMARY KEY, person, price REAL", "SELECT 1, person, price FROM orders"),
    4,
  ],
  [
    stricter(
      "id INTEGER PRIMARY KEY, person, price, UNIQUE (person)",
      "SELECT id, coalesce(person, 9), price FROM orders",
    ),
    2,
  ],
  [
    stricter(
      "id INTEGER PRIMARY KEY, person INTEGER, price INTEGER",
      "SELECT * FROM orders",
    ).replace("INTEGER);", "INTEGER) STRICT;"),
    3,
  ],
  [
    stricter(
      "id INTEGER PRIMARY KEY, person REFERENCES people (id), price",
      "SELECT * FROM orders",
    ),
    1,
  ],
  [
    "CREATE TABLE p2 (id PRIMARY KEY, name TEXT NOT NULL); INSERT INTO p2 SELECT id, name FROM people",
    1,
  ],
  [
    "CREATE TABLE p2 (id INT, name TEXT); INSERT INTO p2 SELECT id, name FROM people; CREATE UNIQUE INDEX i ON p2 (name)",
    2,
  ],
  [
    "CREATE TABLE p2 AS SELECT name AS n FROM people; ALTER TABLE p2 ALTER COLUMN n SET NOT NULL",
    1,
  ],
  ["INSERT INTO people (id, name) VALUES (3, 'x'), (4, 'y')", 1],
];

const PASSING = [
  "UPDATE people SET note = 5; ALTER TABLE people ADD CHECK (note = '5')",
  "ALTER TABLE people ADD COLUMN z INTEGER NOT NULL DEFAULT 0",
  "ALTER TABLE people ADD COLUMN z DEFAULT 9 CHECK (z > id)",
  "ALTER TABLE people ADD CONSTRAINT c CHECK (length(code) = 1)",
  "ALTER TABLE people ADD CHECK (note <> 'z')",
  "UPDATE people SET name = '' WHERE name IS NULL; ALTER TABLE people ALTER COLUMN name SET NOT NULL",
  "DELETE FROM people WHERE id NOT IN (SELECT min(id) FROM people GROUP BY name); CREATE UNIQUE INDEX i ON people (name)",
  "CREATE UNIQUE INDEX i ON people (code)",
  "CREATE UNIQUE INDEX i ON people (name) WHERE note IS NOT NULL",
  "CREATE UNIQUE INDEX i ON people (name, lower(code))",
  stricter(
    "id INTEGER PRIMARY KEY NOT NULL, person, price",
    "SELECT NULL, person, price FROM orders",
  ),
  stricter("id INTEGER PRIMARY KEY, person INTEGER, price TEXT", "SELECT * FROM orders").replace(
    "TEXT);",
    "TEXT) STRICT;",
  ),
  stricter(
    "id INTEGER PRIMARY KEY, person INTEGER CHECK (typeof(person) <> 'text')",
    "SELECT id, CAST(person AS TEXT) FROM orders",
  ),
  stricter(
    "id INTEGER PRIMARY KEY, person NOT NULL, price",
    "SELECT * FROM orders WHERE person IS NOT NULL",
  ),
  stricter("id INTEGER PRIMARY KEY, person UNIQUE, price", "SELECT * FROM orders"),
  `CREATE TABLE kinds (id INTEGER PRIMARY KEY);
   ${stricter("id INTEGER PRIMARY KEY, person REFERENCES kinds (id), price", "SELECT * FROM orders")}
   INSERT INTO kinds SELECT DISTINCT person FROM orders WHERE person IS NOT NULL`,
  "INSERT INTO people (id, name) VALUES (4, 'x'), (5, 'y')",
  "INSERT OR IGNORE INTO people (id) VALUES (1)",
  "CREATE TABLE p2 (id PRIMARY KEY ON CONFLICT IGNORE); INSERT INTO p2 SELECT 1 FROM people",
];

describe("analysePlan() on what fails on rows that are there", () => {
  it.each(FAILING)("foretells %s, on %d row(s)", (sql, rows) => {
    using filled = database(true);
    const failures = failuresOf(filled, sql);
    expect(failures.map(({ rowCount }) => rowCount)).toEqual([rows]);
    // And it is right: without the rows the same text passes.
    expect(doesFail(filled, sql)).toBeTrue();
    using vacant = database(false);
    if (!sql.startsWith("INSERT")) expect(failuresOf(vacant, sql)).toEqual([]);
    expect(doesFail(vacant, sql)).toBeFalse();
  });

  it.each(PASSING)("has nothing against %s", (sql) => {
    using filled = database(true);
    expect(failuresOf(filled, sql)).toEqual([]);
    expect(doesFail(filled, sql)).toBeFalse();
  });

  it.each([
    ["DROP TABLE parent", 2],
    ["DELETE FROM parent WHERE b = 1", 1],
    ["DELETE FROM held WHERE id = 2; DELETE FROM parent", 1],
    ["DELETE FROM held; DELETE FROM parent", 0],
    [
      "CREATE TABLE n (a, b, PRIMARY KEY (b, a)); INSERT INTO n SELECT * FROM parent; DROP TABLE parent; ALTER TABLE n RENAME TO parent",
      0,
    ],
  ] as const)("foretells whom %s leaves pointing at nothing: %d", (sql, rows) => {
    using connection = openConnection(":memory:");
    connection.runOnce(`PRAGMA foreign_keys = OFF;
      CREATE TABLE parent (a, b, PRIMARY KEY (b, a));
      CREATE TABLE held (id INTEGER PRIMARY KEY, p, q, FOREIGN KEY (p, q) REFERENCES parent);
      INSERT INTO parent VALUES (2, 1), (3, 4);
      INSERT INTO held VALUES (1, 1, 2), (2, 4, 3), (3, 9, 9), (4, NULL, 1);`);
    expect(failuresOf(connection, sql).map(({ rowCount }) => rowCount)).toEqual(
      rows === 0 ? [] : [rows],
    );
    expect(doesFail(connection, sql)).toBe(rows > 0);
  });

  it("does not blame a key for rows that were nobody's before", () => {
    using connection = openConnection(":memory:");
    connection.runOnce(`PRAGMA foreign_keys = OFF; ${SCHEMA} DROP TABLE orders;
      CREATE TABLE orders (id INTEGER PRIMARY KEY, person REFERENCES people (id), price); ${ROWS}`);
    const sql = stricter(
      "id INTEGER PRIMARY KEY, person REFERENCES people (id), price",
      "SELECT * FROM orders",
    );
    expect(failuresOf(connection, sql)).toEqual([]);
    expect(doesFail(connection, sql)).toBeFalse();
  });

  it("takes a value that a function binds for unknown, not for none", () => {
    using connection = database(true);
    const plan = planUp(listOf((db) => db.run("DELETE FROM people WHERE id = ?", 1)).load(), []);
    const [step] = analysePlan(connection, plan).steps;
    expect(step?.hazards).toMatchObject(
      [
        { kind: "FULL_SCAN_WRITE" },
        { kind: "DELETES_DATA", rowCount: 3, losesData: true },
        { kind: "IRREVERSIBLE" },
      ].filter(({ kind }) => kind !== "FULL_SCAN_WRITE"),
    );
  });
});
