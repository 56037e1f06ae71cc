import { rmSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "bun:test";
import { directorySource } from "../../src/engine/directory.ts";
import { createSqliteDriver } from "../../src/engine/sqlite/driver.ts";
import { peekLedgerHead } from "../../src/engine/sqlite/peek.ts";
import { openConnection } from "../../src/engine/sqlite/open.ts";
import { isUpToDate } from "../../src/engine/up-to-date.ts";
import { codeOf } from "../support/error-of.ts";
import { sections, settleFiles, writeMigrations } from "../support/migration-directory.ts";
import { column, listOf, migratorOver } from "../support/migrating.ts";
import { type TempFolder, tempFolder } from "../support/temp-folder.ts";

const FILES = {
  "001_a.sql": sections("CREATE TABLE a (x);", "DROP TABLE a;"),
  "002_b.sql": sections("CREATE TABLE b (x);", "DROP TABLE b;"),
};

/** A migrated file whose newest ledger row carries the stamp. */
function stamped(folder: TempFolder) {
  const directory = writeMigrations(folder.at("m"), FILES);
  settleFiles();
  const path = folder.at("x.db");
  const db = openConnection(path);
  const migrator = migratorOver(db, directorySource(directory));
  migrator.up();
  const isFast = (): boolean => isUpToDate(peekLedgerHead(path, 1000), directorySource(directory));
  return { directory, path, db, migrator, isFast, [Symbol.dispose]: () => db.close() };
}

describe("the up-to-date stamp", () => {
  it("is written by the run that applied everything", () => {
    using folder = tempFolder();
    using place = stamped(folder);
    expect(place.isFast()).toBe(true);
    expect(column(place.db, "SELECT source_stamp FROM schema_migrations ORDER BY version")).toEqual(
      [null, expect.stringMatching(/^2:dir:[0-9a-f]{64}$/)],
    );
  });

  it("is not written while a file is too young, and is by a later run that has nothing to do", () => {
    using folder = tempFolder();
    using db = openConnection(folder.at("x.db"));
    const directory = writeMigrations(folder.at("m"), FILES);
    const migrator = migratorOver(db, directorySource(directory));
    migrator.up();
    expect(column(db, "SELECT count(source_stamp) FROM schema_migrations")).toEqual([0]);
    settleFiles();
    migrator.up();
    expect(column(db, "SELECT count(source_stamp) FROM schema_migrations")).toEqual([1]);
  });

  it("is not written when a down was edited, so that every status keeps comparing", () => {
    using folder = tempFolder();
    using place = stamped(folder);
    writeMigrations(place.directory, {
      "002_b.sql": FILES["002_b.sql"].replace("DROP TABLE b", "DROP TABLE IF EXISTS b"),
    });
    settleFiles();
    expect(place.migrator.up().steps).toEqual([]);
    expect(place.isFast()).toBe(false);
  });

  it.each([
    [
      "an edited file",
      (p: string) => writeFileSync(`${p}/001_a.sql`, FILES["001_a.sql"].replace("(x)", "(x, y)")),
      "MIGRATION_EDITED",
    ],
    [
      "an edit of equal size",
      (p: string) => writeFileSync(`${p}/001_a.sql`, FILES["001_a.sql"].replace("(x)", "(y)")),
      "MIGRATION_EDITED",
    ],
    ["a missing file", (p: string) => rmSync(`${p}/001_a.sql`), "MIGRATION_MISSING"],
    [
      "a second file of one version",
      (p: string) => writeFileSync(`${p}/001_5.ts`, ""),
      "MIGRATION_VERSION_DUPLICATE",
    ],
    ["a newer database", (p: string) => rmSync(`${p}/002_b.sql`), "DATABASE_NEWER"],
  ])("does not hide %s", (_, change, code) => {
    using folder = tempFolder();
    using place = stamped(folder);
    change(place.directory);
    expect(place.isFast()).toBe(false);
    expect(codeOf(() => place.migrator.up())).toBe(code);
  });

  it("does not hide a ledger row that was deleted", () => {
    using folder = tempFolder();
    using place = stamped(folder);
    place.db.runOnce("DELETE FROM schema_migrations WHERE version = 1");
    expect(place.isFast()).toBe(false);
    expect(codeOf(() => place.migrator.up())).toBe("MIGRATION_OUT_OF_ORDER");
  });

  it("does not hide a new file, nor one that came back after a rollback", () => {
    using folder = tempFolder();
    using place = stamped(folder);
    place.migrator.rollback();
    expect(place.isFast()).toBe(false);
    expect(place.migrator.up().toVersion).toBe(2);
    expect(place.isFast()).toBe(true);
    writeMigrations(place.directory, { "003_c.sql": "CREATE TABLE c (x);" });
    expect(place.isFast()).toBe(false);
    expect(place.migrator.up().toVersion).toBe(3);
  });

  it("is renewed after a harmless change: a README, a comment", () => {
    using folder = tempFolder();
    using place = stamped(folder);
    for (const files of [
      { "README.md": "notes" },
      { "001_a.sql": `-- why\n${FILES["001_a.sql"]}` },
    ]) {
      writeMigrations(place.directory, files);
      expect(place.isFast()).toBe(false);
      settleFiles();
      expect(place.migrator.up().steps).toEqual([]);
      expect(place.isFast()).toBe(true);
    }
  });

  it("is not written for a ledger that changed since it was compared", () => {
    using folder = tempFolder();
    using place = stamped(folder);
    const stamps = (): unknown[] => column(place.db, "SELECT source_stamp FROM schema_migrations");
    const before = stamps();
    void createSqliteDriver(place.db).writeStamp("proved", [2]);
    void createSqliteDriver(place.db).writeStamp("proved", [1, 2, 3]);
    expect(stamps()).toEqual(before);
    void createSqliteDriver(place.db).writeStamp("proved", [1, 2]);
    expect(stamps()).toEqual([null, "proved"]);
  });

  it("is only a cache: a database that can't be written to right now is no error", () => {
    using folder = tempFolder();
    using place = stamped(folder);
    using other = openConnection(place.path);
    writeMigrations(place.directory, { "README.md": "notes" });
    settleFiles();
    other.transaction(() => {
      other.runOnce("CREATE TABLE held (x)");
      const startedAt = performance.now();
      expect(place.migrator.up().steps).toEqual([]);
      expect(performance.now() - startedAt).toBeLessThan(1000);
    });
    expect(column(place.db, "PRAGMA busy_timeout")).toEqual([5000]);
    place.db.runOnce("PRAGMA query_only = ON");
    expect(place.migrator.up().steps).toEqual([]);
  });
});

describe("peekLedgerHead()", () => {
  it("answers null for whatever the full opening has better words for", () => {
    using folder = tempFolder();
    writeFileSync(folder.at("text"), "this is not a database, however long it is".repeat(100));
    openConnection(folder.at("empty.db")).close();
    const paths = ["missing", "text", "text/inside", "empty.db", "."].map((name) =>
      folder.at(name),
    );
    expect(paths.map((path) => peekLedgerHead(path, 10))).toEqual([null, null, null, null, null]);
    expect(peekLedgerHead("", 10)).toBeNull();
  });

  it("reads the newest entry and leaves nothing open", () => {
    using folder = tempFolder();
    const path = folder.at("x.db");
    {
      using db = openConnection(path);
      migratorOver(db, listOf("CREATE TABLE a (x)", "CREATE TABLE b (x)")).up();
    }
    expect(peekLedgerHead(path, 10)).toMatchObject({ version: 2, appliedCount: 2 });
    expect([...new Bun.Glob("x.db*").scanSync(folder.path)]).toEqual(["x.db"]);
  });
});
