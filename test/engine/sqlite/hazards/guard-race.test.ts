import { Database } from "bun:sqlite";
import { describe, expect, it } from "bun:test";
import type { Connection } from "../../../../src/engine/sqlite/connection.ts";
import {
  createHazardGuard,
  type HazardGuardOptions,
} from "../../../../src/engine/sqlite/hazards/index.ts";
import { openConnection } from "../../../../src/engine/sqlite/open.ts";
import { errorOf } from "../../../support/error-of.ts";
import {
  appliedVersions,
  column,
  listOf,
  migratorOver,
  objectNames,
  type Sketch,
} from "../../../support/migrating.ts";
import { tempFolder } from "../../../support/temp-folder.ts";

interface Race extends Disposable {
  readonly connection: Connection;
  /** The backups that the run made, in order. */
  readonly backups: string[];
  /** Runs migrations while another connection writes between the guard's look and the first lock. */
  up(options: HazardGuardOptions, meanwhile: string, ...sketches: Sketch[]): void;
  rowsOf(backup: string | undefined, sql: string): unknown[];
}

function race(rows: string): Race {
  const folder = tempFolder();
  const path = folder.at("x.db");
  const connection = openConnection(path);
  connection.runOnce(`
    CREATE TABLE kept (id INTEGER PRIMARY KEY, v COLLATE NOCASE);
    CREATE TABLE other (id INTEGER PRIMARY KEY);
    ${rows}`);
  const backups: string[] = [];
  return {
    connection,
    backups,
    up: (options, meanwhile, ...sketches) => {
      const guard = createHazardGuard(connection, {
        onBackup: (backup) => backups.push(backup.path),
        ...options,
      });
      using others = openConnection(path);
      let isFirst = true;
      migratorOver(connection, listOf(...sketches), {
        guard: (steps, version) => {
          const admitted = guard(steps, version);
          if (isFirst) others.runOnce(meanwhile);
          isFirst = false;
          return admitted;
        },
      }).up();
    },
    rowsOf: (backup, sql) => {
      using database = new Database(backup ?? "", { readonly: true });
      return database.query(sql).values().flat();
    },
    [Symbol.dispose]: () => {
      connection.close();
      folder[Symbol.dispose]();
    },
  };
}

const ALLOWED: HazardGuardOptions = { allow: ["DELETES_DATA"] };
const FILLED = "INSERT INTO kept VALUES (1, 'a'); INSERT INTO other VALUES (1)";

describe("createHazardGuard() while others write", () => {
  it.each(["", "INSERT INTO other VALUES (1)"])(
    "refuses to delete a row that came after it had found none to delete (%s)",
    (rows) => {
      using work = race(rows);
      const meanwhile = "INSERT INTO kept VALUES (7, 'late')";
      const error = errorOf(() => work.up({}, meanwhile, "DELETE FROM kept WHERE id = 7"));
      expect(error.code).toBe("MIGRATION_HAZARD");
      expect(error.details["hazards"]).toMatchObject([{ kind: "DELETES_DATA", rowCount: 1 }]);
      expect(column(work.connection, "SELECT id FROM kept")).toEqual([7]);
      expect(objectNames(work.connection)).toEqual(["kept", "other"]);
    },
  );

  it.each([
    ["a row", "INSERT INTO kept VALUES (2, 'late')", "SELECT v FROM kept", ["a", "late"]],
    ["a value", "UPDATE kept SET v = 'A'", "SELECT v FROM kept", ["A"]],
  ])("has %s that came after the backup in another one", (_, meanwhile, sql, expected) => {
    using work = race(FILLED);
    work.up(ALLOWED, meanwhile, "DROP TABLE kept");
    expect(work.backups).toHaveLength(2);
    expect(work.rowsOf(work.backups[1], sql)).toEqual(expected);
    expect(column(work.connection, "SELECT backup_path FROM schema_migrations")).toEqual([
      work.backups[1],
    ]);
  });

  it.each(["INSERT INTO other VALUES (2)", "DELETE FROM kept WHERE id = 2"])(
    "makes no other backup when everything that the step reaches is in the first (%s)",
    (meanwhile) => {
      using work = race(`${FILLED}; INSERT INTO kept VALUES (2, 'b')`);
      work.up(ALLOWED, meanwhile, "DROP TABLE kept");
      expect(work.backups).toHaveLength(1);
    },
  );

  it("carries out a cascade that only came about meanwhile, when it was allowed", () => {
    using work = race(`${FILLED}; CREATE TABLE child (id REFERENCES kept (id) ON DELETE CASCADE)`);
    work.up(ALLOWED, "INSERT INTO child VALUES (1)", "DROP TABLE kept");
    expect(column(work.connection, "SELECT count(*) FROM child")).toEqual([0]);
    expect(work.rowsOf(work.backups.at(-1), "SELECT id FROM child")).toEqual([1]);
  });

  it("foresees what fails on rows that came meanwhile", () => {
    using work = race("");
    const sql = "ALTER TABLE kept ALTER COLUMN v SET NOT NULL";
    const error = errorOf(() => work.up({}, "INSERT INTO kept VALUES (1, NULL)", sql));
    expect(error.details["kinds"]).toEqual(["FAILS_ON_EXISTING_ROWS"]);
    expect(appliedVersions(work.connection)).toEqual([]);
  });
});

describe("createHazardGuard() on an index alone", () => {
  it("refuses one that the rows break", () => {
    using work = race("INSERT INTO kept (v) VALUES ('a'), ('A')");
    const sql = "CREATE UNIQUE INDEX i ON kept (v)";
    expect(errorOf(() => work.up({}, "SELECT 1", sql)).details["kinds"]).toEqual([
      "FAILS_ON_EXISTING_ROWS",
    ]);
  });
});
