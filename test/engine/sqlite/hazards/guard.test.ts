import { readdirSync } from "node:fs";
import { describe, expect, it } from "bun:test";
import type { Connection } from "../../../../src/engine/sqlite/connection.ts";
import {
  createHazardGuard,
  type HazardGuardOptions,
} from "../../../../src/engine/sqlite/hazards/index.ts";
import { openConnection } from "../../../../src/engine/sqlite/open.ts";
import type { Migrator } from "../../../../src/engine/migrator.ts";
import type { Hazard } from "../../../../src/migration/hazard.ts";
import { errorOf } from "../../../support/error-of.ts";
import {
  appliedVersions,
  column,
  listOf,
  migratorOver,
  type Sketch,
} from "../../../support/migrating.ts";
import { tempFolder, type TempFolder } from "../../../support/temp-folder.ts";

const FAMILY: Sketch = [
  `CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT);
   CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES parent (id) ON DELETE CASCADE);
   CREATE TABLE toy (id INTEGER PRIMARY KEY, child_id INTEGER REFERENCES child (id) ON DELETE CASCADE);
   CREATE TABLE note (parent_id INTEGER REFERENCES parent (id) ON DELETE SET NULL);`,
  "DROP TABLE note; DROP TABLE toy; DROP TABLE child; DROP TABLE parent",
];
const ROWS = `INSERT INTO parent VALUES (1, 'a'), (2, 'b');
  INSERT INTO child VALUES (1, 1), (2, NULL), (3, 2);
  INSERT INTO toy VALUES (1, 1), (2, 2)`;

interface Bench extends Disposable {
  readonly connection: Connection;
  readonly folder: TempFolder;
  /** A guarded migrator over the family and what follows it. */
  migrator(options: HazardGuardOptions, ...sketches: Sketch[]): Migrator;
  backups(): string[];
}

/** The family is there, filled, and version 1. */
function bench(): Bench {
  const folder = tempFolder();
  const connection = openConnection(folder.at("x.db"));
  migratorOver(connection, listOf(FAMILY)).up();
  connection.runOnce(ROWS);
  return {
    connection,
    folder,
    migrator: (options, ...sketches) =>
      migratorOver(connection, listOf(FAMILY, ...sketches), {
        guard: createHazardGuard(connection, options),
      }),
    backups: () => readdirSync(folder.path).filter((name) => name.endsWith(".backup")),
    [Symbol.dispose]: () => {
      connection.close();
      folder[Symbol.dispose]();
    },
  };
}

describe("createHazardGuard()", () => {
  it("refuses a loss before anything is written, with every hazard in the details", () => {
    using work = bench();
    const error = errorOf(() =>
      work.migrator({}, "CREATE TABLE fine (a)", "DELETE FROM toy; DROP TABLE parent").up(),
    );
    expect(error.code).toBe("MIGRATION_HAZARD");
    expect(error.exitCode).toBe(1);
    expect((error.details["hazards"] as Hazard[]).map(({ kind, table }) => [kind, table])).toEqual([
      ["DELETES_DATA", "toy"],
      ["DROPS_TABLE", "parent"],
      ["CASCADES", "child"],
    ]);
    expect(error.hint).toContain("--allow DELETES_DATA,DROPS_TABLE,CASCADES");
    expect(appliedVersions(work.connection)).toEqual([1]);
    expect(work.backups()).toEqual([]);
  });

  it("wants every kind of loss allowed, unless DELETES_DATA allows them all", () => {
    using work = bench();
    const sql = "DELETE FROM toy; DROP TABLE parent";
    const kinds = (allow: HazardGuardOptions["allow"]): unknown =>
      errorOf(() => work.migrator({ allow: allow ?? [] }, sql).up()).details["kinds"];
    expect(kinds(["DROPS_TABLE", "CASCADES"])).toEqual(["DELETES_DATA"]);
    expect(kinds(["REBUILDS"])).toEqual(["DELETES_DATA", "DROPS_TABLE", "CASCADES"]);
    work.migrator({ allow: ["DELETES_DATA"] }, sql).up();
    expect(appliedVersions(work.connection)).toEqual([1, 2]);
  });

  it("carries out the cascade that was allowed: what pointed at the parent goes, what pointed nowhere stays", () => {
    using work = bench();
    work.migrator({ allow: ["DROPS_TABLE", "CASCADES"] }, "DROP TABLE parent").up();
    expect(column(work.connection, "SELECT id FROM child")).toEqual([2]);
    expect(column(work.connection, "SELECT id FROM toy")).toEqual([2]);
  });

  it("clears the references that were allowed to be cleared, and only when they were", () => {
    using work = bench();
    work.connection.runOnce("INSERT INTO note VALUES (1), (NULL)");
    const dropping = ["DROP TABLE parent"] as const;
    expect(
      errorOf(() => work.migrator({ allow: ["DROPS_TABLE"] }, ...dropping).up()).details["kinds"],
    ).toEqual(["CASCADES"]);
    work.migrator({ allow: ["DROPS_TABLE", "CASCADES"] }, ...dropping).up();
    expect(column(work.connection, "SELECT parent_id FROM note")).toEqual([null, null]);
    expect(work.backups()).toHaveLength(1);
  });

  it("takes a line in the file for a permission, for that file only", () => {
    using work = bench();
    const allowed = "-- migrate:allow DELETES_DATA\nDELETE FROM toy";
    expect(
      errorOf(() => work.migrator({}, allowed, "DELETE FROM child").up()).details["hazards"],
    ).toMatchObject([{ version: 3, table: "child" }]);
    work.migrator({}, allowed).up();
    expect(column(work.connection, "SELECT count(*) FROM toy")).toEqual([0]);
  });

  it("backs up before an allowed loss, and not when told so", () => {
    using work = bench();
    const paths: string[] = [];
    const options: HazardGuardOptions = {
      allow: ["DELETES_DATA"],
      onBackup: ({ path, rows }) => {
        paths.push(path);
        expect(rows).toMatchObject({ parent: 2, child: 3, toy: 2 });
        expect(appliedVersions(work.connection)).toEqual([1]);
      },
    };
    work.migrator(options, "DELETE FROM toy").up();
    expect(paths).toHaveLength(1);
    expect(paths[0]).toEndWith("-v1.backup");
    work.migrator({ ...options, withBackup: false }, "DELETE FROM toy", "DROP TABLE child").up();
    expect(work.backups()).toHaveLength(1);
  });

  it("backs up before a rollback that drops rows, and not before one that drops none", () => {
    using work = bench();
    const migrator = work.migrator({}, ["CREATE TABLE vacant (a)", "DROP TABLE vacant"]);
    migrator.up();
    migrator.rollback();
    expect(work.backups()).toEqual([]);
    migrator.rollback({ target: 0 });
    expect(work.backups()).toHaveLength(1);
  });

  it("stops what would fail on rows before the migrations ahead of it", () => {
    using work = bench();
    const sketches = ["CREATE TABLE fine (a)", "ALTER TABLE parent ADD COLUMN z TEXT NOT NULL"];
    expect(errorOf(() => work.migrator({ allow: ["DELETES_DATA"] }, ...sketches).up()).code).toBe(
      "MIGRATION_HAZARD",
    );
    expect(appliedVersions(work.connection)).toEqual([1]);
    const tried = errorOf(() =>
      work.migrator({ allow: ["FAILS_ON_EXISTING_ROWS"] }, ...sketches).up(),
    );
    expect(tried.code).toBe("MIGRATION_FAILED");
  });

  it("lets the plain rebuild through without a word and without a lost row", () => {
    using work = bench();
    work
      .migrator(
        {},
        `PRAGMA foreign_keys = OFF;
         CREATE TABLE __new_parent (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
         INSERT INTO __new_parent (id, name) SELECT id, name FROM parent;
         DROP TABLE parent;
         ALTER TABLE __new_parent RENAME TO parent;
         PRAGMA foreign_keys = ON;`,
      )
      .up();
    expect(column(work.connection, "SELECT count(*) FROM child")).toEqual([3]);
    expect(work.backups()).toEqual([]);
  });

  it("looks at nothing when a plan only creates, or no table has rows", () => {
    using work = bench();
    let analyses = 0;
    const options = { onAnalysed: () => void analyses++ };
    work.migrator(options, "CREATE TABLE fresh (a); CREATE INDEX i ON fresh (a)").up();
    expect(analyses).toBe(0);
    work.connection.runOnce("DELETE FROM toy; DELETE FROM child; DELETE FROM parent");
    work
      .migrator(options, "CREATE TABLE fresh (a); CREATE INDEX i ON fresh (a)", "DROP TABLE toy")
      .up();
    expect(analyses).toBe(0);
  });

  it("is not asked when nothing is pending", () => {
    using connection = openConnection(":memory:");
    let calls = 0;
    const migrator = migratorOver(connection, listOf(FAMILY), {
      guard: (steps) => {
        calls++;
        return steps;
      },
    });
    migrator.up();
    migrator.up();
    expect(calls).toBe(1);
  });
});
