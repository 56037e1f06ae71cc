import { describe, expect, it } from "bun:test";
import { type MigrationEvent } from "../../../src/engine/migrator.ts";
import type { MigrationSource } from "../../../src/engine/source.ts";
import type { Connection } from "../../../src/engine/sqlite/connection.ts";
import { createSqliteDriver } from "../../../src/engine/sqlite/driver.ts";
import { readLedgerHead } from "../../../src/engine/sqlite/ledger.ts";
import { openConnection } from "../../../src/engine/sqlite/open.ts";
import { openUsageDb } from "../../../src/usage-db.ts";
import { codeOf } from "../../support/error-of.ts";
import { listOf, migratorOver } from "../../support/migrating.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const SOURCE: MigrationSource = listOf(
  ["CREATE TABLE a (x INT)", "DROP TABLE a"],
  ["CREATE TABLE b (x INT); CREATE INDEX b_x ON b (x)", "DROP TABLE b"],
  ["ALTER TABLE a ADD COLUMN y TEXT DEFAULT 'é'", "ALTER TABLE a DROP COLUMN y"],
);

/** What `up` tells of the schema, and what the ledger knows after it. */
function look(db: Connection, source = SOURCE): { told: string[]; isKnown: boolean | undefined } {
  const told: string[] = [];
  const onEvent = (event: MigrationEvent): void => {
    if (event.type === "drifted") told.push(...event.drift.differences);
  };
  migratorOver(db, source, { onEvent }).up();
  return { told, isKnown: readLedgerHead(db)?.isSchemaKnown };
}

describe("the check of the schema at every open", () => {
  it("knows the schema after a run, and compares nothing as long as the cookie stands still", () => {
    using db = openConnection(":memory:");
    expect(look(db)).toEqual({ told: [], isKnown: true });
    expect(readLedgerHead(db)).toMatchObject({ isSchemaKnown: true, hasDrifted: false });
    db.runOnce("INSERT INTO a VALUES (1, 'one')");
    expect(readLedgerHead(db)).toMatchObject({ isSchemaKnown: true });
  });

  it.each([
    ["an index that is gone", "DROP INDEX b_x", "index b_x is gone"],
    ["a table of one's own", "CREATE TABLE mine (x)", "table mine is new"],
    ["a column more", "ALTER TABLE b ADD COLUMN z", "table b gained: column z"],
    ["a column less", "ALTER TABLE a DROP COLUMN y", "table a lost: column y TEXT"],
    ["a trigger", "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; END", "trigger t is new"],
    ["a view", "CREATE VIEW v AS SELECT 1", "view v is new"],
  ])(
    "tells of %s, once it is found out in one read, and not after it is mended",
    (_, change, told) => {
      using db = openConnection(":memory:");
      look(db);
      db.runOnce("SAVEPOINT before");
      db.runOnce("RELEASE before");
      db.runOnce(change);
      expect(readLedgerHead(db)).toMatchObject({ isSchemaKnown: false });
      expect(look(db)).toEqual({ told: [expect.stringContaining(told)], isKnown: true });
      expect(readLedgerHead(db)).toMatchObject({ isSchemaKnown: true, hasDrifted: true });
      expect(look(db).told).toEqual([expect.stringContaining(told)]);
    },
  );

  it("forgets the drift when it is undone", () => {
    using db = openConnection(":memory:");
    look(db);
    db.runOnce("CREATE INDEX mine ON a (x)");
    expect(look(db).told).toEqual(["index mine is new"]);
    db.runOnce("DROP INDEX mine");
    expect(look(db)).toEqual({ told: [], isKnown: true });
    expect(readLedgerHead(db)).toMatchObject({ hasDrifted: false });
  });

  it("takes a schema that is written differently but is the same for no drift", () => {
    using db = openConnection(":memory:");
    look(db);
    db.runOnce("ALTER TABLE a DROP COLUMN y");
    db.runOnce("ALTER TABLE a ADD COLUMN y TEXT DEFAULT ('é')");
    db.runOnce("ALTER TABLE a DROP COLUMN y");
    db.runOnce("ALTER TABLE a ADD COLUMN \"y\" TEXT DEFAULT 'é'");
    expect(look(db)).toEqual({ told: [], isKnown: true });
  });

  it("does not let a later migration swallow the drift", () => {
    using db = openConnection(":memory:");
    const four = listOf(
      ...(["CREATE TABLE a (x INT)", "CREATE TABLE b (x INT)"] as const),
      "CREATE TABLE c (x)",
      "DROP TABLE b",
    );
    migratorOver(db, four).up({ target: 2 });
    db.runOnce("CREATE INDEX mine ON a (x)");
    expect(look(db, four).told).toEqual(["index mine is new"]);
    db.runOnce("DROP INDEX mine");
    expect(look(db, four)).toEqual({ told: [], isKnown: true });
  });

  it("holds through rollbacks, whose text may differ from what the up left", () => {
    using db = openConnection(":memory:");
    look(db);
    const migrator = migratorOver(db, SOURCE);
    migrator.rollback({ target: 1 });
    expect(readLedgerHead(db)).toMatchObject({ isSchemaKnown: true, hasDrifted: false });
    expect(migrator.checkDrift()).toEqual({ differences: [], unknown: null });
    expect(look(db)).toEqual({ told: [], isKnown: true });
  });

  it("only reads for status, and says so when a function's module is not there", () => {
    using db = openConnection(":memory:");
    const functions = listOf((access) => access.exec("CREATE TABLE f (x)"));
    look(db, functions);
    db.runOnce("CREATE INDEX mine ON f (x)");
    expect(migratorOver(db, functions).checkDrift()).toEqual({
      differences: ["index mine is new"],
      unknown: null,
    });
    expect(readLedgerHead(db)).toMatchObject({ isSchemaKnown: false });
    expect(migratorOver(db, listOf()).checkDrift()).toEqual({
      differences: [],
      unknown: "001_m1 is a function, and its module is not here",
    });
  });

  it("does not take for known what it could not compare", () => {
    using db = openConnection(":memory:");
    look(
      db,
      listOf((access) => access.exec("CREATE TABLE f (x)")),
    );
    db.runOnce("CREATE INDEX mine ON f (x)");
    const driver = createSqliteDriver(db);
    expect(driver.checkDrift([], true)).toMatchObject({ unknown: expect.stringContaining("m1") });
    expect(readLedgerHead(db)).toMatchObject({ isSchemaKnown: false });
  });

  it("is made by openUsageDb too, which opens all the same", () => {
    using folder = tempFolder();
    const path = folder.at("usage.db");
    openUsageDb(path).close();
    {
      using db = openConnection(path);
      db.runOnce("CREATE INDEX mine ON bars_cache (close)");
    }
    const told: string[] = [];
    const onEvent = (event: MigrationEvent): void => {
      if (event.type === "drifted") told.push(...event.drift.differences);
    };
    openUsageDb(path, { onEvent }).close();
    openUsageDb(path, { onEvent }).close();
    expect(told).toEqual(["index mine is new", "index mine is new"]);
  });
});

describe("rollback() on a schema that has drifted", () => {
  it("is refused by name, unless it was asked for", () => {
    using db = openConnection(":memory:");
    look(db);
    db.runOnce("CREATE INDEX mine ON a (x)");
    const migrator = migratorOver(db, SOURCE);
    expect(codeOf(() => migrator.rollback())).toBe("SCHEMA_DRIFTED");
    expect(codeOf(() => migrator.redo())).toBe("SCHEMA_DRIFTED");
    expect(migrator.status().currentVersion).toBe(3);
    expect(migrator.rollback({ allowDrift: true })).toMatchObject({ toVersion: 2 });
    expect(codeOf(() => migrator.rollback())).toBe("SCHEMA_DRIFTED");
    db.runOnce("DROP INDEX mine");
    expect(migrator.rollback({ target: 0 })).toMatchObject({ toVersion: 0 });
  });
});
