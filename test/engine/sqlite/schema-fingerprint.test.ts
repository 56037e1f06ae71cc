import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "bun:test";
import * as fc from "fast-check";
import type { Connection } from "../../../src/engine/sqlite/connection.ts";
import { openConnection } from "../../../src/engine/sqlite/open.ts";
import { SchemaFingerprint } from "../../../src/engine/sqlite/schema-fingerprint.ts";
import { codeOf } from "../../support/error-of.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { column, listOf, migratorOver } from "../../support/migrating.ts";

describe("SchemaFingerprint", () => {
  it("calls a schema damaged whose text cannot be SQL", () => {
    using folder = tempFolder();
    const path = folder.at("x.db");
    {
      using db = openConnection(path);
      db.runOnce("CREATE VIEW v AS SELECT 1 /* why */ + 1");
    }
    const bytes = readFileSync(path);
    bytes.write("\0", bytes.indexOf("why"));
    writeFileSync(path, bytes);
    using db = openConnection(path, { mode: "read" });
    expect(codeOf(() => new SchemaFingerprint().refresh(db, false))).toBe("DATABASE_CORRUPT");
  });

  it("gives the same hash step by step as all at once, in any order, blind to layout", () => {
    using slow = openConnection(":memory:");
    const steps = new SchemaFingerprint();
    for (const sql of [
      "CREATE TABLE a (x)",
      "CREATE TABLE b (x) -- why",
      "CREATE INDEX i ON a (x)",
    ]) {
      slow.runOnce(sql);
      steps.refresh(slow, true);
    }
    using fast = openConnection(":memory:");
    fast.runOnce("CREATE TABLE b\n(x); CREATE TABLE a (x); CREATE INDEX i ON a (x)");
    const once = new SchemaFingerprint();
    once.refresh(fast, false);
    expect(steps.hash).toBe(once.hash);
    expect(once.hash).toMatch(/^schema1:[0-9a-f]{64}$/);
    fast.runOnce("ALTER TABLE a ADD COLUMN y");
    once.refresh(fast, false);
    expect(once.hash).not.toBe(steps.hash);
  });

  it("is the same in the ledger whether versions are applied in one run or one by one", () => {
    const statement = fc.constantFrom(
      "CREATE TABLE IF NOT EXISTS a (x)",
      "CREATE TABLE IF NOT EXISTS b (x INTEGER PRIMARY KEY AUTOINCREMENT)",
      "CREATE TABLE IF NOT EXISTS c (x REFERENCES b (x))",
      "CREATE VIEW IF NOT EXISTS v AS SELECT 1 AS one",
      "CREATE INDEX IF NOT EXISTS i ON base (x)",
      "DROP TABLE IF EXISTS a",
      "DROP TABLE IF EXISTS b",
      "DROP VIEW IF EXISTS v",
      "DROP INDEX IF EXISTS i",
      "ALTER TABLE base RENAME COLUMN x TO y; ALTER TABLE base RENAME COLUMN y TO x",
      "INSERT INTO base VALUES (1)",
      "ANALYZE",
    );
    const migration = fc.array(statement, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(migration, { minLength: 1, maxLength: 6 }), (migrations) => {
        const ups = ["CREATE TABLE base (x)", ...migrations.map((all) => all.join(";"))];
        const hashes = (db: Connection): unknown[] =>
          column(db, "SELECT schema_hash FROM schema_migrations ORDER BY version");
        using whole = openConnection(":memory:");
        migratorOver(whole, listOf(...ups)).up();
        using single = openConnection(":memory:");
        for (let version = 1; version <= ups.length; version++)
          migratorOver(single, listOf(...ups)).up({ target: version });
        expect(hashes(whole)).toEqual(hashes(single));
      }),
      { numRuns: 60 },
    );
  });

  it("is the same in the ledger after a rollback and a second up", () => {
    using db = openConnection(":memory:");
    const source = listOf(
      ["CREATE TABLE a (x)", "DROP TABLE a"],
      ["ALTER TABLE a ADD COLUMN y", "ALTER TABLE a DROP COLUMN y"],
    );
    const migrator = migratorOver(db, source);
    const hashes = (): unknown[][] =>
      db.readOnce("SELECT version, schema_hash FROM schema_migrations");
    migrator.up();
    const before = hashes();
    expect(new Set(before.map(([, hash]) => hash)).size).toBe(2);
    migrator.rollback({ target: 0 });
    migrator.up();
    expect(hashes()).toEqual(before);
  });
});
