import { readdirSync, rmSync } from "node:fs";
import { describe, expect, it } from "bun:test";
import { directorySource } from "../../src/engine/directory.ts";
import type { MigrationDriver } from "../../src/engine/driver.ts";
import {
  createAsyncMigrator,
  createMigrator,
  type MigrationEvent,
} from "../../src/engine/migrator.ts";
import { openConnection } from "../../src/engine/sqlite/open.ts";
import { createSqliteDriver } from "../../src/engine/sqlite/driver.ts";
import { describeSchema } from "../../src/engine/sqlite/schema.ts";
import { codeOf, errorOf, errorOfAsync } from "../support/error-of.ts";
import { sections, writeMigrations } from "../support/migration-directory.ts";
import {
  appliedVersions,
  column,
  listOf,
  migratorOver,
  objectNames,
  pragma,
} from "../support/migrating.ts";
import { openUsageDb } from "../../src/usage-db.ts";
import { tempFolder } from "../support/temp-folder.ts";

const THREE = [
  ["CREATE TABLE a (x); INSERT INTO a VALUES (1)", "DROP TABLE a"],
  ["ALTER TABLE a ADD COLUMN y TEXT DEFAULT 'é'", "ALTER TABLE a DROP COLUMN y"],
  ["CREATE TABLE c (x); CREATE INDEX c_x ON c (x)", "DROP TABLE c"],
] as const;

const FILES = {
  "001_a.sql": sections("CREATE TABLE a (x);", "DROP TABLE a;"),
  "002_b.sql": sections("CREATE TABLE b (x);", "DROP TABLE b;"),
  "003_c.sql": sections("CREATE TABLE c (x);", "DROP TABLE c;"),
};

/** A driver in front of another one, with some methods replaced. */
function driverOver(inner: MigrationDriver, changed: Partial<MigrationDriver>): MigrationDriver {
  return {
    dialect: inner.dialect,
    readHead: () => inner.readHead(),
    readLedger: () => inner.readLedger(),
    checkSteps: (steps) => inner.checkSteps(steps),
    startRun: () => inner.startRun(),
    applyStep: (step, context) => inner.applyStep(step, context),
    applyPart: (step, context) => inner.applyPart(step, context),
    readUnfinished: () => inner.readUnfinished(),
    finishRun: () => inner.finishRun(),
    writeFailure: (step, failure, context) => inner.writeFailure(step, failure, context),
    writeStamp: (stamp, versions) => inner.writeStamp(stamp, versions),
    checkDrift: (migrations, isRemembered) => inner.checkDrift(migrations, isRemembered),
    ...changed,
  };
}

describe("up()", () => {
  it("applies everything once and reports what it did", () => {
    using db = openConnection(":memory:");
    const migrator = migratorOver(db, listOf(...THREE));
    expect(migrator.up()).toMatchObject({
      fromVersion: 0,
      toVersion: 3,
      steps: [
        { direction: "up", version: 1, name: "m1" },
        { direction: "up", version: 2, name: "m2" },
        { direction: "up", version: 3, name: "m3" },
      ],
    });
    expect(migrator.up()).toEqual({ fromVersion: 3, toVersion: 3, steps: [] });
    expect(appliedVersions(db)).toEqual([1, 2, 3]);
  });

  it("stops at a target and goes on from there", () => {
    using db = openConnection(":memory:");
    const migrator = migratorOver(db, listOf(...THREE));
    expect(migrator.up({ target: 2 })).toMatchObject({ fromVersion: 0, toVersion: 2 });
    expect(migrator.status()).toMatchObject({
      currentVersion: 2,
      latestVersion: 3,
      pendingCount: 1,
    });
    expect(migrator.up()).toMatchObject({ fromVersion: 2, toVersion: 3 });
  });

  it("does nothing with no migrations, and creates no ledger for it", () => {
    using db = openConnection(":memory:");
    expect(migratorOver(db, listOf()).up()).toEqual({ fromVersion: 0, toVersion: 0, steps: [] });
    expect(column(db, "SELECT name FROM sqlite_schema")).toEqual([]);
  });

  it("reads and checks every file before the first write", () => {
    using folder = tempFolder();
    using db = openConnection(":memory:");
    const directory = writeMigrations(folder.at("m"), {
      ...FILES,
      "003_c.sql": "SELECT 'unfinished",
    });
    const migrator = migratorOver(db, directorySource(directory));
    expect(codeOf(() => migrator.up())).toBe("MIGRATION_SQL_UNTERMINATED");
    expect(column(db, "SELECT name FROM sqlite_schema")).toEqual([]);
  });

  it("notices a file that was added to a directory it has looked at before", () => {
    using folder = tempFolder();
    using db = openConnection(":memory:");
    const directory = writeMigrations(folder.at("m"), { "001_a.sql": FILES["001_a.sql"] });
    const migrator = migratorOver(db, directorySource(directory));
    migrator.up();
    expect(migrator.status().pendingCount).toBe(0);
    writeMigrations(directory, { "002_b.sql": FILES["002_b.sql"] });
    Bun.sleepSync(80);
    expect(migrator.up().toVersion).toBe(2);
    expect(objectNames(db)).toEqual(["a", "b"]);
  });

  it("refuses a database that is newer than the migrations, with exit code 5", () => {
    using db = openConnection(":memory:");
    migratorOver(db, listOf(...THREE)).up();
    const error = errorOf(() => migratorOver(db, listOf(...THREE.slice(0, 2))).up());
    expect(error).toMatchObject({ code: "DATABASE_NEWER", exitCode: 5 });
    expect(error.details).toMatchObject({ currentVersion: 3, latestVersion: 2, versions: [3] });
  });

  it("tells listeners what happens, in order", () => {
    using db = openConnection(":memory:");
    const seen: string[] = [];
    const onEvent = (event: MigrationEvent): void => {
      seen.push("step" in event ? `${event.type} ${event.step.version}` : event.type);
    };
    const source = listOf("CREATE TABLE a (x)", "SELECT nope", "SELECT 1");
    expect(codeOf(() => migratorOver(db, source, { onEvent }).up())).toBe("MIGRATION_FAILED");
    expect(seen).toEqual([
      "planned",
      "started 1",
      "statement 1",
      "applied 1",
      "started 2",
      "statement 2",
      "failed 2",
    ]);
  });

  it("does not call an applied migration failed because a listener threw", () => {
    using db = openConnection(":memory:");
    const seen: string[] = [];
    const onEvent = ({ type }: MigrationEvent): void => {
      seen.push(type);
      if (type === "applied") throw new Error("the screen is gone");
    };
    const migrator = migratorOver(db, listOf(...THREE), { onEvent });
    expect(() => migrator.up()).toThrow("the screen is gone");
    expect(seen).toEqual(["planned", "started", "statement", "statement", "applied"]);
    expect(appliedVersions(db)).toEqual([1]);
    expect(pragma(db, "foreign_keys")).toBe(1);
  });
});

describe("processes that migrate at the same time", () => {
  it.each(["readLedger", "startRun", "applyStep"] as const)(
    "apply each version once when another one finishes just before %s",
    (moment) => {
      using folder = tempFolder();
      using first = openConnection(folder.at("x.db"));
      using second = openConnection(folder.at("x.db"));
      // Statements that do not mind to run twice: only the ledger can tell.
      const ups = [
        "CREATE TABLE IF NOT EXISTS a (x); INSERT INTO a VALUES (1)",
        "INSERT INTO a VALUES (2)",
      ];
      let isFirstCall = true;
      const overtake = (): void => {
        if (isFirstCall) migratorOver(second, listOf(...ups)).up();
        isFirstCall = false;
      };
      const inner = createSqliteDriver(first);
      const driver = driverOver(inner, {
        readLedger: () => {
          const rows = inner.readLedger();
          if (moment === "readLedger") overtake();
          return rows;
        },
        startRun: () => {
          if (moment === "startRun") overtake();
          return inner.startRun();
        },
        applyStep: (step, context) => {
          if (moment === "applyStep") overtake();
          return inner.applyStep(step, context);
        },
      });
      const events: string[] = [];
      const migrator = createMigrator({
        driver,
        source: listOf(...ups),
        onEvent: ({ type }) => events.push(type),
      });
      expect(migrator.up()).toMatchObject({ toVersion: 2, steps: [] });
      expect(events).toContain("replanned");
      expect(column(first, "SELECT x FROM a")).toEqual([1, 2]);
      expect(appliedVersions(first)).toEqual([1, 2]);
    },
  );

  it("are not refused for rows that another one's migration brought while the plan was looked at", () => {
    using folder = tempFolder();
    using first = openConnection(folder.at("x.db"));
    using second = openConnection(folder.at("x.db"));
    const ups = ["CREATE TABLE a (x PRIMARY KEY); INSERT INTO a VALUES (1)"];
    let looks = 0;
    const migrator = createMigrator({
      driver: createSqliteDriver(first),
      source: listOf(...ups),
      guard: () => {
        looks++;
        migratorOver(second, listOf(...ups)).up();
        throw new Error("a row is there already");
      },
    });
    expect(migrator.up()).toEqual({ fromVersion: 0, toVersion: 1, steps: [] });
    expect(looks).toBe(1);
    expect(column(first, "SELECT x FROM a")).toEqual([1]);
  });

  it("share the work when one is overtaken in the middle", () => {
    using folder = tempFolder();
    using first = openConnection(folder.at("x.db"));
    using second = openConnection(folder.at("x.db"));
    const ups = [1, 2, 3, 4].map((n) => `CREATE TABLE t${n} (x)`);
    const onEvent = (event: MigrationEvent): void => {
      if (event.type === "started" && event.step.version === 2)
        migratorOver(second, listOf(...ups)).up({ target: 3 });
    };
    const report = migratorOver(first, listOf(...ups), { onEvent }).up();
    expect(report.steps.map(({ version }) => version)).toEqual([1, 4]);
    expect(appliedVersions(first)).toEqual([1, 2, 3, 4]);
  });

  it("roll back one version together, not two", () => {
    using folder = tempFolder();
    using first = openConnection(folder.at("x.db"));
    using second = openConnection(folder.at("x.db"));
    migratorOver(first, listOf(...THREE)).up();
    const onEvent = (event: MigrationEvent): void => {
      if (event.type === "planned") migratorOver(second, listOf(...THREE)).rollback();
    };
    expect(migratorOver(first, listOf(...THREE), { onEvent }).rollback().steps).toEqual([]);
    expect(appliedVersions(first)).toEqual([1, 2]);
  });
});

describe("rollback()", () => {
  it("goes one back, to a version, and to nothing; up again gives an equal schema", () => {
    using db = openConnection(":memory:");
    const migrator = migratorOver(db, listOf(...THREE));
    migrator.up();
    const before = describeSchema(db);
    expect(migrator.rollback()).toMatchObject({ fromVersion: 3, toVersion: 2 });
    expect(migrator.rollback({ target: 1 })).toMatchObject({ fromVersion: 2, toVersion: 1 });
    expect(migrator.rollback({ target: 0 })).toMatchObject({ fromVersion: 1, toVersion: 0 });
    expect(objectNames(db)).toEqual([]);
    expect(migrator.rollback()).toEqual({ fromVersion: 0, toVersion: 0, steps: [] });
    migrator.up();
    expect(describeSchema(db)).toEqual(before);
  });

  it("refuses an option that it does not know, which would be a step back instead of ten", () => {
    using folder = tempFolder();
    using db = openUsageDb(folder.at("usage.db"));
    const { currentVersion } = db.migrations.status();
    const misspelt = { to: 3 } as object;
    expect(codeOf(() => db.migrations.rollback(misspelt))).toBe("OPTION_UNKNOWN");
    expect(codeOf(() => db.migrations.plan(misspelt))).toBe("OPTION_UNKNOWN");
    expect(codeOf(() => db.migrations.up(misspelt))).toBe("OPTION_UNKNOWN");
    expect(db.migrations.status().currentVersion).toBe(currentVersion);
  });

  it("needs no directory at all", () => {
    using folder = tempFolder();
    using db = openConnection(":memory:");
    const directory = writeMigrations(folder.at("m"), FILES);
    const migrator = migratorOver(db, directorySource(directory));
    migrator.up();
    rmSync(directory, { recursive: true });
    expect(migrator.rollback({ target: 0 }).steps).toHaveLength(3);
    expect(objectNames(db)).toEqual([]);
    expect(codeOf(() => migrator.up())).toBe("MIGRATIONS_NOT_FOUND");
  });

  it("is not stopped by a file that was broken meanwhile", () => {
    using folder = tempFolder();
    using db = openConnection(":memory:");
    const directory = writeMigrations(folder.at("m"), FILES);
    const migrator = migratorOver(db, directorySource(directory));
    migrator.up();
    writeMigrations(directory, { "002_b.sql": "SELECT '", "nonsense.sql": "" });
    expect(migrator.rollback().toVersion).toBe(2);
  });

  it("runs the down that stood there when the up ran, unless told to use the files", () => {
    using folder = tempFolder();
    using db = openConnection(":memory:");
    const directory = writeMigrations(folder.at("m"), FILES);
    const migrator = migratorOver(db, directorySource(directory));
    migrator.up();
    const edited = sections("CREATE TABLE c (x);", "DROP TABLE c; CREATE TABLE from_file (x);");
    writeMigrations(directory, { "003_c.sql": edited });
    expect(migrator.status().standings[2]).toMatchObject({
      state: "edited",
      editedSections: ["down"],
    });
    expect(migrator.planRollback({ useFiles: true })[0]?.body).toMatchObject({
      sql: expect.stringContaining("from_file"),
    });
    migrator.rollback();
    expect(objectNames(db)).toEqual(["a", "b"]);
    migrator.up();
    writeMigrations(directory, { "003_c.sql": FILES["003_c.sql"] });
    migrator.rollback({ useFiles: true });
    expect(objectNames(db)).toEqual(["a", "b"]);
  });

  it("undoes nothing when one version on the way has no down", () => {
    using db = openConnection(":memory:");
    const migrator = migratorOver(db, listOf(THREE[0], "CREATE TABLE b (x)", THREE[2]));
    migrator.up();
    expect(codeOf(() => migrator.rollback({ target: 0 }))).toBe("MIGRATION_IRREVERSIBLE");
    expect(appliedVersions(db)).toEqual([1, 2, 3]);
  });

  it("keeps a version whose down fails, and names the ledger entry", () => {
    using db = openConnection(":memory:");
    const migrator = migratorOver(
      db,
      listOf(THREE[0], ["CREATE TABLE b (x)", "DROP TABLE b; DROP TABLE nope"]),
    );
    migrator.up();
    const error = errorOf(() => migrator.rollback({ target: 0 }));
    expect(error).toMatchObject({
      code: "MIGRATION_FAILED",
      details: { applied: [], failed: 2, notRun: [1], direction: "down" },
    });
    expect(error.details["position"]).toMatchObject({
      file: "ledger entry 002_m2",
      line: 1,
      column: 15,
    });
    expect(objectNames(db)).toEqual(["a", "b"]);
  });

  it("undoes functions with their own down", () => {
    using db = openConnection(":memory:");
    const migrator = migratorOver(
      db,
      listOf([
        (access) => access.exec("CREATE TABLE f (x)"),
        (access) => access.exec("DROP TABLE f"),
      ]),
    );
    migrator.up();
    expect(objectNames(db)).toEqual(["f"]);
    migrator.rollback();
    expect(objectNames(db)).toEqual([]);
    expect(appliedVersions(db)).toEqual([]);
  });
});

describe("redo()", () => {
  it("undoes the newest version by the ledger and applies it from its changed file", () => {
    using folder = tempFolder();
    using db = openConnection(":memory:");
    const directory = writeMigrations(folder.at("m"), FILES);
    const migrator = migratorOver(db, directorySource(directory));
    migrator.up();
    writeMigrations(directory, { "003_c.sql": sections("CREATE TABLE d (x);", "DROP TABLE d;") });
    expect(codeOf(() => migrator.up())).toBe("MIGRATION_EDITED");
    expect(migrator.redo()).toMatchObject({
      fromVersion: 3,
      toVersion: 3,
      steps: [
        { direction: "down", version: 3 },
        { direction: "up", version: 3 },
      ],
    });
    expect(objectNames(db)).toEqual(["a", "b", "d"]);
    expect(migrator.up().steps).toEqual([]);
  });

  it("says in its error that the down is done when the up fails", () => {
    using folder = tempFolder();
    using db = openConnection(":memory:");
    const directory = writeMigrations(folder.at("m"), FILES);
    const migrator = migratorOver(db, directorySource(directory));
    migrator.up();
    writeMigrations(directory, { "003_c.sql": sections("CREATE TABEL d (x);", "DROP TABLE d;") });
    expect(errorOf(() => migrator.redo()).details).toMatchObject({
      applied: [3],
      failed: 3,
      direction: "up",
    });
    expect(appliedVersions(db)).toEqual([1, 2]);
  });

  it("undoes nothing when the changed file depends on a late one that is not applied", () => {
    using folder = tempFolder();
    using db = openConnection(":memory:");
    const { "002_b.sql": late, ...others } = FILES;
    const directory = writeMigrations(folder.at("m"), others);
    const migrator = migratorOver(db, directorySource(directory));
    migrator.up();
    writeMigrations(directory, {
      "002_b.sql": late,
      "003_c.sql": `-- migrate:depends 002\n${FILES["003_c.sql"]}`,
    });
    const error = errorOf(() => migrator.redo());
    expect(error.code).toBe("MIGRATION_DEPENDENCY_UNMET");
    expect(error.message).toContain("003_c.sql:1");
    expect(appliedVersions(db)).toEqual([1, 3]);
    migrator.up({ allowOutOfOrder: true });
    expect(migrator.redo().steps).toHaveLength(2);
  });

  it("does nothing without a ledger and refuses a version whose file is gone", () => {
    using folder = tempFolder();
    using db = openConnection(":memory:");
    const directory = writeMigrations(folder.at("m"), FILES);
    const migrator = migratorOver(db, directorySource(directory));
    expect(migrator.redo().steps).toEqual([]);
    migrator.up();
    rmSync(`${directory}/003_c.sql`);
    expect(readdirSync(directory)).toHaveLength(2);
    expect(codeOf(() => migrator.redo())).toBe("DATABASE_NEWER");
    expect(appliedVersions(db)).toEqual([1, 2, 3]);
  });

  it("runs a module's new functions, not those of its first load", () => {
    using folder = tempFolder();
    using db = openConnection(":memory:");
    const module = (table: string): string =>
      `export function up(db: { exec(sql: string): void }) { db.exec("CREATE TABLE ${table} (x)"); }
       export function down(db: { exec(sql: string): void }) { db.exec("DROP TABLE IF EXISTS old; DROP TABLE IF EXISTS fresh"); }`;
    const directory = writeMigrations(folder.at("m"), { "001_a.ts": module("old") });
    const migrator = migratorOver(db, directorySource(directory));
    migrator.up();
    writeMigrations(directory, { "001_a.ts": module("fresh") });
    migrator.redo();
    expect(objectNames(db)).toEqual(["fresh"]);
  });
});

describe("plan(), planRollback() and status()", () => {
  it("read only: the database stays as empty as it was", () => {
    using db = openConnection(":memory:");
    const migrator = migratorOver(db, listOf(...THREE));
    expect(migrator.plan().map(({ version }) => version)).toEqual([1, 2, 3]);
    expect(migrator.planRollback()).toEqual([]);
    expect(migrator.status()).toMatchObject({
      currentVersion: 0,
      latestVersion: 3,
      pendingCount: 3,
      appliedMigrations: [],
      pendingMigrations: [
        { version: 1, name: "m1", file: "001_m1" },
        { version: 2, name: "m2", file: "002_m2" },
        { version: 3, name: "m3", file: "003_m3" },
      ],
    });
    expect(column(db, "SELECT name FROM sqlite_schema")).toEqual([]);
  });
});

describe("createAsyncMigrator()", () => {
  /** The SQLite driver, with every answer a promise and every error a rejection. */
  function promised(inner: MigrationDriver): MigrationDriver {
    const later = async <T>(answer: () => T): Promise<Awaited<T>> => {
      await Bun.sleep(0);
      return await answer();
    };
    return {
      dialect: inner.dialect,
      readHead: () => later(() => inner.readHead()),
      readLedger: () => later(() => inner.readLedger()),
      checkSteps: (steps) => later(() => inner.checkSteps(steps)),
      startRun: () => later(() => inner.startRun()),
      applyStep: (step, context) => later(() => inner.applyStep(step, context)),
      applyPart: (step, context) => later(() => inner.applyPart(step, context)),
      readUnfinished: () => later(() => inner.readUnfinished()),
      finishRun: () => later(() => inner.finishRun()),
      writeFailure: (step, failure, context) =>
        later(() => inner.writeFailure(step, failure, context)),
      writeStamp: (stamp, versions) => later(() => inner.writeStamp(stamp, versions)),
      checkDrift: (migrations, isRemembered) =>
        later(() => inner.checkDrift(migrations, isRemembered)),
    };
  }

  it("does all that the synchronous one does", async () => {
    using db = openConnection(":memory:");
    const driver = promised(createSqliteDriver(db));
    const migrator = createAsyncMigrator({ driver, source: listOf(...THREE) });
    expect(await migrator.plan()).toHaveLength(3);
    expect(await migrator.up()).toMatchObject({ fromVersion: 0, toVersion: 3 });
    expect((await migrator.up()).steps).toEqual([]);
    expect(await migrator.redo()).toMatchObject({ fromVersion: 3, toVersion: 3 });
    expect(await migrator.planRollback()).toHaveLength(1);
    expect(await migrator.rollback({ target: 1 })).toMatchObject({ fromVersion: 3, toVersion: 1 });
    expect(await migrator.status()).toMatchObject({ currentVersion: 1, pendingCount: 2 });
    expect(pragma(db, "foreign_keys")).toBe(1);
  });

  it("rejects with the same error and restores the connection", async () => {
    using db = openConnection(":memory:");
    const driver = promised(createSqliteDriver(db));
    const migrator = createAsyncMigrator({
      driver,
      source: listOf("CREATE TABLE a (x)", "SELECT nope"),
    });
    expect(await errorOfAsync(migrator.up())).toMatchObject({
      code: "MIGRATION_FAILED",
      details: { applied: [1], failed: 2 },
    });
    expect(appliedVersions(db)).toEqual([1]);
    expect(pragma(db, "foreign_keys")).toBe(1);
  });

  it("is the only one for such a driver: the synchronous migrator refuses it and applies nothing", () => {
    using db = openConnection(":memory:");
    const migrator = createMigrator({
      driver: promised(createSqliteDriver(db)),
      source: listOf(...THREE),
    });
    expect(() => migrator.up()).toThrow(TypeError);
    expect(column(db, "SELECT name FROM sqlite_schema")).toEqual([]);
  });
});
