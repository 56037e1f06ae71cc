import { closeSync, openSync, readdirSync, statSync, writeSync } from "node:fs";
import { describe, expect, it } from "bun:test";
import type { MigrationSource } from "../../../src/engine/source.ts";
import type { Connection } from "../../../src/engine/sqlite/connection.ts";
import { openConnection } from "../../../src/engine/sqlite/open.ts";
import { validateConnection, type ValidationReport } from "../../../src/engine/sqlite/validate.ts";
import { UsageDbError } from "../../../src/errors.ts";
import { registeredSource } from "../../../src/engine/registered.ts";
import { listOf, migratorOver } from "../../support/migrating.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const SOURCE = listOf(
  ["CREATE TABLE p (id INTEGER PRIMARY KEY, code TEXT UNIQUE)", "DROP TABLE p"],
  ["CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p (id))", "DROP TABLE c"],
);

const validate = (db: Connection, source: MigrationSource = SOURCE): ValidationReport =>
  validateConnection(db, migratorOver(db, source).status().standings);

/** Findings as `check: object`, after a change made behind the ledger's back. */
function findingsAfter(...scripts: string[]): string[] {
  using db = openConnection(":memory:");
  migratorOver(db, SOURCE).up();
  db.runOnce("PRAGMA foreign_keys = OFF");
  for (const script of scripts) db.runOnce(script);
  const report = validate(db);
  expect(report.isValid).toBe(report.findings.length === 0);
  for (const { observed, remedy } of report.findings) expect([observed, remedy]).not.toContain("");
  return report.findings.map(({ check, object }) => `${check}: ${object}`);
}

describe("validateConnection() on a ledger that somebody wrote", () => {
  it("runs nothing that reaches beyond the file, and says that it did not look", () => {
    using folder = tempFolder();
    {
      using victim = openConnection(folder.at("victim.db"));
      victim.runOnce("CREATE TABLE precious (x)");
    }
    using db = openConnection(folder.at("x.db"));
    migratorOver(db, SOURCE).up();
    for (const evil of [
      `ATTACH '${folder.at("victim.db")}' AS v; DROP TABLE v.precious`,
      `VACUUM INTO '${folder.at("dropped.db")}'`,
      "COMMIT; DROP TABLE c",
    ]) {
      db.prepare("UPDATE schema_migrations SET up_sql = ?, checksum = NULL WHERE version = 2").run(
        evil,
      );
      expect(validate(db).notChecked[0]).toContain("schema: ");
    }
    using victim = openConnection(folder.at("victim.db"));
    expect(victim.readOnce("SELECT count(*) FROM precious")).toEqual([[0]]);
    expect(readdirSync(folder.path).filter((name) => name.startsWith("dropped"))).toEqual([]);
  });

  it("is not rolled back with statements that would keep half of it", () => {
    using db = openConnection(":memory:");
    const migrator = migratorOver(db, SOURCE);
    migrator.up();
    db.runOnce(
      "UPDATE schema_migrations SET down_sql = 'DROP TABLE c; COMMIT; SELECT 1' WHERE version = 2",
    );
    expect(() => migrator.rollback()).toThrow("it says COMMIT");
    expect(db.readOnce("SELECT count(*) FROM sqlite_schema WHERE name = 'c'")).toEqual([[1]]);
  });
});

describe("validateConnection()", () => {
  it("finds nothing in a sound database, and writes nothing", () => {
    using folder = tempFolder();
    {
      using db = openConnection(folder.at("x.db"));
      migratorOver(db, SOURCE).up();
    }
    using reader = openConnection(folder.at("x.db"), { mode: "read" });
    expect(validate(reader)).toEqual({ isValid: true, findings: [], notChecked: [] });
  });

  it("finds nothing wrong with somebody's database to which nothing was applied yet", () => {
    using db = openConnection(":memory:");
    db.runOnce("CREATE TABLE customers (x)");
    expect(validate(db).findings).toEqual([]);
  });

  it("replays a migration that has nothing in it", () => {
    using db = openConnection(":memory:");
    const source = listOf("", "-- to be written\n", "CREATE TABLE a (x)");
    migratorOver(db, source).up();
    expect(validate(db, source)).toEqual({ isValid: true, findings: [], notChecked: [] });
  });

  it.each([
    ["an orphan", ["INSERT INTO c VALUES (1, 99)"], ["foreign-keys: c -> p"]],
    ["a changed user_version", ["PRAGMA user_version = 77"], ["ledger: PRAGMA user_version"]],
    ["a new table", ["CREATE TABLE extra (x)"], ["schema: table extra"]],
    ["a dropped table", ["DROP TABLE c"], ["schema: table c"]],
    ["a changed table", ["ALTER TABLE c ADD COLUMN extra"], ["schema: table c"]],
    [
      "a new trigger",
      ["CREATE TRIGGER g AFTER INSERT ON c BEGIN DELETE FROM p; END"],
      ["schema: trigger g"],
    ],
    ["a dropped parent", ["DROP TABLE p"], ["parent-keys: c -> p", "schema: table p"]],
    [
      "a ledger row without a file",
      ["UPDATE schema_migrations SET version = 9 WHERE version = 2; PRAGMA user_version = 9"],
      ["ledger: 002_m2", "ledger: 009_m2"],
    ],
    [
      "a deleted ledger row",
      ["DELETE FROM schema_migrations WHERE version = 1"],
      ["ledger: 001_m1"],
    ],
  ])("finds %s", (_, scripts, expected) => {
    const found = findingsAfter(...scripts);
    for (const finding of expected) expect(found).toContain(finding);
  });

  it.each([
    ["not unique", "CREATE TABLE q (x); CREATE TABLE d (x REFERENCES q (x))"],
    [
      "unique only in part",
      "CREATE TABLE q (x); CREATE UNIQUE INDEX i ON q (x) WHERE x > 1; CREATE TABLE d (x REFERENCES q (x))",
    ],
    [
      "unique only together with another column",
      "CREATE TABLE q (x, y, UNIQUE (x, y)); CREATE TABLE d (x REFERENCES q (x))",
    ],
    [
      "unique in another collation only",
      "CREATE TABLE q (x TEXT); CREATE UNIQUE INDEX i ON q (x COLLATE NOCASE); CREATE TABLE d (x TEXT REFERENCES q (x))",
    ],
    [
      "a primary key of two columns for one",
      "CREATE TABLE q (x, y, PRIMARY KEY (x, y)); CREATE TABLE d (x REFERENCES q)",
    ],
    ["no primary key at all", "CREATE TABLE q (x); CREATE TABLE d (x REFERENCES q)"],
  ])(
    "finds a foreign key whose parent is %s, and still finds the orphans of other tables",
    (_, script) => {
      const found = findingsAfter(script, "INSERT INTO c VALUES (1, 99)");
      expect(found).toContain("parent-keys: d -> q");
      expect(found).toContain("foreign-keys: c -> p");
    },
  );

  it.each([
    "CREATE TABLE q (x, y, PRIMARY KEY (x, y)); CREATE TABLE d (a, b, FOREIGN KEY (b, a) REFERENCES q (y, x))",
    'CREATE TABLE q ("a,b" UNIQUE); CREATE TABLE d (x REFERENCES q ("A,b"))',
    "CREATE TABLE d (id INTEGER PRIMARY KEY, up REFERENCES d)",
    "CREATE TABLE q (x PRIMARY KEY) WITHOUT ROWID; CREATE TABLE d (x REFERENCES q)",
  ])("accepts the sound foreign keys of %p", (script) => {
    expect(findingsAfter(script).filter((finding) => finding.startsWith("parent-keys"))).toEqual(
      [],
    );
  });

  it("finds an edited, a missing, a late and a newer migration", () => {
    using db = openConnection(":memory:");
    const entry = (version: number, up = `CREATE TABLE t${version} (x)`) => ({
      version,
      name: `m${version}`,
      up,
    });
    migratorOver(db, registeredSource([entry(2), entry(3), entry(5)])).up();
    const report = validate(
      db,
      registeredSource([entry(1), entry(2, "CREATE TABLE t2 (y)"), entry(4)]),
    );
    const states = report.findings.map(({ object, observed }) => `${object}: ${observed}`);
    expect(states).toEqual([
      expect.stringContaining("001_m1: it is pending but older"),
      expect.stringContaining("002_m2: its up section was edited"),
      expect.stringContaining("003_m3: it is applied but has no file"),
      expect.stringContaining("004_m4: it is pending but older"),
      expect.stringContaining("005_m5: it is applied but has no file"),
    ]);
  });

  it("says when it could not compare the schema, because silence would look like a pass", () => {
    using functions = openConnection(":memory:");
    const byFunction = listOf((access) => access.exec("CREATE TABLE f (x)"));
    migratorOver(functions, byFunction).up();
    expect(validate(functions, byFunction)).toMatchObject({ isValid: true, notChecked: [] });
    expect(validate(functions, listOf()).notChecked).toEqual([
      "schema: 001_m1 is a function, and its module is not here",
    ]);
    using legacy = openConnection(":memory:");
    legacy.runOnce("CREATE TABLE legacy (x)");
    const onTop = listOf("INSERT INTO legacy VALUES (1)");
    migratorOver(legacy, onTop).up();
    expect(validate(legacy, onTop).notChecked).toEqual([
      expect.stringContaining("001_m1 does not run"),
    ]);
  });

  it("replays late migrations in the order they ran, and a clock that went back does not confuse it", () => {
    using late = openConnection(":memory:");
    const two = { version: 2, name: "b", up: "CREATE TABLE b (x)" };
    const one = { version: 1, name: "a", up: "ALTER TABLE b ADD COLUMN y" };
    migratorOver(late, registeredSource([two]), { now: () => 1_700_000_000_000 }).up();
    migratorOver(late, registeredSource([one, two]), { now: () => 1_700_000_001_000 }).up({
      allowOutOfOrder: true,
    });
    expect(validate(late, registeredSource([one, two]))).toMatchObject({
      isValid: true,
      notChecked: [],
    });
    using both = openConnection(":memory:");
    const wide = { version: 1, name: "wide", up: "CREATE TABLE IF NOT EXISTS s (x, y)" };
    const slim = { version: 2, name: "slim", up: "CREATE TABLE IF NOT EXISTS s (x)" };
    migratorOver(both, registeredSource([slim]), { now: () => 1_700_000_000_000 }).up();
    migratorOver(both, registeredSource([wide, slim]), { now: () => 1_700_000_001_000 }).up({
      allowOutOfOrder: true,
    });
    expect(validate(both, registeredSource([wide, slim])).findings).toEqual([]);
    using back = openConnection(":memory:");
    let now = 1_700_000_000_000;
    migratorOver(back, SOURCE, { now: () => (now -= 1000) }).up();
    expect(validate(back)).toEqual({ isValid: true, findings: [], notChecked: [] });
  });

  it("finds damaged pages, or says that it can't read them", () => {
    using folder = tempFolder();
    const path = folder.at("x.db");
    {
      using db = openConnection(path);
      migratorOver(db, SOURCE).up();
      db.runOnce(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO p SELECT i, 'code ' || i FROM n",
      );
    }
    const file = openSync(path, "r+");
    const size = statSync(path).size;
    for (let at = 8 * 4096; at < size; at += 4096)
      writeSync(file, Buffer.alloc(64, 0xee), 0, 64, at);
    closeSync(file);
    using db = openConnection(path, { mode: "read" });
    let outcome: unknown;
    try {
      outcome = validate(db).findings.map(({ check }) => check);
    } catch (error) {
      outcome = error instanceof UsageDbError ? [error.code] : error;
    }
    expect(["integrity", "DATABASE_CORRUPT"]).toContain((outcome as string[])[0] ?? "nothing");
  });
});
