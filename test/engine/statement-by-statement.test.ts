import { describe, expect, it } from "bun:test";
import { writeFileSync } from "node:fs";
import { directorySource } from "../../src/engine/directory.ts";
import type { Connection } from "../../src/engine/sqlite/connection.ts";
import { analysePlan } from "../../src/engine/sqlite/hazards/index.ts";
import { openConnection } from "../../src/engine/sqlite/open.ts";
import { readProgress } from "../../src/engine/sqlite/progress.ts";
import { repairLedger, repairsFor } from "../../src/engine/sqlite/repair.ts";
import { SchemaFingerprint } from "../../src/engine/sqlite/schema-fingerprint.ts";
import { validateConnection } from "../../src/engine/sqlite/validate.ts";
import { chance, FAULT_ROUNDS, withSeed } from "../support/fault-rounds.ts";
import { codeOf, errorOf } from "../support/error-of.ts";
import { startMigrate, runMigrate } from "../support/migrate-process.ts";
import { writeMigrations } from "../support/migration-directory.ts";
import { appliedVersions, column, migratorOver, pragma } from "../support/migrating.ts";
import { tempFolder } from "../support/temp-folder.ts";

const FREE = "-- migrate:up transaction:false\n";
const DOWN = "\n-- migrate:down transaction:false\n";
const RESIZE = `PRAGMA journal_mode = DELETE;
PRAGMA page_size = 8192;
VACUUM;
PRAGMA journal_mode = WAL;`;

/** A directory with the files, and a database on disk. */
function directoryOf(files: Readonly<Record<string, string>>) {
  const folder = tempFolder();
  const directory = writeMigrations(folder.at("m"), files);
  const db = openConnection(folder.at("x.db"));
  return {
    db,
    directory,
    folder,
    migrator: migratorOver(db, directorySource(directory)),
    [Symbol.dispose]: () => {
      db.close();
      folder[Symbol.dispose]();
    },
  };
}

const tables = (db: Connection): unknown[] =>
  column(
    db,
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'schema_%' ORDER BY 1",
  );

describe("transaction:false", () => {
  it("runs what no transaction allows, forth and, from the ledger alone, back", () => {
    using made = directoryOf({
      "1_a.sql": "CREATE TABLE a (x); INSERT INTO a VALUES (1);",
      "2_b.sql": `${FREE}${RESIZE}${DOWN}${RESIZE.replace("8192", "4096")}`,
      "3_c.sql": "CREATE TABLE c (x);",
    });
    const { db, migrator } = made;
    expect(analysePlan(db, migrator.plan()).steps[1]?.notAnalysed).toEqual([]);
    migrator.up();
    expect([pragma(db, "page_size"), pragma(db, "journal_mode")]).toEqual([8192, "wal"]);
    expect(appliedVersions(db)).toEqual([1, 2, 3]);
    expect(readProgress(db)).toBeNull();
    expect(validateConnection(db, migrator.status().standings).findings).toEqual([]);
    expect(migrator.checkDrift()).toEqual({ differences: [], unknown: null });
    expect(migrator.status().standings.map(({ state }) => state)).toEqual(Array(3).fill("applied"));
    using elsewhere = tempFolder();
    db.transaction(() => db.runOnce("DELETE FROM schema_migrations WHERE version = 3"));
    migratorOver(db, directorySource(writeMigrations(elsewhere.at("m"), {}))).rollback({
      target: 1,
      allowDrift: true,
    });
    expect([pragma(db, "page_size"), column(db, "SELECT x FROM a")]).toEqual([4096, [1]]);
  });

  it("keeps the statements that are done when one fails, says which, and holds the others back", () => {
    using made = directoryOf({
      "1_a.sql": `${FREE}CREATE TABLE a (x);\nINSERT INTO a VALUES (1);\nINSERT INTO nope VALUES (2);\nCREATE TABLE z (x);`,
      "2_b.sql": "CREATE TABLE b (x);",
    });
    const { db, migrator, directory } = made;
    expect(errorOf(() => migrator.up())).toMatchObject({
      code: "MIGRATION_FAILED",
      details: { position: { line: 4 }, applied: [], notRun: [2] },
    });
    expect(appliedVersions(db)).toEqual([]);
    expect(tables(db)).toEqual(["a"]);
    expect(migrator.status().unfinished).toMatchObject({
      version: 1,
      unit: "statements",
      state: "failed",
      done: 2,
      total: 4,
      statement: "INSERT INTO nope VALUES (2)",
      error: expect.stringContaining("no such table: nope"),
    });
    expect(codeOf(() => migrator.up())).toBe("MIGRATION_FAILED");
    expect(column(db, "SELECT x FROM a")).toEqual([1]);
    // What is done may not change; what failed may.
    const text = (first: string, third: string): string =>
      `${FREE}CREATE TABLE a (${first});\nINSERT INTO a VALUES (1);\n${third};\nCREATE TABLE z (x);`;
    writeFileSync(`${directory}/1_a.sql`, text("y", "INSERT INTO a VALUES (2)"));
    expect(errorOf(() => migrator.up())).toMatchObject({
      code: "MIGRATION_EDITED",
      message: expect.stringContaining("the statements that are done to be as they were"),
    });
    writeFileSync(`${directory}/1_a.sql`, text("x", "INSERT INTO a VALUES (2)"));
    migrator.up();
    expect(column(db, "SELECT x FROM a")).toEqual([1, 2]);
    expect(tables(db)).toEqual(["a", "b", "z"]);
    expect(appliedVersions(db)).toEqual([1, 2]);
    expect(migrator.checkDrift()).toEqual({ differences: [], unknown: null });
  });

  it("leaves a drift from before out of what it records, also when it was interrupted", () => {
    using made = directoryOf({
      "1_a.sql": "CREATE TABLE a (x);",
      "2_b.sql": `${FREE}CREATE TABLE b (x);\nSELECT nope;`,
    });
    const { db, migrator, directory } = made;
    migrator.up({ target: 1 });
    db.runOnce("CREATE TABLE mine (x)");
    expect(() => migrator.up()).toThrow("nope");
    writeFileSync(`${directory}/2_b.sql`, `${FREE}CREATE TABLE b (x);\nCREATE TABLE c (x);`);
    const again = migratorOver(db, directorySource(directory));
    again.up();
    expect(again.checkDrift()?.differences).toEqual(["table mine is new"]);
    db.runOnce("DROP TABLE mine");
    const fingerprint = new SchemaFingerprint();
    fingerprint.refresh(db, false);
    expect(column(db, "SELECT schema_hash FROM schema_migrations WHERE version = 2")).toEqual([
      fingerprint.hash,
    ]);
  });

  it("is undone half-way by its down, or forgotten by a repair", () => {
    using made = directoryOf({
      "1_a.sql": `${FREE}CREATE TABLE a (x);\nSELECT nope;${DOWN}DROP TABLE IF EXISTS a;`,
    });
    const { db, migrator } = made;
    expect(() => migrator.up()).toThrow("nope");
    migrator.rollback();
    expect([tables(db), readProgress(db), appliedVersions(db)]).toEqual([[], null, []]);
    expect(() => migrator.up()).toThrow("nope");
    const { standings, unfinished } = migrator.status();
    const [repair] = repairsFor(standings, unfinished);
    expect(repair).toMatchObject({ kind: "clear", version: 1 });
    if (repair !== undefined)
      repairLedger(db, repair, { standings: () => standings, now: () => Date.now() });
    expect([tables(db), readProgress(db), migrator.status().unfinished]).toEqual([
      ["a"],
      null,
      null,
    ]);
    expect(column(db, "SELECT action FROM schema_migrations_history")).toContain("repair: clear");
  });

  it("does not call a rebuild with foreign keys in it done when rows point at nothing", () => {
    using made = directoryOf({
      "1_a.sql":
        "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p REFERENCES p); INSERT INTO p VALUES (1); INSERT INTO c VALUES (1);",
      "2_b.sql": `${FREE}PRAGMA foreign_keys = OFF;\nCREATE TABLE n (id INTEGER PRIMARY KEY);\nINSERT INTO n SELECT id + 1 FROM p;\nDROP TABLE p;\nALTER TABLE n RENAME TO p;`,
    });
    const { db, migrator, directory } = made;
    expect(codeOf(() => migrator.up())).toBe("MIGRATION_FOREIGN_KEYS");
    expect(appliedVersions(db)).toEqual([1]);
    expect(migrator.status().unfinished).toMatchObject({ done: 4, total: 5, state: "failed" });
    writeFileSync(
      `${directory}/2_b.sql`,
      `${FREE}PRAGMA foreign_keys = OFF;\nCREATE TABLE n (id INTEGER PRIMARY KEY);\nINSERT INTO n SELECT id + 1 FROM p;\nDROP TABLE p;\nINSERT INTO n VALUES (1);\nALTER TABLE n RENAME TO p;`,
    );
    migrator.up();
    expect([
      appliedVersions(db),
      column(db, "SELECT p FROM c"),
      pragma(db, "foreign_keys"),
    ]).toEqual([[1, 2], [1], 1]);
  });

  it("says when SQLite would change nothing in silence", () => {
    using made = directoryOf({ "1_a.sql": `${FREE}PRAGMA page_size = 16384;\nVACUUM;` });
    expect(errorOf(() => made.migrator.up())).toMatchObject({
      message: expect.stringContaining("the page size is 4096, expected 16384"),
      hint: expect.stringContaining("journal_mode = DELETE"),
    });
    using busy = directoryOf({ "1_a.sql": `${FREE}${RESIZE}` });
    using other = openConnection(busy.folder.at("x.db"));
    busy.db.runOnce("PRAGMA busy_timeout = 50");
    const reader = other.prepare("SELECT 1 FROM sqlite_schema");
    reader.values();
    expect(() => busy.migrator.up()).toThrow();
    expect(busy.migrator.status().unfinished).toMatchObject({ done: 0 });
    other.close();
    busy.migrator.up();
    expect(pragma(busy.db, "page_size")).toBe(8192);
  });

  it("sets the page size anew when it goes on in another process before its VACUUM", () => {
    using made = directoryOf({
      "1_a.sql": `${FREE}PRAGMA journal_mode = DELETE;\nPRAGMA page_size = 8192;\nSELECT nope;\nVACUUM;`,
    });
    expect(() => made.migrator.up()).toThrow("nope");
    writeFileSync(
      `${made.directory}/1_a.sql`,
      `${FREE}PRAGMA journal_mode = DELETE;\nPRAGMA page_size = 8192;\nSELECT 1;\nPRAGMA journal_mode = DELETE;\nVACUUM;\nPRAGMA journal_mode = WAL;`,
    );
    made.db.close();
    using again = openConnection(made.folder.at("x.db"));
    migratorOver(again, directorySource(made.directory)).up();
    expect(pragma(again, "page_size")).toBe(8192);
  });

  it.each([
    ["VACUUM INTO 'other.db'", "MIGRATION_STATEMENT_FORBIDDEN"],
    ["ATTACH 'other.db' AS o", "MIGRATION_STATEMENT_FORBIDDEN"],
    ["PRAGMA user_version = 3", "MIGRATION_STATEMENT_FORBIDDEN"],
    ["BEGIN", "MIGRATION_TRANSACTION_CONTROL"],
    ["COMMIT", "MIGRATION_TRANSACTION_CONTROL"],
  ])("still refuses %s", (statement, code) => {
    using made = directoryOf({ "1_a.sql": `${FREE}${statement};` });
    expect(codeOf(() => made.migrator.up())).toBe(code);
  });

  /**
   * Strategy: a migration whose statements each add one row, with VACUUMs in between, is killed at random moments.
   * Invariants: at every moment the rows are exactly those of the position, or of the one after it when a VACUUM may
   * have run; never is it in the ledger before the last one; in the end each statement has run once.
   */
  it(
    "runs each statement once, however often it is killed",
    async () => {
      const dice = chance();
      await withSeed(dice, async () => {
        const statements = Array.from({ length: 60 }, (_, index) =>
          index % 6 === 5 ? "VACUUM" : `INSERT INTO a VALUES (${index})`,
        );
        using made = directoryOf({
          "1_a.sql": "CREATE TABLE a (x);",
          "2_b.sql": `${FREE}${statements.join(";\n")};`,
        });
        const { db, directory, folder } = made;
        const args = ["--db", "x.db", "--dir", "m"];
        const rowsAt = (count: number): number[] =>
          statements.slice(0, count).flatMap((text, index) => (text === "VACUUM" ? [] : [index]));
        let killedInside = 0;
        for (let kill = 0; kill < 4 * FAULT_ROUNDS; kill++) {
          const before = readProgress(db)?.done ?? 0;
          const wanted = before + Math.floor(((statements.length - before) * dice.next()) / 3);
          const child = startMigrate(args, folder.path);
          while (child.exitCode === null && (readProgress(db)?.done ?? 0) <= wanted)
            await Bun.sleep(0);
          child.kill("SIGKILL");
          await child.exited;
          const { unfinished, currentVersion } = migratorOver(
            db,
            directorySource(directory),
          ).status();
          if (currentVersion === 2) break;
          expect(column(db, "SELECT x FROM a ORDER BY 1")).toEqual(rowsAt(unfinished?.done ?? 0));
          if (unfinished !== null) killedInside++;
        }
        expect(killedInside).toBeGreaterThan(0);
        expect((await runMigrate(args, folder.path)).exitCode).toBe(0);
        expect(column(db, "SELECT x FROM a ORDER BY 1")).toEqual(rowsAt(statements.length));
        expect([appliedVersions(db), readProgress(db)]).toEqual([[1, 2], null]);
      });
    },
    30_000 * FAULT_ROUNDS,
  );
});
