/**
 * Strategy: `up` of 50 migrations is killed with SIGKILL at random moments, again and again on the same file
 * until it is complete, then on a new one.
 * Invariants: the ledger holds versions 1 to n without a gap; the schema is exactly that of these n; every row
 * of these n is there and none of another; the database is valid; the next `up` goes on and completes.
 */
import { describe, expect, it } from "bun:test";
import { directorySource } from "../../src/engine/directory.ts";
import { openConnection } from "../../src/engine/sqlite/open.ts";
import { validateConnection } from "../../src/engine/sqlite/validate.ts";
import { chance, FAULT_ROUNDS, withSeed } from "../support/fault-rounds.ts";
import { runMigrate, startMigrate } from "../support/migrate-process.ts";
import { sections, writeMigrations } from "../support/migration-directory.ts";
import { appliedVersions, column, migratorOver } from "../support/migrating.ts";
import { tempFolder } from "../support/temp-folder.ts";

const KILLS = 25 * FAULT_ROUNDS;
const MIGRATIONS = 50;
const ROWS = 300;

function migrationFiles(): Record<string, string> {
  const files: Record<string, string> = {};
  for (let version = 1; version <= MIGRATIONS; version++) {
    const table = `t${version}`;
    files[`${version}_make_${table}.sql`] = sections(
      `CREATE TABLE ${table} (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS})
INSERT INTO ${table} SELECT i, 'row ' || i FROM n;
CREATE INDEX ${table}_text ON ${table} (text);
CREATE TRIGGER ${table}_guard BEFORE DELETE ON ${table} BEGIN SELECT RAISE(ABORT, 'no;'); END;`,
      `DROP TABLE ${table};`,
    );
  }
  return files;
}

/** Looks at the file as it was left; returns how many versions are applied. */
function expectWhole(path: string, directory: string): number {
  using db = openConnection(path);
  const tables = column(db, "SELECT name FROM sqlite_schema WHERE name = 'schema_migrations'");
  if (tables.length === 0) {
    expect(column(db, "SELECT name FROM sqlite_schema")).toEqual([]);
    return 0;
  }
  const versions = appliedVersions(db);
  expect(versions).toEqual(versions.map((_, index) => index + 1));
  for (const version of versions)
    expect(column(db, `SELECT count(*) FROM t${String(version)}`)).toEqual([ROWS]);
  const { standings } = migratorOver(db, directorySource(directory)).status();
  expect(validateConnection(db, standings)).toEqual({
    isValid: true,
    findings: [],
    notChecked: [],
  });
  return versions.length;
}

describe("a run of 50 migrations that is killed", () => {
  it(
    `leaves whole versions ${KILLS} times, and the next run completes it`,
    async () => {
      const dice = chance();
      await withSeed(dice, async () => {
        using folder = tempFolder();
        const directory = writeMigrations(folder.at("m"), migrationFiles());
        const startedAt = performance.now();
        expect((await runMigrate(["--db", "whole.db", "--dir", "m"], folder.path)).exitCode).toBe(
          0,
        );
        const wholeRunMs = performance.now() - startedAt;
        expect(expectWhole(folder.at("whole.db"), directory)).toBe(MIGRATIONS);
        let file = 0;
        let killedInside = 0;
        for (let kill = 0; kill < KILLS; kill++) {
          const name = `x${file}.db`;
          const child = startMigrate(["--db", name, "--dir", "m"], folder.path);
          await Bun.sleep(dice.next() * wholeRunMs);
          child.kill("SIGKILL");
          await child.exited;
          const count = expectWhole(folder.at(name), directory);
          if (count > 0 && count < MIGRATIONS) killedInside++;
          if (count === MIGRATIONS) file++;
        }
        expect(killedInside).toBeGreaterThan(0);
        const last = `x${file}.db`;
        expect((await runMigrate(["--db", last, "--dir", "m"], folder.path)).exitCode).toBe(0);
        expect(expectWhole(folder.at(last), directory)).toBe(MIGRATIONS);
        const checked = await runMigrate(["validate", "--db", last, "--dir", "m"], folder.path);
        expect(checked).toMatchObject({ exitCode: 0, stderr: "" });
      });
    },
    60_000 * FAULT_ROUNDS,
  );
});

describe("a rollback of 50 migrations that is killed", () => {
  it(
    "leaves whole versions, and the next rollback completes it",
    async () => {
      const dice = chance();
      await withSeed(dice, async () => {
        using folder = tempFolder();
        const directory = writeMigrations(folder.at("m"), migrationFiles());
        const migrateAll = (): void => {
          using db = openConnection(folder.at("x.db"));
          migratorOver(db, directorySource(directory)).up();
        };
        const args = ["rollback", "0", "--db", "x.db", "--dir", "m"];
        migrateAll();
        const startedAt = performance.now();
        expect((await runMigrate(args, folder.path)).exitCode).toBe(0);
        const wholeRunMs = performance.now() - startedAt;
        for (let kill = 0; kill < KILLS / 5; kill++) {
          migrateAll();
          const child = startMigrate(args, folder.path);
          await Bun.sleep(dice.next() * wholeRunMs);
          child.kill("SIGKILL");
          await child.exited;
          expectWhole(folder.at("x.db"), directory);
        }
        expect((await runMigrate(args, folder.path)).exitCode).toBe(0);
        expect(expectWhole(folder.at("x.db"), directory)).toBe(0);
      });
    },
    60_000 * FAULT_ROUNDS,
  );
});
