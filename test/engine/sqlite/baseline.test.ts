import { describe, expect, it } from "bun:test";
import { baselineDatabase } from "../../../src/engine/sqlite/baseline.ts";
import type { Connection } from "../../../src/engine/sqlite/connection.ts";
import { openConnection } from "../../../src/engine/sqlite/open.ts";
import { validateConnection } from "../../../src/engine/sqlite/validate.ts";
import { codeOf, errorOf } from "../../support/error-of.ts";
import {
  appliedVersions,
  column,
  listOf,
  migratorOver,
  objectNames,
  pragma,
} from "../../support/migrating.ts";
import { NOON } from "../../support/usage-db.ts";

const SOURCE = listOf(
  ["CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)", "DROP TABLE notes"],
  ["ALTER TABLE notes ADD COLUMN tag TEXT", "ALTER TABLE notes DROP COLUMN tag"],
  ["CREATE INDEX notes_tag ON notes (tag)", "DROP INDEX notes_tag"],
);
/** What version 2 builds, written by another hand. */
const BY_HAND = 'CREATE TABLE "notes" (id integer primary key, tag TEXT, text TEXT NOT NULL)';

const baseline = (connection: Connection, version: number, source = SOURCE) =>
  baselineDatabase(connection, { source, version, now: () => NOON });

describe("baselineDatabase()", () => {
  it("enters the versions without running them, and `up`, `rollback` and `validate` go on from there", () => {
    using db = openConnection(":memory:");
    db.runOnce(BY_HAND);
    db.runOnce("INSERT INTO notes (text) VALUES ('kept')");
    expect(baseline(db, 2)).toEqual({
      version: 2,
      entered: [
        { version: 1, name: "m1" },
        { version: 2, name: "m2" },
      ],
    });
    expect([appliedVersions(db), pragma(db, "user_version")]).toEqual([[1, 2], 2]);
    expect(column(db, "SELECT DISTINCT applied_at FROM schema_migrations")).toEqual([NOON]);
    const migrator = migratorOver(db, SOURCE);
    const { standings } = migrator.status();
    expect(standings.map(({ state }) => state)).toEqual(["applied", "applied", "pending"]);
    expect(validateConnection(db, standings)).toMatchObject({ isValid: true, notChecked: [] });
    migrator.up();
    expect(objectNames(db)).toEqual(["notes", "notes_tag"]);
    migrator.rollback({ target: 1 });
    expect(column(db, "SELECT text FROM notes")).toEqual(["kept"]);
    expect(column(db, "SELECT name FROM pragma_table_info('notes')")).toEqual(["id", "text"]);
  });

  it("takes migrations that are functions", () => {
    const source = listOf((db) => db.exec("CREATE TABLE notes (id INTEGER PRIMARY KEY)"));
    using db = openConnection(":memory:");
    db.runOnce("CREATE TABLE notes (id INTEGER PRIMARY KEY)");
    expect(baseline(db, 1, source).entered).toEqual([{ version: 1, name: "m1" }]);
  });

  it.each([
    [BY_HAND, 1, ["table notes gained: column tag TEXT pk=0 hidden=0"]],
    [BY_HAND, 3, ["index notes_tag is gone"]],
    [`${BY_HAND};CREATE VIEW v AS SELECT 1`, 2, ["view v is new"]],
  ])("refuses %p as version %p, naming what differs, and writes nothing", (sql, version, list) => {
    using db = openConnection(":memory:");
    for (const statement of sql.split(";")) db.runOnce(statement);
    const error = errorOf(() => baseline(db, version));
    expect([error.code, error.details["differences"]]).toEqual(["BASELINE_DIFFERS", list]);
    expect(error.message).toContain(String(list[0]));
    expect(column(db, "SELECT name FROM sqlite_schema WHERE name LIKE '%migrations%'")).toEqual([]);
  });

  it("refuses a database that has a ledger, ours or another's, and a version that does not exist", () => {
    using ours = openConnection(":memory:");
    migratorOver(ours, SOURCE).up({ target: 1 });
    expect(codeOf(() => baseline(ours, 1))).toBe("BASELINE_LEDGER_EXISTS");
    expect(appliedVersions(ours)).toEqual([1]);
    using other = openConnection(":memory:");
    other.runOnce("CREATE TABLE schema_migrations (version TEXT)");
    expect(codeOf(() => baseline(other, 1))).toBe("LEDGER_FOREIGN");
    using empty = openConnection(":memory:");
    expect(codeOf(() => baseline(empty, 9))).toBe("MIGRATION_TARGET_UNKNOWN");
  });
});
