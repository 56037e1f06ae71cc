import { readFileSync, writeFileSync } from "node:fs";
import { Database } from "bun:sqlite";
import { describe, expect, it } from "bun:test";
import type { Connection } from "../../../../src/engine/sqlite/connection.ts";
import { analysePlan } from "../../../../src/engine/sqlite/hazards/index.ts";
import { openConnection } from "../../../../src/engine/sqlite/open.ts";
import type { StepAnalysis } from "../../../../src/migration/hazard.ts";
import { planUp } from "../../../../src/migration/plan.ts";
import { listOf, type Sketch } from "../../../support/migrating.ts";
import { tempFolder } from "../../../support/temp-folder.ts";

/** Two parents, three children, an empty table; nothing of it may change. */
function database(): Connection {
  const connection = openConnection(":memory:");
  connection.runOnce(`
    CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT, note TEXT);
    CREATE TABLE child (
      id INTEGER PRIMARY KEY,
      parent_id INTEGER REFERENCES parent (id) ON DELETE CASCADE,
      x
    );
    CREATE TABLE grandchild (child_id INTEGER REFERENCES child (id) ON DELETE SET NULL);
    CREATE TABLE vacant (a);
    CREATE TABLE log (a);
    CREATE TRIGGER tidy AFTER UPDATE ON log BEGIN DELETE FROM log WHERE a < 0; END;
    INSERT INTO parent VALUES (1, 'a', NULL), (2, 'b', NULL);
    INSERT INTO child VALUES (1, 1, NULL), (2, 1, 1), (3, 2, 2);
    INSERT INTO grandchild VALUES (1);
    INSERT INTO log VALUES (1);`);
  return connection;
}

function analyse(...sketches: Sketch[]): readonly StepAnalysis[] {
  using connection = database();
  const before = connection.readOnce("SELECT * FROM sqlite_schema");
  const { steps } = analysePlan(connection, planUp(listOf(...sketches).load(), []));
  expect(connection.readOnce("SELECT * FROM sqlite_schema")).toEqual(before);
  expect(connection.readOnce("SELECT count(*) FROM child")).toEqual([[3]]);
  return steps;
}

/** `KIND table rows`, an exclamation mark for what loses data; steps without a down are the tests' own business. */
function hazardsOf(...sketches: Sketch[]): string[] {
  return analyse(...sketches)
    .flatMap(({ hazards }) => hazards)
    .filter(({ kind }) => kind !== "IRREVERSIBLE")
    .map(({ kind, losesData, table, column, rowCount }) => {
      const subject = column === null ? table : `${table}.${column}`;
      return `${losesData ? "!" : ""}${kind} ${subject} ${String(rowCount)}`;
    });
}

const rebuild = (select: string, rest = ""): string => `
  CREATE TABLE parent_new (id INTEGER PRIMARY KEY, name TEXT NOT NULL, note TEXT);
  INSERT INTO parent_new (id, name, note) SELECT ${select} FROM parent ${rest};
  DROP TABLE parent;
  ALTER TABLE parent_new RENAME TO parent;`;

describe("analysePlan() on what loses data", () => {
  it("names a dropped table and what hidden cascades reach, with live row counts", () => {
    expect(hazardsOf("DROP TABLE parent")).toEqual([
      "!DROPS_TABLE parent 2",
      "!CASCADES child 3",
      "!CASCADES grandchild 1",
    ]);
  });

  it.each([
    [
      "DELETE FROM child WHERE x = 1",
      ["FULL_SCAN_WRITE child 3", "!DELETES_DATA child 1", "!CASCADES grandchild 1"],
    ],
    ["DELETE FROM grandchild", ["!DELETES_DATA grandchild 1"]],
    [
      "UPDATE log SET a = 2",
      ["FULL_SCAN_WRITE log 1", "OVERWRITES log.a 1", "!DELETES_DATA log 1"],
    ],
    ["ALTER TABLE parent DROP COLUMN name", ["!DROPS_COLUMN parent.name 2"]],
    [
      "ALTER TABLE parent RENAME COLUMN name TO title; ALTER TABLE parent DROP COLUMN title",
      ["!DROPS_COLUMN parent.name 2"],
    ],
    ["ALTER TABLE grandchild RENAME TO g; DROP TABLE g", ["!DROPS_TABLE g 1"]],
    ["CREATE TABLE c AS SELECT * FROM log; DELETE FROM log; DELETE FROM c", ["!DELETES_DATA c 1"]],
    ["CREATE TABLE c AS SELECT * FROM log WHERE a; DROP TABLE log", ["!DROPS_TABLE log 1"]],
    [
      "CREATE TABLE c (a UNIQUE ON CONFLICT IGNORE); INSERT INTO c SELECT a FROM log; DROP TABLE log",
      ["!DROPS_TABLE log 1"],
    ],
    [
      `CREATE TABLE c (a); CREATE TRIGGER r BEFORE INSERT ON c BEGIN SELECT raise(IGNORE); END;
       INSERT INTO c SELECT a FROM log; DROP TABLE log`,
      ["!DROPS_TABLE log 1"],
    ],
    ["CREATE TABLE c AS SELECT count(a) FROM log; DROP TABLE log", ["!DROPS_TABLE log 1"]],
  ])("sees %s", (sql, expected) => {
    expect(hazardsOf(sql)).toEqual(expected);
  });

  it.each([
    "DROP TABLE vacant",
    "CREATE TABLE parents (a); UPDATE parent SET note = (SELECT a FROM parents) WHERE id = 1",
    "DELETE FROM vacant",
    "ALTER TABLE vacant DROP COLUMN b",
    "ALTER TABLE parent DROP COLUMN note",
    "CREATE TABLE made (a); INSERT INTO made SELECT name FROM parent WHERE id = 1; DROP TABLE made",
    "CREATE TEMP TABLE made AS SELECT * FROM parent; DROP TABLE made",
    "ALTER TABLE parent ADD COLUMN z INTEGER NOT NULL DEFAULT 0",
  ])("has nothing against %s", (sql) => {
    expect(hazardsOf(sql.includes("COLUMN b") ? `ALTER TABLE vacant ADD b; ${sql}` : sql)).toEqual(
      [],
    );
  });

  it("remembers across steps who holds which rows", () => {
    expect(
      hazardsOf(
        "CREATE TABLE archive AS SELECT * FROM log",
        "DELETE FROM log",
        "DROP TABLE log",
        "DROP TABLE archive",
      ),
    ).toEqual(["!DROPS_TABLE archive 1"]);
  });

  it("names file, line and statement, and a way out of one sentence", () => {
    const [step] = analyse("SELECT 1;\n\n  DROP TABLE log;");
    const [hazard] = step?.hazards ?? [];
    expect(hazard).toMatchObject({
      file: "001_m1 (up)",
      line: 3,
      statement: "DROP TABLE log",
      wayOut: expect.stringMatching(/^[A-Z][^.]*\.$/),
    });
  });
});

describe("analysePlan() on rebuilds", () => {
  it("takes the twelve steps for what they are, also with foreign keys switched off inside", () => {
    const [step] = analyse(
      `PRAGMA foreign_keys = OFF; ${rebuild("id, name, note")} PRAGMA foreign_keys = ON`,
    );
    expect(step?.hazards.map(({ kind, losesData }) => [kind, losesData])).toEqual([
      ["REBUILDS", false],
      ["IRREVERSIBLE", false],
    ]);
    expect(step?.rebuilt).toEqual(["parent"]);
  });

  it("names the column that the copy leaves out", () => {
    expect(hazardsOf(rebuild("id, 'x', note"))).toEqual([
      "!DROPS_COLUMN parent.name 2",
      "REBUILDS parent 2",
    ]);
  });

  it.each([
    ["id, name, note", "WHERE id > 1"],
    ["id, name, note", "LIMIT 1"],
    ["max(id), name, note", ""],
  ])("does not believe in a copy of some rows: SELECT %s %s", (select, rest) => {
    expect(hazardsOf(rebuild(select, rest))).toContain("!DROPS_TABLE parent 2");
  });

  it("knows a move into a table of another name, which keeps the rows and not the references", () => {
    expect(hazardsOf("CREATE TABLE p2 AS SELECT * FROM parent; DROP TABLE parent")).toEqual([
      "!CASCADES child 3",
      "!CASCADES grandchild 1",
      "DROPS_TABLE parent 2",
    ]);
  });

  it("knows the old way round, which renames first and takes the references along", () => {
    expect(
      hazardsOf(`ALTER TABLE parent RENAME TO old;
        CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT, note TEXT);
        INSERT INTO parent SELECT * FROM old;
        DROP TABLE old;`),
    ).toEqual(["!CASCADES child 3", "!CASCADES grandchild 1", "REBUILDS parent 2"]);
  });

  it("knows a rebuild by way of a temporary table", () => {
    expect(
      hazardsOf(`CREATE TEMP TABLE kept AS SELECT * FROM log; DROP TABLE log;
        CREATE TABLE log (a INTEGER); INSERT INTO log SELECT a FROM kept; DROP TABLE kept`),
    ).toEqual(["REBUILDS log 1"]);
  });
});

describe("analysePlan() on statements that fail on rows", () => {
  const FORMS = [
    "ALTER TABLE parent ADD COLUMN z TEXT NOT NULL",
    "ALTER TABLE parent ADD COLUMN z2 DEFAULT (1 + random())",
    "ALTER TABLE parent ADD COLUMN z3 DEFAULT current_timestamp",
    "ALTER TABLE parent ADD COLUMN z4 GENERATED ALWAYS AS (id + 1) STORED",
    "ALTER TABLE child ALTER COLUMN x SET NOT NULL",
  ];

  it("finds all five forms in one plan", () => {
    expect(hazardsOf(...FORMS)).toEqual([
      "FAILS_ON_EXISTING_ROWS parent 2",
      "FAILS_ON_EXISTING_ROWS parent 2",
      "FAILS_ON_EXISTING_ROWS parent 2",
      "FAILS_ON_EXISTING_ROWS parent 2",
      "FAILS_ON_EXISTING_ROWS child.x 1",
    ]);
  });

  it.each(FORMS)("is right about %s: it does fail here, and not on an empty table", (sql) => {
    using filled = database();
    const run = (): void => filled.runOnce(sql);
    expect(run).toThrow();
    filled.runOnce("PRAGMA foreign_keys = OFF; DELETE FROM parent; DELETE FROM child");
    expect(run).not.toThrow();
    expect(
      hazardsOf(sql.replace(/parent|child/, "vacant").replace("COLUMN x", "COLUMN a")),
    ).toEqual([]);
  });

  it("does not blame the rows for what fails without any", () => {
    const [step] = analyse("ALTER TABLE parent ADD COLUMN name TEXT NOT NULL DEFAULT ''");
    expect(step?.notAnalysed).toEqual(["line 1: duplicate column name: name"]);
    expect(step?.hazards.map(({ kind }) => kind)).toEqual(["IRREVERSIBLE"]);
  });

  it("lets a column without NULLs become NOT NULL", () => {
    expect(hazardsOf("ALTER TABLE parent ALTER COLUMN name SET NOT NULL")).toEqual([]);
  });

  it("says that it cannot know when the plan wrote to the column first", () => {
    const [step] = analyse(
      "UPDATE child SET x = random(); ALTER TABLE child ALTER COLUMN x SET NOT NULL",
    );
    expect(step?.hazards.map(({ kind }) => kind)).not.toContain("FAILS_ON_EXISTING_ROWS");
    expect(step?.notAnalysed).toEqual([expect.stringContaining("child.x")]);
  });
});

describe("analysePlan() on what it cannot know", () => {
  it("runs a function on the empty shadow and says so", () => {
    const [step] = analyse((db) => {
      db.exec("DROP TABLE log");
      for (const { id } of db.query<{ id: number }>("SELECT id FROM parent").all())
        db.run("DELETE FROM parent WHERE id = ?", id);
    });
    expect(step?.ranOnEmptyShadow).toBe(true);
    expect(step?.hazards.map(({ kind, table, line }) => [kind, table, line])).toEqual([
      ["DROPS_TABLE", "log", null],
      ["IRREVERSIBLE", "", null],
    ]);
  });

  it("judges a statement that a loop repeats once, and anew when the schema changed", () => {
    const [step] = analyse((db) => {
      for (let i = 0; i < 100; i++) db.run("DELETE FROM log WHERE a = ?", i);
      db.exec("CREATE TABLE other (a)");
      db.run("DELETE FROM log WHERE a = ?", 1);
    });
    expect(step?.statements.map(({ written }) => written)).toEqual([["log"], [], ["log"]]);
  });

  it("names a statement that does not compile, and a function that throws", () => {
    const [first, second] = analyse("DROP TABLE nowhere", () => {
      throw new Error("no rows");
    });
    expect(first?.notAnalysed).toEqual(["line 1: no such table: nowhere"]);
    expect(second?.notAnalysed[0]).toContain("no rows");
  });
});

describe("analysePlan() on effects", () => {
  it("lists what each statement reaches", () => {
    const [step] = analyse(
      "CREATE TABLE n (a); INSERT INTO n SELECT name FROM parent; DELETE FROM parent",
    );
    const nothing = {
      created: [],
      altered: [],
      dropped: [],
      read: [],
      written: [],
      reachedByCascade: [],
    };
    expect(step?.statements).toEqual([
      { ...nothing, line: 1, statement: "CREATE TABLE n (a)", created: ["n"] },
      {
        ...nothing,
        line: 1,
        statement: "INSERT INTO n SELECT name FROM parent",
        read: ["parent"],
        written: ["n"],
      },
      {
        ...nothing,
        line: 1,
        statement: "DELETE FROM parent",
        written: ["parent"],
        reachedByCascade: ["child", "grandchild"],
      },
    ]);
  });

  it("counts the rows and, when asked, the bytes of the live tables", () => {
    using connection = database();
    const steps = planUp(listOf("DELETE FROM log").load(), []);
    expect(analysePlan(connection, steps).tables).toEqual([
      { name: "log", rowCount: 1, sizeBytes: null },
    ]);
    expect(analysePlan(connection, steps, { withSizes: true }).tables).toEqual([
      { name: "log", rowCount: 1, sizeBytes: 4096 },
    ]);
  });

  it("copies virtual tables, views and triggers", () => {
    using connection = database();
    connection.runOnce(
      "CREATE VIRTUAL TABLE words USING fts5 (body); CREATE VIEW v AS SELECT body FROM words",
    );
    connection.runOnce("INSERT INTO words VALUES ('a')");
    const steps = planUp(listOf("DROP VIEW v; DROP TABLE words").load(), []);
    const [step] = analysePlan(connection, steps).steps;
    expect(step?.notAnalysed).toEqual([]);
    expect(step?.hazards[0]).toMatchObject({ kind: "DROPS_TABLE", table: "words", rowCount: 1 });
  });
});

describe("analysePlan() on a database that it can't copy whole", () => {
  it("says what it does not know of a virtual table whose module is missing", () => {
    using folder = tempFolder();
    const path = folder.at("x.db");
    const file = new Database(path);
    file.run("CREATE TABLE log (a); INSERT INTO log VALUES (1)");
    file.run("CREATE VIRTUAL TABLE vectors USING fts5 (a)");
    file.close(true);
    // No module has this name: the file comes from a program that had one.
    writeFileSync(path, readFileSync(path, "latin1").replace("USING fts5", "USING fts9"), "latin1");
    using connection = openConnection(path, { mode: "existing" });
    const [step] = analysePlan(connection, planUp(listOf("DROP TABLE log").load(), [])).steps;
    expect(step?.notAnalysed).toEqual([expect.stringContaining("vectors: no such module")]);
    expect(step?.hazards[0]).toMatchObject({ kind: "DROPS_TABLE", table: "log" });
  });
});
