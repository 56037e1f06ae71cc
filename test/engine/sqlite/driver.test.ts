import { chmodSync } from "node:fs";
import { describe, expect, it } from "bun:test";
import { directorySource } from "../../../src/engine/directory.ts";
import type { MigrationDriver } from "../../../src/engine/driver.ts";
import { createMigrator } from "../../../src/engine/migrator.ts";
import type { Connection } from "../../../src/engine/sqlite/connection.ts";
import { createSqliteDriver } from "../../../src/engine/sqlite/driver.ts";
import { openConnection } from "../../../src/engine/sqlite/open.ts";
import { registeredSource } from "../../../src/engine/registered.ts";
import { codeOf, errorOf } from "../../support/error-of.ts";
import { sections, writeMigrations } from "../../support/migration-directory.ts";
import {
  appliedVersions,
  column,
  listOf,
  migratorOver,
  objectNames,
  pragma,
} from "../../support/migrating.ts";
import { asOrdinaryUser } from "../../support/ordinary-user.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const memory = (): Connection => openConnection(":memory:");

describe("a step", () => {
  it("leaves one whole ledger row", () => {
    using db = memory();
    migratorOver(db, listOf(["CREATE TABLE a (x) -- why", "DROP TABLE a"]), {
      now: () => 1_700_000_000_123,
    }).up();
    const [row] = db.prepare("SELECT * FROM schema_migrations").all();
    expect(row).toEqual({
      version: 1,
      name: "m1",
      applied_at: 1_700_000_000_123,
      checksum: expect.stringMatching(/^sql1:[0-9a-f]{64}$/),
      execution_time_ms: expect.any(Number),
      up_sql: "CREATE TABLE a (x) -- why",
      down_sql: "DROP TABLE a",
      schema_hash: expect.stringMatching(/^schema1:[0-9a-f]{64}$/),
      tool_version: expect.any(String),
      source_stamp: expect.stringMatching(/^1:list:/),
      applied_by: expect.stringMatching(/^.+@.+$/),
      backup_path: null,
      schema_cookie: pragma(db, "schema_version") as number,
      schema_drift: null,
    });
  });

  it("commits with its ledger row or not at all: a ledger that refuses the row undoes the migration", () => {
    using db = memory();
    const migrator = migratorOver(db, listOf("CREATE TABLE a (x)"), { now: () => 0 });
    expect(errorOf(() => migrator.up())).toMatchObject({ details: { failed: 1, applied: [] } });
    expect(column(db, "SELECT name FROM sqlite_schema")).toEqual([]);
    expect(db.inTransaction).toBe(false);
  });

  it("undoes a failing migration whole, keeps the earlier ones and says so", () => {
    using db = memory();
    const source = listOf(
      "CREATE TABLE a (x)",
      "CREATE TABLE b (x); INSERT INTO b VALUES (1); INSERT INTO nowhere VALUES (2); CREATE TABLE c (x)",
      "CREATE TABLE d (x)",
    );
    const error = errorOf(() => migratorOver(db, source).up());
    expect(error).toMatchObject({
      code: "MIGRATION_FAILED",
      details: {
        applied: [1],
        failed: 2,
        notRun: [3],
        version: 2,
        direction: "up",
        statement: "INSERT INTO nowhere VALUES (2)",
        reason: "no such table: nowhere",
      },
    });
    expect(objectNames(db)).toEqual(["a"]);
    expect(appliedVersions(db)).toEqual([1]);
    expect(pragma(db, "user_version")).toBe(1);
  });

  it.each([
    ["CREATE TABLE a (x);\n  INSERT INTO a (x) VALUES ('größe 😀', nope);\n", 3, 41, "nope"],
    ["-- größe 😀\nSELECT 'é', zzz;", 3, 13, "zzz"],
    ["SELECT 1;\r\n\r\n  SELECT\r\n    missing_column;\r\n", 5, 5, "missing_column"],
    ["CREATE TABLE a (x);\n\nCREATE TABEL b (x);", 4, 8, "TABEL"],
    ["INSERT INTO nowhere VALUES (1);", 2, 1, "INSERT"],
  ])("names file, line and column of %p", (up, line, start, token) => {
    using folder = tempFolder();
    using db = memory();
    const directory = writeMigrations(folder.at("migrations"), {
      "001_a.sql": sections(up, "SELECT 1;"),
    });
    const error = errorOf(() => migratorOver(db, directorySource(directory)).up());
    const position = error.details["position"] as {
      line: number;
      column: number;
      sourceLine: string;
    };
    expect(position).toMatchObject({ file: `${directory}/001_a.sql`, line });
    expect(position.sourceLine.slice(position.column - 1)).toStartWith(token);
    expect(position.column).toBe(start);
    expect(error.message).toContain(`001_a.sql:${line}:${start}`);
  });

  it("mirrors the head in user_version, up and down, and leaves 0 for versions beyond 32 bits", () => {
    using db = memory();
    const down = "DROP TABLE b";
    const source = registeredSource([
      { version: 3, name: "a", up: "CREATE TABLE a (x)", down: "DROP TABLE a" },
      { version: 0x7fff_ffff, name: "b", up: "CREATE TABLE b (x)", down },
      { version: 20_260_101_120_000, name: "c", up: "CREATE TABLE c (x)", down: "DROP TABLE c" },
    ]);
    const migrator = migratorOver(db, source);
    migrator.up({ target: 0x7fff_ffff });
    expect(pragma(db, "user_version")).toBe(0x7fff_ffff);
    migrator.up();
    expect(pragma(db, "user_version")).toBe(0);
    migrator.rollback();
    expect(pragma(db, "user_version")).toBe(0x7fff_ffff);
    migrator.rollback({ target: 0 });
    expect(pragma(db, "user_version")).toBe(0);
    expect(objectNames(db)).toEqual([]);
  });

  it("keeps the head when a late version is applied out of order", () => {
    using db = memory();
    const late = { version: 1, name: "late", up: "CREATE TABLE late (x)" };
    const newer = { version: 2, name: "newer", up: "CREATE TABLE newer (x)" };
    migratorOver(db, registeredSource([newer])).up();
    const report = migratorOver(db, registeredSource([late, newer])).up({ allowOutOfOrder: true });
    expect(report).toMatchObject({ fromVersion: 2, toVersion: 2, steps: [{ version: 1 }] });
    expect(pragma(db, "user_version")).toBe(2);
  });

  it("marks the file as the product's own together with the ledger, and only when it is asked to", () => {
    using plain = memory();
    migratorOver(plain, listOf("CREATE TABLE a (x)")).up();
    expect(pragma(plain, "application_id")).toBe(0);
    using own = memory();
    const driver = createSqliteDriver(own, { applicationId: 0x55534442 });
    const failing = createMigrator({ driver, source: listOf("SELECT nope") });
    expect(codeOf(() => failing.up())).toBe("MIGRATION_FAILED");
    expect(pragma(own, "application_id")).toBe(0);
    createMigrator({ driver, source: listOf("CREATE TABLE a (x)") }).up();
    expect(pragma(own, "application_id")).toBe(0x55534442);
  });
});

describe("foreign keys", () => {
  const family: [string, string] = [
    `CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT);
     CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES parent (id) ON DELETE CASCADE);
     INSERT INTO parent VALUES (1, 'a'), (2, 'b');
     INSERT INTO child VALUES (10, 1), (11, 1), (12, 2);`,
    "DROP TABLE child; DROP TABLE parent",
  ];
  const rebuild = `CREATE TABLE new_parent (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
    INSERT INTO new_parent SELECT id, name FROM parent;
    DROP TABLE parent;
    ALTER TABLE new_parent RENAME TO parent;`;

  it.each([
    ["plainly", rebuild],
    ["as drizzle emits it", `PRAGMA foreign_keys=OFF;\n${rebuild}\nPRAGMA foreign_keys=ON;`],
    ["with the keys switched on inside", `PRAGMA foreign_keys = ON;\n${rebuild}`],
    ["with deferred keys", `PRAGMA defer_foreign_keys = ON;\n${rebuild}`],
  ])("a rebuild of the parent table, written %s, loses no child row", (_, up) => {
    using db = memory();
    migratorOver(db, listOf(family, up)).up();
    expect(column(db, "SELECT id FROM child ORDER BY id")).toEqual([10, 11, 12]);
    expect(column(db, "PRAGMA foreign_key_check")).toEqual([]);
    expect(pragma(db, "foreign_keys")).toBe(1);
    expect(() => db.runOnce("INSERT INTO child VALUES (13, 99)")).toThrow("FOREIGN KEY");
  });

  it("are off before the transaction begins and on again after it, also after a failure", () => {
    using db = memory();
    const seen: unknown[] = [];
    const look = (access: { query(sql: string): { get(): unknown } }): void => {
      seen.push(access.query("PRAGMA foreign_keys").get());
    };
    migratorOver(db, listOf(look)).up();
    expect(seen).toEqual([{ foreign_keys: 0 }]);
    expect(pragma(db, "foreign_keys")).toBe(1);
    expect(codeOf(() => migratorOver(db, listOf(look, "SELECT nope")).up())).toBe(
      "MIGRATION_FAILED",
    );
    expect(pragma(db, "foreign_keys")).toBe(1);
  });

  it("stay off where the connection had them off", () => {
    using db = memory();
    db.runOnce("PRAGMA foreign_keys = OFF");
    migratorOver(db, listOf("CREATE TABLE a (x)")).up();
    expect(pragma(db, "foreign_keys")).toBe(0);
  });

  it("cannot be switched off inside a transaction, so a run inside one is refused before it does anything", () => {
    using db = memory();
    db.runOnce("BEGIN");
    expect(codeOf(() => migratorOver(db, listOf("CREATE TABLE a (x)")).up())).toBe(
      "PRAGMA_REFUSED",
    );
    db.runOnce("COMMIT");
    expect(objectNames(db)).toEqual([]);
    expect(pragma(db, "foreign_keys")).toBe(1);
  });

  it("come back when a run fails to start", () => {
    using db = memory();
    const driver = createSqliteDriver(db);
    const failing: MigrationDriver = {
      dialect: "sqlite",
      readHead: () => driver.readHead(),
      readLedger: () => driver.readLedger(),
      checkSteps: (steps) => driver.checkSteps(steps),
      startRun: () => {
        void driver.startRun();
        throw new Error("the machine is on fire");
      },
      applyStep: (step, context) => driver.applyStep(step, context),
      applyPart: (step, context) => driver.applyPart(step, context),
      readUnfinished: () => driver.readUnfinished(),
      finishRun: () => driver.finishRun(),
      writeFailure: (step, failure, context) => driver.writeFailure(step, failure, context),
      writeStamp: (stamp, versions) => driver.writeStamp(stamp, versions),
      checkDrift: (migrations, isRemembered) => driver.checkDrift(migrations, isRemembered),
    };
    const migrator = createMigrator({ driver: failing, source: listOf("CREATE TABLE a (x)") });
    expect(() => migrator.up()).toThrow("on fire");
    expect(pragma(db, "foreign_keys")).toBe(1);
  });

  it.each([
    ["an orphan", "INSERT INTO child VALUES (13, 99)", 1],
    ["a deleted parent", "DELETE FROM parent WHERE id = 1", 2],
    ["a dropped parent", "DROP TABLE parent", 3],
    ["a rebuild that forgets rows", rebuild.replace("FROM parent", "FROM parent WHERE id = 2"), 2],
  ])("a migration that leaves %s is undone", (_, up, count) => {
    using db = memory();
    const error = errorOf(() => migratorOver(db, listOf(family, up)).up());
    expect(error).toMatchObject({
      code: "MIGRATION_FOREIGN_KEYS",
      details: { violationCount: count, applied: [1], failed: 2 },
    });
    expect(column(db, "SELECT id FROM child ORDER BY id")).toEqual([10, 11, 12]);
    expect(column(db, "SELECT id FROM parent ORDER BY id")).toEqual([1, 2]);
    expect(appliedVersions(db)).toEqual([1]);
  });

  it("a down that leaves orphans is undone too", () => {
    using db = memory();
    const migrator = migratorOver(db, listOf(family, ["SELECT 1", "DELETE FROM parent"]));
    migrator.up();
    const error = errorOf(() => migrator.rollback());
    expect(error.code).toBe("MIGRATION_FOREIGN_KEYS");
    expect(error.message).toContain("roll back 002_m2");
    expect(appliedVersions(db)).toEqual([1, 2]);
    expect(column(db, "SELECT count(*) FROM parent")).toEqual([2]);
  });

  it("tolerates violations of the past, but none on top", () => {
    using db = memory();
    migratorOver(db, listOf(family)).up();
    db.runOnce("PRAGMA foreign_keys = OFF");
    db.runOnce("INSERT INTO child VALUES (20, 77), (21, 78)");
    db.runOnce("PRAGMA foreign_keys = ON");
    migratorOver(db, listOf(family, "CREATE TABLE other (x)")).up();
    const worse = listOf(family, "CREATE TABLE other (x)", "INSERT INTO child VALUES (22, 79)");
    expect(errorOf(() => migratorOver(db, worse).up())).toMatchObject({
      code: "MIGRATION_FOREIGN_KEYS",
      details: { violationCount: 1, violations: [{ table: "child", rowid: 22, parent: "parent" }] },
    });
    expect(appliedVersions(db)).toEqual([1, 2]);
  });

  it("counts the orphans of a table without row ids, where all look alike", () => {
    using db = memory();
    db.runOnce("CREATE TABLE p (id INTEGER PRIMARY KEY)");
    db.runOnce("CREATE TABLE c (k TEXT PRIMARY KEY, p INTEGER REFERENCES p (id)) WITHOUT ROWID");
    db.runOnce("PRAGMA foreign_keys = OFF");
    db.runOnce("INSERT INTO c VALUES ('old', 9)");
    const harmless = "CREATE TABLE other (x)";
    const worse = "INSERT INTO c VALUES ('new', 9)";
    expect(errorOf(() => migratorOver(db, listOf(harmless, worse)).up())).toMatchObject({
      code: "MIGRATION_FOREIGN_KEYS",
      details: { violationCount: 1, applied: [1], failed: 2 },
    });
  });

  it("refuses a key whose parent is not unique: SQLite would notice only when it is used", () => {
    using db = memory();
    const seed = `CREATE TABLE events (id INTEGER PRIMARY KEY, session_id TEXT);
      CREATE TABLE snapshots (id INTEGER PRIMARY KEY,
        session_id TEXT REFERENCES events (session_id) ON DELETE CASCADE);`;
    const error = errorOf(() => migratorOver(db, listOf(seed)).up());
    expect(error.code).toBe("MIGRATION_FOREIGN_KEYS");
    expect(error.message).toContain("foreign key mismatch");
    expect(objectNames(db)).toEqual([]);
  });

  it("lets a migration mend a broken key of the past, and any other run beside it", () => {
    using db = memory();
    db.runOnce("CREATE TABLE events (id INTEGER PRIMARY KEY, session_id TEXT)");
    db.runOnce("CREATE TABLE snapshots (session_id TEXT REFERENCES events (session_id))");
    const other = "CREATE TABLE other (x)";
    const mend = "CREATE UNIQUE INDEX idx_events_session_id ON events (session_id)";
    const again = "CREATE TABLE more (session_id TEXT REFERENCES other (x))";
    migratorOver(db, listOf(other, mend)).up();
    expect(appliedVersions(db)).toEqual([1, 2]);
    expect(codeOf(() => migratorOver(db, listOf(other, mend, again)).up())).toBe(
      "MIGRATION_FOREIGN_KEYS",
    );
  });

  it("sees a key that ALTER TABLE added", () => {
    using db = memory();
    const up = `CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (x);
      ALTER TABLE c ADD COLUMN p_id INTEGER REFERENCES p (id);
      INSERT INTO c VALUES (1, 5);`;
    expect(codeOf(() => migratorOver(db, listOf(up)).up())).toBe("MIGRATION_FOREIGN_KEYS");
  });
});

describe("a migration that ends its own transaction", () => {
  const base = "CREATE TABLE a (x INTEGER PRIMARY KEY); INSERT INTO a VALUES (1)";

  it.each([
    ["INSERT OR ROLLBACK", "CREATE TABLE b (x); INSERT OR ROLLBACK INTO a VALUES (1)"],
    [
      "RAISE(ROLLBACK)",
      `CREATE TABLE b (x);
       CREATE TRIGGER t BEFORE INSERT ON b BEGIN SELECT RAISE(ROLLBACK, 'no'); END;
       INSERT INTO b VALUES (1);`,
    ],
  ])("by %s leaves nothing behind", (_, up) => {
    using db = memory();
    expect(
      errorOf(() => migratorOver(db, listOf(base, up, "CREATE TABLE c (x)")).up()),
    ).toMatchObject({
      details: { applied: [1], failed: 2, notRun: [3] },
    });
    expect(objectNames(db)).toEqual(["a"]);
    expect(appliedVersions(db)).toEqual([1]);
    expect(pragma(db, "foreign_keys")).toBe(1);
  });

  it("and hides it in a function is refused, and what it does next is not committed by itself", () => {
    using db = memory();
    const source = listOf(base, (access) => {
      access.exec("CREATE TABLE b (x)");
      try {
        access.exec("INSERT OR ROLLBACK INTO a VALUES (1)");
      } catch {
        // The transaction is gone; the migration pretends not to know.
      }
      try {
        access.exec("CREATE TABLE c (x)");
      } catch {
        // Refused, and hidden as well.
      }
    });
    expect(codeOf(() => migratorOver(db, source).up())).toBe("MIGRATION_ENDED_TRANSACTION");
    expect(objectNames(db)).toEqual(["a"]);
    expect(appliedVersions(db)).toEqual([1]);
  });
});

describe("a ledger of another tool", () => {
  it.each([
    [
      "the seed documents",
      "version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL",
    ],
    ["dbmate", "version varchar(128) PRIMARY KEY"],
    ["Rails", "version varchar NOT NULL PRIMARY KEY"],
  ])("written by %s is refused and left as it is", (_, columns) => {
    using folder = tempFolder();
    using db = openConnection(folder.at("x.db"));
    db.runOnce(`CREATE TABLE schema_migrations (${columns})`);
    const migrator = migratorOver(db, listOf(["CREATE TABLE a (x)", "DROP TABLE a"]));
    const before = column(db, "SELECT sql FROM sqlite_schema");
    for (const work of [
      () => migrator.up(),
      () => migrator.status(),
      () => migrator.rollback(),
      () => migrator.plan(),
      () => migrator.redo(),
    ])
      expect(codeOf(work)).toBe("LEDGER_FOREIGN");
    expect(column(db, "SELECT sql FROM sqlite_schema")).toEqual(before);
    expect(pragma(db, "foreign_keys")).toBe(1);
  });
});

describe("a disk", () => {
  const fill = `CREATE TABLE big (x);
    INSERT INTO big
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
    SELECT randomblob(4000) FROM n`;

  it("that is full undoes the migration, and the run goes on when there is space", () => {
    using folder = tempFolder();
    using db = openConnection(folder.at("x.db"));
    const source = listOf("CREATE TABLE a (x)", fill, "CREATE TABLE c (x)");
    db.runOnce("PRAGMA max_page_count = 30");
    const error = errorOf(() => migratorOver(db, source).up());
    expect(error).toMatchObject({
      code: "DATABASE_FULL",
      details: { applied: [1], failed: 2, notRun: [3] },
    });
    expect(objectNames(db)).toEqual(["a"]);
    expect(pragma(db, "foreign_keys")).toBe(1);
    expect(pragma(db, "integrity_check")).toBe("ok");
    db.runOnce("PRAGMA max_page_count = 100000");
    migratorOver(db, source).up();
    expect(appliedVersions(db)).toEqual([1, 2, 3]);
  });

  it("that is read-only is named, and nothing is applied", () => {
    using folder = tempFolder();
    const path = folder.at("x.db");
    openConnection(path).close();
    chmodSync(path, 0o444);
    chmodSync(folder.path, 0o555);
    const code = asOrdinaryUser(() =>
      codeOf(() => {
        using db = openConnection(path);
        migratorOver(db, listOf("CREATE TABLE a (x)")).up();
      }),
    );
    expect(["DATABASE_READONLY", "DATABASE_CANNOT_OPEN"]).toContain(code);
    chmodSync(folder.path, 0o755);
    chmodSync(path, 0o644);
    using db = openConnection(path);
    expect(objectNames(db)).toEqual([]);
  });
});
