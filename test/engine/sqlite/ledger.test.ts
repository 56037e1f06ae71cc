import { Database } from "bun:sqlite";
import { describe, expect, it } from "bun:test";
import { Connection } from "../../../src/engine/sqlite/connection.ts";
import {
  hasLedger,
  mirroredVersion,
  readLedgerHead,
  readLedgerRows,
} from "../../../src/engine/sqlite/ledger.ts";
import { openConnection } from "../../../src/engine/sqlite/open.ts";
import { codeOf } from "../../support/error-of.ts";
import { listOf, migratorOver } from "../../support/migrating.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const SOURCE = listOf(["CREATE TABLE a (x)", "DROP TABLE a"], "CREATE TABLE b (x)");

describe("readLedgerHead()", () => {
  it("is null without a ledger and with an empty one", () => {
    using db = openConnection(":memory:");
    expect(readLedgerHead(db)).toBeNull();
    const migrator = migratorOver(db, listOf(["CREATE TABLE a (x)", "DROP TABLE a"]));
    migrator.up();
    migrator.rollback();
    expect(hasLedger(db)).toBe(true);
    expect(readLedgerHead(db)).toBeNull();
  });

  it("sees a ledger that another process created in the middle of its look", () => {
    using folder = tempFolder();
    using other = openConnection(folder.at("x.db"));
    /** Overtaken by the other connection between its failing read and its second look. */
    class Overtaken extends Connection {
      override readOnce(
        ...args: Parameters<Connection["readOnce"]>
      ): ReturnType<Connection["readOnce"]> {
        try {
          return super.readOnce(...args);
        } catch (error) {
          migratorOver(other, SOURCE).up();
          throw error;
        }
      }
    }
    using db = new Overtaken(new Database(folder.at("x.db")), folder.at("x.db"));
    expect(readLedgerHead(db)).toMatchObject({ version: 2, appliedCount: 2 });
  });

  it("refuses a table of that name with other columns", () => {
    using db = openConnection(":memory:");
    db.runOnce("CREATE TABLE schema_migrations (version TEXT)");
    expect(codeOf(() => readLedgerHead(db))).toBe("LEDGER_FOREIGN");
    expect(codeOf(() => hasLedger(db))).toBe("LEDGER_FOREIGN");
  });
});

describe("readLedgerRows()", () => {
  it("gives what was applied, ascending, with both texts", () => {
    using db = openConnection(":memory:");
    migratorOver(db, SOURCE, { now: () => 1_700_000_000_000 }).up();
    expect(readLedgerRows(db)).toEqual([
      expect.objectContaining({
        version: 1,
        name: "m1",
        up_sql: "CREATE TABLE a (x)",
        down_sql: "DROP TABLE a",
        applied_at: 1_700_000_000_000,
      }),
      expect.objectContaining({
        version: 2,
        name: "m2",
        up_sql: "CREATE TABLE b (x)",
        down_sql: null,
      }),
    ]);
  });
});

describe("mirroredVersion()", () => {
  it("is the version as far as PRAGMA user_version can hold it", () => {
    expect([0, 7, 0x7fff_ffff, 0x8000_0000, 20_260_101_120_000].map(mirroredVersion)).toEqual([
      0, 7, 0x7fff_ffff, 0, 0,
    ]);
  });
});

describe("readLedgerRows()", () => {
  it.each(["up_sql = x'00ff'", "down_sql = x'00'", "name = x'00'"])(
    "calls an entry with %s damaged",
    (damage) => {
      using db = openConnection(":memory:");
      migratorOver(db, SOURCE).up();
      // A table that is not STRICT takes what only a damaged page would hold.
      db.runOnce("CREATE TABLE lax AS SELECT * FROM schema_migrations");
      db.runOnce("DROP TABLE schema_migrations");
      db.runOnce("ALTER TABLE lax RENAME TO schema_migrations");
      db.runOnce(`UPDATE schema_migrations SET ${damage} WHERE version = 2`);
      expect(codeOf(() => readLedgerRows(db))).toBe("DATABASE_CORRUPT");
    },
  );
});
