import { describe, expect, it } from "bun:test";
import type { MigrationDatabase } from "../../../../src/migration/migration.ts";
import {
  changeTable,
  type TableChangeReport,
} from "../../../../src/engine/sqlite/change-table/change-table.ts";
import type { TableChange } from "../../../../src/engine/sqlite/change-table/table-change.ts";
import type { Connection } from "../../../../src/engine/sqlite/connection.ts";
import { analysePlan } from "../../../../src/engine/sqlite/hazards/index.ts";
import { openConnection } from "../../../../src/engine/sqlite/open.ts";
import { describeSchema } from "../../../../src/engine/sqlite/schema.ts";
import { codeOf, errorOf } from "../../../support/error-of.ts";
import { column, listOf, migratorOver } from "../../../support/migrating.ts";

/** A database after `setup` and one change of `table`, made by a migration as users make it. */
function change(setup: string, ...changes: (readonly [table: string, TableChange])[]) {
  const connection = openConnection(":memory:");
  const reports: TableChangeReport[] = [];
  const up = (db: MigrationDatabase): void => {
    reports.length = 0;
    for (const [table, one] of changes) reports.push(changeTable(db, table, one));
  };
  const migrator = migratorOver(connection, listOf(setup, up));
  migrator.up({ target: 1 });
  return { connection, reports, migrator, up: () => migrator.up() };
}

function changed(setup: string, table: string, one: TableChange) {
  const database = change(setup, [table, one]);
  database.up();
  return { ...database, report: database.reports[0] as TableChangeReport };
}

const textOf = (connection: Connection, name: string): unknown =>
  connection.readOnce("SELECT sql FROM sqlite_schema WHERE name = ?", name)[0]?.[0];

const T = `CREATE TABLE t (
  id INTEGER PRIMARY KEY, -- the id
  kind TEXT CHECK (kind IN ('a', 'b')),
  note TEXT DEFAULT '-', -- a remark
  CONSTRAINT short CHECK (length(note) < 9)
) STRICT;
INSERT INTO t (id, kind) VALUES (3, 'a'), (7, 'b');`;

describe("changeTable()", () => {
  it("uses ALTER TABLE for everything that this SQLite alters", () => {
    const { connection, report } = changed(T, "t", {
      renameColumn: { note: "remark" },
      addColumn: { level: "INTEGER NOT NULL DEFAULT 1" },
      setNotNull: "kind",
      dropConstraint: "short",
      addCheck: { high: "level < 9" },
    });
    expect(report).toEqual({
      method: "native",
      reason: expect.stringMatching(/^SQLite 3\.\d+\.\d+ has ALTER TABLE for it$/),
      statements: [
        'ALTER TABLE "t" RENAME COLUMN "note" TO "remark"',
        'ALTER TABLE "t" DROP CONSTRAINT "short"',
        'ALTER TABLE "t" ADD COLUMN "level" INTEGER NOT NULL DEFAULT 1',
        'ALTER TABLE "t" ALTER COLUMN "kind" SET NOT NULL',
        'ALTER TABLE "t" ADD CONSTRAINT "high" CHECK (level < 9)',
      ],
    });
    expect(connection.readOnce("SELECT * FROM t")).toEqual([
      [3, "a", "-", 1],
      [7, "b", "-", 1],
    ]);
  });

  it("rebuilds where ALTER TABLE cannot, says why, and keeps every word that was not to change", () => {
    const { connection, report } = changed(T, "t", {
      dropCheck: "kind IN ('a','b')",
      addCheck: { kinds: "kind IN ('a', 'b', 'c')" },
      addColumn: { size: "INTEGER NOT NULL" },
      setDefault: { note: "'+'" },
      copy: { size: "id * 2" },
    });
    expect(report.method).toBe("rebuild");
    expect(report.reason).toBe(
      "ALTER TABLE cannot change a default; ALTER TABLE cannot drop a check that has no name; ALTER TABLE cannot fill size from an expression",
    );
    expect(textOf(connection, "t")).toBe(`CREATE TABLE "t" (
  id INTEGER PRIMARY KEY, -- the id
  kind TEXT,
  note TEXT DEFAULT '+', -- a remark
  "size" INTEGER NOT NULL,
  CONSTRAINT short CHECK (length(note) < 9),
  CONSTRAINT "kinds" CHECK (kind IN ('a', 'b', 'c'))
) STRICT`);
    expect(connection.readOnce("SELECT * FROM t")).toEqual([
      [3, "a", "-", 6],
      [7, "b", "-", 14],
    ]);
  });

  it.each<[string, TableChange, RegExp]>([
    ["a type", { setType: { note: "BLOB" }, copy: { note: "CAST(note AS BLOB)" } }, /a type/],
    ["a default", { setDefault: { note: null } }, /a default/],
    ["a unique column", { addColumn: { u: "TEXT UNIQUE" } }, /add u with UNIQUE/],
    ["a stored column", { addColumn: { s: "TEXT AS (kind) STORED" } }, /add s as a STORED/],
    ["a computed default", { addColumn: { d: "TEXT DEFAULT (1 + 1)" } }, /a default that is comp/],
    ["the time as default", { addColumn: { d: "TEXT DEFAULT CURRENT_DATE" } }, /a default that/],
    ["STRICT", { strict: false }, /change STRICT/],
    ["WITHOUT ROWID", { withoutRowid: true }, /change WITHOUT ROWID/],
    ["a key", { setPrimaryKey: ["kind", "id"] }, /the primary key/],
    ["a foreign key", { addForeignKey: { columns: "id", references: "t" } }, /add a foreign/],
    ["nothing but on request", { rebuild: true }, /^a rebuild was asked for$/],
  ])("rebuilds for %s", (_, one, reason) => {
    const { report, connection } = changed(T, "t", one);
    expect(report).toMatchObject({ method: "rebuild", reason: expect.stringMatching(reason) });
    expect(column(connection, "SELECT id FROM t ORDER BY id")).toEqual([3, 7]);
    expect(
      column(connection, "SELECT name FROM sqlite_schema WHERE name LIKE '%rebuilt%'"),
    ).toEqual([]);
  });

  it("rebuilds what a newer SQLite alters when this one is older", async () => {
    const { nativeChange } = await import("../../../../src/engine/sqlite/change-table/method.ts");
    const { readTable } = await import("../../../../src/engine/sqlite/change-table/table-facts.ts");
    const { resolveChange } =
      await import("../../../../src/engine/sqlite/change-table/table-change.ts");
    const { connection } = change(T);
    connection.transaction(() => {
      const db = databaseOver(connection);
      const facts = readTable(db, "t");
      const of = (one: TableChange, version: string): readonly string[] =>
        nativeChange(facts, resolveChange(one), version).obstacles;
      expect(of({ setNotNull: "kind" }, "3.53.0")).toEqual([]);
      expect(of({ setNotNull: "kind" }, "3.52.9")).toEqual([
        "SQLite 3.52.9 has no ALTER COLUMN SET NOT NULL (3.53 has)",
      ]);
      expect(of({ addCheck: { n: "id > (0)" } }, "3.52.0")).toEqual([
        "SQLite 3.52.0 has no ADD CONSTRAINT CHECK (3.53 has)",
      ]);
      expect(of({ dropColumn: "kind" }, "3.34.1")).toHaveLength(1);
      expect(of({ dropColumn: "kind" }, "3.35.0")).toEqual([]);
    });
  });

  it("does nothing when there is nothing to change", () => {
    const { report } = changed(T, "t", { dropNotNull: "kind", strict: true });
    expect(report).toEqual({
      method: "native",
      reason: "there is nothing to change",
      statements: [],
    });
  });

  it("keeps views, triggers of all kinds, indexes, statistics, the sequence and children", () => {
    const { connection, report } = changed(
      `CREATE TABLE p (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, up REFERENCES p (id));
       CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER NOT NULL REFERENCES p ON DELETE CASCADE);
       CREATE VIEW names AS SELECT id, name FROM p;
       CREATE VIEW longer AS SELECT * FROM names WHERE length(name) > 1;
       CREATE UNIQUE INDEX by_name ON p (name COLLATE NOCASE DESC) WHERE name <> '';
       CREATE INDEX by_length ON p (length(name));
       CREATE TRIGGER on_p AFTER UPDATE OF name ON p BEGIN INSERT INTO c (p) VALUES (new.id); END;
       CREATE TRIGGER on_c AFTER DELETE ON c BEGIN UPDATE p SET name = 'lonely' WHERE id = old.p; END;
       CREATE TRIGGER on_view INSTEAD OF INSERT ON longer BEGIN INSERT INTO p (name) VALUES (new.name); END;
       INSERT INTO p (name, up) VALUES ('ab', 1), ('cd', 1), ('ef', 2);
       INSERT INTO c (p) VALUES (1), (2);
       DELETE FROM p WHERE id = 3;
       ANALYZE;`,
      "p",
      { setDefault: { name: "'?'" } },
    );
    expect(report.method).toBe("rebuild");
    expect(
      column(connection, "SELECT name FROM sqlite_schema WHERE type <> 'table' ORDER BY 1"),
    ).toContain("on_view");
    expect(column(connection, "SELECT stat FROM sqlite_stat1 WHERE idx = 'by_name'")).toEqual([
      "2 1",
    ]);
    expect(connection.readOnce("PRAGMA foreign_keys")).toEqual([[1]]);
    connection.runOnce("INSERT INTO longer (name) VALUES ('gh')");
    expect(connection.readOnce("SELECT * FROM longer")).toEqual([
      [1, "ab"],
      [2, "cd"],
      [4, "gh"],
    ]);
    connection.runOnce("UPDATE p SET name = 'xy' WHERE id = 4");
    expect(column(connection, "SELECT p FROM c")).toEqual([1, 2, 4]);
    connection.runOnce("DELETE FROM c WHERE p = 2");
    expect(column(connection, "SELECT name FROM p WHERE id = 2")).toEqual(["lonely"]);
    expect(() => connection.runOnce("INSERT INTO p (name) VALUES ('AB')")).toThrow("UNIQUE");
    connection.runOnce("DELETE FROM p WHERE id = 4");
    // The row of 2 is one that on_p wrote, fired by on_c; that of 4 went with its parent.
    expect(column(connection, "SELECT p FROM c")).toEqual([1, 2]);
  });

  it("keeps the sequence of a table that is empty, as large as it may be", () => {
    const { connection } = changed(
      `CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a);
       INSERT INTO t VALUES (9007199254740993, 1);
       DELETE FROM t;`,
      "t",
      { setType: { a: "TEXT" } },
    );
    expect(column(connection, "SELECT CAST(seq AS TEXT) FROM sqlite_sequence")).toEqual([
      "9007199254740993",
    ]);
  });

  it("keeps hidden rowids, so that a full-text index still finds its rows", () => {
    const { connection } = changed(
      `CREATE TABLE t (body TEXT, rowid TEXT);
       INSERT INTO t (_rowid_, body) VALUES (5, 'five apples'), (9, 'nine pears');
       CREATE VIRTUAL TABLE words USING fts5 (body, content = 't', content_rowid = '_rowid_');
       INSERT INTO words (words) VALUES ('rebuild');`,
      "t",
      { setDefault: { body: "''" } },
    );
    expect(connection.readOnce("SELECT rowid, body FROM words WHERE words MATCH 'pears'")).toEqual([
      [9, "nine pears"],
    ]);
  });

  it("gives a table its first key, and takes one away without renumbering", () => {
    const { connection } = changed(
      "CREATE TABLE t (a INTEGER, b); INSERT INTO t VALUES (8, 'x'), (4, 'y')",
      "t",
      { setPrimaryKey: "a" },
    );
    expect(connection.readOnce("SELECT rowid, a, b FROM t")).toEqual([
      [4, 4, "y"],
      [8, 8, "x"],
    ]);
    const none = changed(
      "CREATE TABLE t (a INTEGER PRIMARY KEY AUTOINCREMENT, b); INSERT INTO t VALUES (8, 'x')",
      "t",
      { setPrimaryKey: null },
    );
    expect(textOf(none.connection, "t")).toBe('CREATE TABLE "t" (a INTEGER, b)');
    expect(none.connection.readOnce("SELECT rowid, a FROM t")).toEqual([[8, 8]]);
  });

  it("adds and drops foreign keys over one column and over several", () => {
    const { connection, up } = change(
      `CREATE TABLE p (a UNIQUE, b, PRIMARY KEY (a, b));
       CREATE TABLE t (a, b, c REFERENCES p (a) DEFERRABLE INITIALLY DEFERRED NOT NULL,
         FOREIGN KEY (a, b) REFERENCES p ON DELETE SET NULL MATCH FULL, UNIQUE (a))`,
      ["t", { dropForeignKey: ["c", ["a", "b"]] }],
      [
        "t",
        {
          addForeignKey: {
            columns: ["b", "c"],
            references: "p",
            to: ["a", "b"],
            onDelete: "CASCADE",
            isDeferred: true,
            name: "way",
          },
        },
      ],
    );
    up();
    expect(textOf(connection, "t")).toBe(
      `CREATE TABLE "t" (a, b, c NOT NULL, UNIQUE (a), CONSTRAINT "way" FOREIGN KEY ("b", "c") REFERENCES "p" ("a", "b") ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED)`,
    );
    expect(
      connection.readOnce(
        'SELECT "table", "from", "to", on_delete FROM pragma_foreign_key_list(?)',
        "t",
      ),
    ).toEqual([
      ["p", "b", "a", "CASCADE"],
      ["p", "c", "b", "CASCADE"],
    ]);
  });

  it("says in the hazard analysis what it would do, without rows on the shadow", () => {
    const { connection, migrator } = change(
      `CREATE TABLE t (a INTEGER PRIMARY KEY, b NOT NULL ON CONFLICT IGNORE, c);
       CREATE TABLE u (x);
       CREATE VIEW v AS SELECT a FROM t;
       CREATE TRIGGER on_u AFTER DELETE ON u BEGIN UPDATE t SET c = 1; END;
       INSERT INTO t VALUES (1, 2, 3);
       INSERT INTO u VALUES (1);`,
      ["t", { dropColumn: "b", rebuild: true }],
    );
    const [step] = analysePlan(connection, migrator.plan()).steps;
    // Of a function's copy it is not known that every row fits; nothing else may be in doubt.
    expect(step?.notAnalysed.filter((reason) => !/takes all the rows/.test(reason))).toEqual([]);
    expect(step?.rebuilt).toEqual(["t"]);
    expect(step?.hazards.map(({ kind, table, column: name }) => [kind, table, name])).toEqual([
      ["DROPS_COLUMN", "t", "b"],
      ["REBUILDS", "t", null],
      ["IRREVERSIBLE", "", null],
    ]);
    const kept = change(
      "CREATE TABLE t (a, b NOT NULL ON CONFLICT IGNORE); INSERT INTO t VALUES (1, 2)",
      ["t", { rebuild: true }],
    );
    const [rebuilt] = analysePlan(kept.connection, kept.migrator.plan()).steps;
    expect(rebuilt?.hazards.map(({ kind }) => kind)).toEqual(["REBUILDS", "IRREVERSIBLE"]);
  });
});

/** The database of a migration, outside of one. */
function databaseOver(connection: Connection): MigrationDatabase {
  const { moduleDatabase } =
    require("../../../../src/engine/sqlite/module-database.ts") as typeof import("../../../../src/engine/sqlite/module-database.ts");
  return moduleDatabase(connection, "test").database;
}

const refusals: readonly [string, string, TableChange, string][] = [
  [
    "a table that is not there",
    "nope",
    { rebuild: true },
    "there is no such table, expected one of",
  ],
  ["a virtual table", "f", { rebuild: true }, "it is a virtual table"],
  ["SQLite's own tables", "sqlite_schema", { rebuild: true }, "there is no such table"],
  ["the name of no column", "t", { setNotNull: "kinds" }, "setNotNull names kinds"],
  ["a column that is there", "t", { addColumn: { KIND: "TEXT" } }, "it has a column KIND already"],
  ["a constraint that is not there", "t", { dropConstraint: "long" }, "expected one of short"],
  ["a constraint that is there", "t", { addCheck: { short: "1" } }, "a constraint short already"],
  ["a check that is not there", "t", { dropCheck: "kind = 'a'" }, "it has no check"],
  ["a foreign key that is not there", "t", { dropForeignKey: "kind" }, "no foreign key over kind"],
  ["NOT NULL without a value", "t", { addColumn: { x: "INT NOT NULL" } }, "x is NOT NULL and rows"],
  [
    "a column in a check",
    "t",
    { dropColumn: "note" },
    "`CONSTRAINT short CHECK (length(note) < 9)` uses it",
  ],
  ["a column in an index", "u", { dropColumn: "a" }, "the index by_a uses it"],
  ["a column in a view", "u", { dropColumn: "b" }, "error in view bs"],
  [
    "a column in a view, rebuilding",
    "u",
    { dropColumn: "b", rebuild: true },
    "bs would no longer work",
  ],
  [
    "a column in another's trigger",
    "u",
    { dropColumn: "c", rebuild: true },
    "on_t would no longer work",
  ],
  ["a column in a trigger, natively", "u", { dropColumn: "c" }, "on_t"],
  [
    "a quoted column in a view",
    "u",
    { dropColumn: "d", rebuild: true },
    'quoting would no longer work (it mentions "d")',
  ],
  ["both at once", "t", { setNotNull: "note", dropNotNull: "note" }, "both set and dropped"],
  ["no key WITHOUT ROWID", "w", { setPrimaryKey: null }, "would have no primary key"],
  [
    "no column",
    "w",
    { dropColumn: ["a"], setPrimaryKey: null, withoutRowid: false },
    "no column would be left",
  ],
];

describe("changeTable() refuses", () => {
  const setup = `${T}
    CREATE TABLE u (a, b, c, d, e);
    CREATE TABLE w (a PRIMARY KEY) WITHOUT ROWID;
    CREATE INDEX by_a ON u (e, a);
    CREATE VIEW bs AS SELECT b FROM u;
    CREATE VIEW quoting AS SELECT "d" FROM u;
    CREATE TRIGGER on_t AFTER INSERT ON t BEGIN UPDATE u SET c = 1; END;
    CREATE VIRTUAL TABLE f USING fts5 (x);`;

  it.each(refusals)("%s", (_, table, one, message) => {
    const { connection, up } = change(setup, [table, one]);
    const before = describeSchema(connection);
    expect(errorOf(up).message).toContain(message);
    expect(describeSchema(connection)).toEqual(before);
  });

  it.each<[unknown, string]>([
    [{ addColumns: { a: "TEXT" } }, "OPTION_UNKNOWN"],
    [{ addForeignKey: { columns: "a", references: "b", onDeleted: "CASCADE" } }, "OPTION_UNKNOWN"],
    [{ addForeignKey: { columns: "a", references: "b", onDelete: "cascade" } }, "VALUE_INVALID"],
    [{ addColumn: ["a"] }, "VALUE_INVALID"],
    [{ addColumn: { a: "TEXT, b TEXT" } }, "VALUE_INVALID"],
    [{ addCheck: { a: "1) , CHECK (2" } }, "VALUE_INVALID"],
    [{ addCheck: { a: "1; DROP TABLE t" } }, "VALUE_INVALID"],
    [{ addCheck: { a: "'open" } }, "VALUE_INVALID"],
    [{ addCheck: { a: "  " } }, "VALUE_INVALID"],
    [{ dropColumn: 1 }, "VALUE_INVALID"],
    [{ strict: 1 }, "VALUE_INVALID"],
    [{ setPrimaryKey: [] }, "VALUE_INVALID"],
    [[], "VALUE_INVALID"],
    [null, "VALUE_INVALID"],
  ])("%j", (one, code) => {
    expect(codeOf(change(T, ["t", one as TableChange]).up)).toBe(code);
  });

  it("foreign keys that are on, under which the children's rows would go", () => {
    const { connection } = change(
      `${T} CREATE TABLE c (t REFERENCES t ON DELETE CASCADE); INSERT INTO c VALUES (3)`,
    );
    const error = errorOf(() =>
      connection.transaction(() => changeTable(databaseOver(connection), "t", { rebuild: true })),
    );
    expect(error.message).toContain("foreign keys are on");
    expect(column(connection, "SELECT t FROM c")).toEqual([3]);
  });

  it("a temporary view that uses the table", () => {
    const { connection, up } = change(T, ["t", { rebuild: true }]);
    connection.runOnce("CREATE TEMP VIEW mine AS SELECT id FROM t");
    expect(errorOf(up).message).toContain("the temporary mine mentions it");
  });

  it("a copy that would leave rows out, whatever the table's own conflict clauses say", () => {
    const { connection, up } = change(
      "CREATE TABLE t (a, b NOT NULL ON CONFLICT IGNORE); INSERT INTO t VALUES (1, 1), (2, 2)",
      ["t", { copy: { b: "nullif(b, 2)" } }],
    );
    expect(errorOf(up).message).toContain("NOT NULL constraint failed");
    expect(connection.readOnce("SELECT * FROM t")).toEqual([
      [1, 1],
      [2, 2],
    ]);
  });
});
