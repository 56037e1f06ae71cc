import { describe, expect, it } from "bun:test";
import { directorySource } from "../../../../src/engine/directory.ts";
import {
  adoptLedger,
  type AdoptLedgerOptions,
  type LedgerAdoption,
} from "../../../../src/engine/sqlite/foreign-ledgers/adopt.ts";
import { refuseForeignLedger } from "../../../../src/engine/sqlite/foreign-ledgers/detect.ts";
import { FOREIGN_TOOLS } from "../../../../src/engine/sqlite/foreign-ledgers/foreign-ledger.ts";
import type { MigrationSource } from "../../../../src/engine/source.ts";
import type { Connection } from "../../../../src/engine/sqlite/connection.ts";
import { createSqliteDriver } from "../../../../src/engine/sqlite/driver.ts";
import { readHistory } from "../../../../src/engine/sqlite/history.ts";
import { openConnection } from "../../../../src/engine/sqlite/open.ts";
import { validateConnection } from "../../../../src/engine/sqlite/validate.ts";
import { codeOf, errorOf } from "../../../support/error-of.ts";
import {
  APPLIED_AT,
  contentOf,
  FOREIGN_DATABASES,
  foreignDatabase,
  NOTES,
  USERS,
} from "../../../support/foreign-databases.ts";
import { writeMigrations } from "../../../support/migration-directory.ts";
import { appliedVersions, column, migratorOver, objectNames } from "../../../support/migrating.ts";
import { type TempFolder, tempFolder } from "../../../support/temp-folder.ts";

const NOON = Date.UTC(2026, 0, 1, 12);
const FORMER = "schema_migrations_before_usagedb";

type Files = Readonly<Record<string, string>>;

function adopt(
  db: Connection,
  folder: TempFolder,
  { files, ...options }: Partial<AdoptLedgerOptions> & { readonly files: Files },
): LedgerAdoption {
  const source = directorySource(writeMigrations(folder.at("m"), files));
  return adoptLedger(db, { source, now: () => NOON, ...options });
}

/** The error of an adoption that must leave everything as it was. */
function refusalOf(
  db: Connection,
  files: Files,
  options: Partial<AdoptLedgerOptions> = {},
): ReturnType<typeof errorOf> {
  using folder = tempFolder();
  const before = contentOf(db);
  const error = errorOf(() => adopt(db, folder, { files, ...options }));
  expect(contentOf(db)).toEqual(before);
  return error;
}

describe.each(FOREIGN_TOOLS.map((tool) => [tool]))("adoptLedger() of %s", (tool) => {
  const { files, versions, table, appliedAt } = FOREIGN_DATABASES[tool];
  const isOurName = table === "schema_migrations";
  const keptTable = isOurName ? FORMER : table;

  it("enters what is applied, keeps the tool's rows, and goes on from there", () => {
    using folder = tempFolder();
    using db = foreignDatabase(tool);
    const rows = db.readOnce(`SELECT * FROM "${table}"`);
    const preview = adopt(db, folder, { files, dryRun: true });
    const report = adopt(db, folder, { files });
    expect(report).toEqual({ ...preview, isDryRun: false });
    expect(report).toMatchObject({
      isNew: true,
      tool,
      version: versions[1],
      keptTable,
      backup: null,
    });
    expect(report.entered.map(({ version }) => version)).toEqual(versions.slice(0, 2));
    for (const { applied_at, isTimeKnown } of report.entered)
      expect([applied_at, isTimeKnown]).toEqual([appliedAt ?? NOON, appliedAt !== null]);
    expect(db.readOnce(`SELECT * FROM "${keptTable}"`)).toEqual(rows);
    expect(column(db, "SELECT name FROM users ORDER BY id")).toEqual(["a", "b"]);

    const migrator = migratorOver(db, directorySource(folder.at("m")));
    const { standings } = migrator.status();
    expect(standings.map(({ state }) => state)).toEqual(["applied", "applied", "pending"]);
    expect(standings.map(({ applied }) => applied?.applied_at)).toEqual([
      appliedAt ?? NOON,
      appliedAt ?? NOON,
      undefined,
    ]);
    expect(validateConnection(db, standings)).toEqual({
      isValid: true,
      findings: [],
      notChecked: [],
    });
    expect(createSqliteDriver(db).readHead()).toMatchObject({
      version: versions[1],
      isSchemaKnown: true,
      hasDrifted: false,
    });
    expect(readHistory(db).find(({ action }) => action === "adopt")).toMatchObject({
      version: versions[1],
      detail: `from the ledger of ${tool}: 2 version(s) entered as applied, none was run`,
    });

    migrator.up();
    expect(objectNames(db)).toContain("tags");
    expect(adopt(db, folder, { files })).toMatchObject({
      isNew: false,
      entered: [],
      version: versions[2],
    });
    expect(appliedVersions(db)).toEqual([...versions]);
    expect(migrator.up().steps).toEqual([]);
  });
});

describe("adoptLedger()", () => {
  it("takes the time that an execution took where the ledger has it", () => {
    using folder = tempFolder();
    using db = foreignDatabase("sqlx");
    adopt(db, folder, { files: FOREIGN_DATABASES.sqlx.files });
    expect(column(db, "SELECT execution_time_ms FROM schema_migrations ORDER BY version")).toEqual([
      1.5, 0,
    ]);
  });

  it("rolls back what the other tool applied", () => {
    using folder = tempFolder();
    using db = foreignDatabase("goose");
    adopt(db, folder, { files: FOREIGN_DATABASES.goose.files });
    migratorOver(db, directorySource(folder.at("m"))).rollback({ target: 1 });
    expect(objectNames(db)).not.toContain("notes");
  });

  it("takes a ledger without entries over, and everything is pending", () => {
    using folder = tempFolder();
    using db = openConnection(":memory:");
    db.runOnce("CREATE TABLE schema_migrations (version uint64, dirty bool)");
    const files = FOREIGN_DATABASES["golang-migrate"].files;
    expect(adopt(db, folder, { files })).toMatchObject({ version: 0, entered: [] });
    migratorOver(db, directorySource(folder.at("m"))).up();
    expect(appliedVersions(db)).toEqual([1, 2, 3]);
  });

  it("refuses a ledger without entries over a schema that is not empty", () => {
    using db = foreignDatabase("golang-migrate");
    db.runOnce("DELETE FROM schema_migrations");
    expect(refusalOf(db, FOREIGN_DATABASES["golang-migrate"].files).code).toBe("BASELINE_DIFFERS");
  });

  it("lets goose's newest row of a version decide", () => {
    using folder = tempFolder();
    using db = foreignDatabase("goose");
    db.runOnce("DROP TABLE notes");
    db.runOnce("INSERT INTO goose_db_version (version_id, is_applied) VALUES (2, 0)");
    const { entered } = adopt(db, folder, { files: FOREIGN_DATABASES.goose.files });
    expect(entered.map(({ version }) => version)).toEqual([1]);
  });

  it("tells drizzle's migrations of equal texts apart by their moments, and needs no hash", () => {
    using folder = tempFolder();
    using db = openConnection(":memory:");
    db.runOnce(USERS);
    const text = "SELECT 1;";
    const journal = (...whens: number[]): string =>
      JSON.stringify({ entries: whens.map((when, index) => ({ when, tag: `000${index}_x` })) });
    db.runOnce(
      "CREATE TABLE __drizzle_migrations (id INTEGER PRIMARY KEY, hash text NOT NULL, created_at numeric, name text, applied_at TEXT)",
    );
    const hash = Bun.CryptoHasher.hash("sha256", text, "hex");
    const day = (at: number): number => Date.UTC(2024, 0, at);
    db.runOnce(
      `INSERT INTO __drizzle_migrations (hash, created_at, name, applied_at)
       VALUES ('', ${day(1)}, '20240101000000_x', '2024-02-03T04:05:06.000Z'),
         ('${hash}', ${day(2)}, NULL, NULL), ('${hash}', ${day(3)}, NULL, NULL)`,
    );
    const { entered } = adopt(db, folder, {
      files: {
        "0000_x.sql": `${USERS};`,
        "0001_x.sql": text,
        "0002_x.sql": text,
        "0003_x.sql": text,
        "meta/_journal.json": journal(day(1), day(2), day(3), day(4)),
      },
    });
    expect(entered.map(({ version, applied_at }) => [version, applied_at])).toEqual([
      [20_240_101_000_000, APPLIED_AT],
      [20_240_102_000_000, NOON],
      [20_240_103_000_000, NOON],
    ]);
  });

  it.each(["sqlx", "drizzle"] as const)(
    "takes other line ends in files of %s for no edit",
    (tool) => {
      using folder = tempFolder();
      using db = foreignDatabase(tool);
      const files = Object.fromEntries(
        Object.entries(FOREIGN_DATABASES[tool].files).map(([name, text]) => [
          name,
          name.endsWith(".sql") ? `\ufeff${text.replaceAll("\n", "\r\n")}` : text,
        ]),
      );
      expect(adopt(db, folder, { files }).entered).toHaveLength(2);
    },
  );

  it("takes a hash of sqlx's that was told to leave white space out", () => {
    using folder = tempFolder();
    using db = foreignDatabase("sqlx");
    const hash = Bun.CryptoHasher.hash("sha384", `${USERS};`.replaceAll(" ", ""), "hex");
    db.runOnce(`UPDATE _sqlx_migrations SET checksum = x'${hash}' WHERE execution_time > 0`);
    expect(adopt(db, folder, { files: FOREIGN_DATABASES.sqlx.files }).entered).toHaveLength(2);
  });

  it.each([
    ["sqlx", "20240102120000_create_notes.sql"],
    ["drizzle", "0001_notes.sql"],
  ] as const)("names a file of %s that was edited after it ran", (tool, name) => {
    using db = foreignDatabase(tool);
    const files: Files = { ...FOREIGN_DATABASES[tool].files, [name]: `${NOTES} ;\n` };
    const error = refusalOf(db, files);
    expect(error.code).toBe("ADOPT_LEDGER_DIFFERS");
    expect(error.details).toMatchObject({
      tool,
      withoutFile: [],
      edited: [expect.stringContaining(name)],
      late: [],
    });
    expect(error.message).toContain(`${name} was edited`);
  });

  it.each(FOREIGN_TOOLS.map((tool) => [tool]))("names entries of %s that have no file", (tool) => {
    using db = foreignDatabase(tool);
    const { files } = FOREIGN_DATABASES[tool];
    const kept = Object.entries(files).filter(([name]) => !/notes/.test(name));
    const journal = files["meta/_journal.json"];
    const withoutNotes: Files = {
      ...Object.fromEntries(kept),
      ...(journal === undefined
        ? {}
        : {
            "meta/_journal.json": JSON.stringify({
              entries: (JSON.parse(journal) as { entries: { tag: string }[] }).entries.filter(
                ({ tag }) => !tag.includes("notes"),
              ),
            }),
          }),
    };
    const error = refusalOf(db, withoutNotes);
    expect(error.code).toBe("ADOPT_LEDGER_DIFFERS");
    expect(error.details["withoutFile"]).toHaveLength(1);
    expect(error.message).toContain("is applied but has no file");
  });

  it("names files that are older than the newest applied one and have no entry", () => {
    using db = foreignDatabase("goose");
    db.runOnce("DELETE FROM goose_db_version WHERE version_id = 1");
    const error = refusalOf(db, FOREIGN_DATABASES.goose.files);
    expect([error.code, error.details["late"]]).toEqual([
      "ADOPT_LEDGER_DIFFERS",
      [expect.stringContaining("00001_create_users.sql")],
    ]);
  });

  it("does not take a name of the same version for the same migration", () => {
    using db = foreignDatabase("knex");
    db.runOnce("UPDATE knex_migrations SET name = '20240102120000_other.js' WHERE id = 2");
    expect(refusalOf(db, FOREIGN_DATABASES.knex.files).details["withoutFile"]).toEqual([
      "20240102120000_other.js",
    ]);
  });

  it.each([
    [
      "golang-migrate",
      "UPDATE schema_migrations SET dirty = 1",
      "version 2 is dirty",
      "migrate force",
    ],
    ["sqlx", "UPDATE _sqlx_migrations SET success = 0", "did not succeed", "sqlx"],
    ["kysely", "UPDATE kysely_migration_lock SET is_locked = 1", "its lock", "release"],
    ["knex", "UPDATE knex_migrations_lock SET is_locked = 1", "its lock", "release"],
  ] as const)("refuses what %s left half done, with the way out", (tool, sql, observed, wayOut) => {
    using db = foreignDatabase(tool);
    db.runOnce(sql);
    const error = refusalOf(db, FOREIGN_DATABASES[tool].files);
    expect(error.code).toBe("ADOPT_LEDGER_DIRTY");
    expect(error.message).toContain(observed);
    expect(error.hint).toContain(wayOut);
  });

  it("refuses a version that is none", () => {
    using db = foreignDatabase("dbmate");
    db.runOnce("INSERT INTO schema_migrations VALUES ('v1')");
    const error = refusalOf(db, FOREIGN_DATABASES.dbmate.files);
    expect([error.code, error.details["entry"]]).toEqual(["ADOPT_LEDGER_DIFFERS", "v1"]);
  });

  it.each(FOREIGN_TOOLS.map((tool) => [tool]))(
    "names what differs from the schema that the files of %s build",
    (tool) => {
      using db = foreignDatabase(tool);
      db.runOnce("ALTER TABLE notes ADD COLUMN by_hand TEXT");
      const error = refusalOf(db, FOREIGN_DATABASES[tool].files);
      expect([error.code, error.details["differences"]]).toEqual([
        "BASELINE_DIFFERS",
        ["table notes gained: column by_hand TEXT pk=0 hidden=0"],
      ]);
    },
  );

  it("asks which ledger counts when there are two, and makes room whichever it is", () => {
    using folder = tempFolder();
    using db = foreignDatabase("goose");
    for (const sql of FOREIGN_DATABASES.dbmate.ledger) db.runOnce(sql);
    const { files } = FOREIGN_DATABASES.goose;
    const error = refusalOf(db, files);
    expect([error.code, error.details["found"]]).toEqual([
      "ADOPT_LEDGER_UNKNOWN",
      ["dbmate", "goose"],
    ]);
    expect(adopt(db, folder, { files, from: "goose" })).toMatchObject({
      tool: "goose",
      version: 2,
    });
    expect(column(db, `SELECT count(*) FROM ${FORMER}`)).toEqual([2]);
  });

  it("refuses a database without a ledger that is known, and a tool that has none in it", () => {
    using empty = openConnection(":memory:");
    expect(refusalOf(empty, FOREIGN_DATABASES.goose.files).code).toBe("ADOPT_LEDGER_UNKNOWN");
    using db = foreignDatabase("goose");
    const error = refusalOf(db, FOREIGN_DATABASES.goose.files, { from: "sqlx" });
    expect([error.code, error.message]).toEqual([
      "ADOPT_LEDGER_UNKNOWN",
      expect.stringContaining("no _sqlx_migrations of sqlx"),
    ]);
    using other = openConnection(":memory:");
    other.runOnce("CREATE TABLE schema_migrations (version TEXT, checksum TEXT)");
    expect(refusalOf(other, FOREIGN_DATABASES.dbmate.files).code).toBe("ADOPT_LEDGER_UNKNOWN");
  });

  it.each(FOREIGN_TOOLS.map((tool) => [tool]))(
    "finds the ledger of %s under a name of the user's own, and moves it aside",
    (tool) => {
      using folder = tempFolder();
      using db = foreignDatabase(tool);
      const { files, table, versions } = FOREIGN_DATABASES[tool];
      db.runOnce(`ALTER TABLE "${table}" RENAME TO "my ""own"""`);
      if (tool === "knex" || tool === "kysely")
        db.runOnce(`ALTER TABLE "${table}_lock" RENAME TO "my ""own""_lock"`);
      expect(refusalOf(db, files, { from: tool }).code).toBe("ADOPT_LEDGER_UNKNOWN");
      const options = { files, from: tool, table: 'my "own"' };
      expect(adopt(db, folder, options)).toMatchObject({ version: versions[1], keptTable: FORMER });
      const { standings } = migratorOver(db, directorySource(folder.at("m"))).status();
      expect(validateConnection(db, standings)).toMatchObject({ findings: [] });
      expect(adopt(db, folder, options)).toMatchObject({ isNew: false });
      expect(objectNames(db)).not.toContain('my "own"_lock');
    },
  );

  it("does not take a table of the user's for a ledger", () => {
    using db = foreignDatabase("umzug");
    const { files } = FOREIGN_DATABASES.umzug;
    const options = { from: "umzug", table: "users" } as const;
    expect(refusalOf(db, files, options).code).toBe("ADOPT_LEDGER_DIFFERS");
    db.runOnce("DELETE FROM notes");
    db.runOnce("DELETE FROM users");
    expect(refusalOf(db, files, options).code).toBe("BASELINE_DIFFERS");
  });

  it("makes room under views that are broken, and under those that look at the ledger", () => {
    using folder = tempFolder();
    using db = foreignDatabase("rails");
    const views = [
      "CREATE VIEW broken AS SELECT * FROM gone",
      "CREATE VIEW applied AS SELECT version FROM schema_migrations",
    ];
    for (const sql of views) db.runOnce(sql);
    const name = "20240102120000_create_notes.sql";
    const files = { ...FOREIGN_DATABASES.rails.files, [name]: [NOTES, ...views].join(";\n") };
    adopt(db, folder, { files });
    expect(column(db, "SELECT version FROM applied ORDER BY version")).toEqual([
      20_240_101_120_000, 20_240_102_120_000,
    ]);
    const { standings } = migratorOver(db, directorySource(folder.at("m"))).status();
    expect(validateConnection(db, standings)).toMatchObject({ findings: [] });
  });

  it("undoes what it wrote when a later write fails", () => {
    using db = foreignDatabase("dbmate");
    db.runOnce("CREATE VIEW schema_migrations_history AS SELECT 1");
    expect(refusalOf(db, FOREIGN_DATABASES.dbmate.files).message).toContain("is a view");
  });

  it("leaves a table alone that has the name it needs", () => {
    using db = foreignDatabase("dbmate");
    db.runOnce(`CREATE TABLE ${FORMER} (version)`);
    expect(refusalOf(db, FOREIGN_DATABASES.dbmate.files).message).toContain(FORMER);
  });

  it("refuses a ledger of ours that was not taken over, or that the other tool went ahead of", () => {
    using folder = tempFolder();
    using db = openConnection(":memory:");
    const { files } = FOREIGN_DATABASES.goose;
    migratorOver(db, directorySource(writeMigrations(folder.at("m"), files))).up();
    expect(refusalOf(db, files).code).toBe("BASELINE_LEDGER_EXISTS");
    using ahead = foreignDatabase("goose");
    adopt(ahead, folder, { files });
    ahead.runOnce("INSERT INTO goose_db_version (version_id, is_applied) VALUES (3, 1)");
    const error = refusalOf(ahead, files);
    expect([error.code, error.message]).toEqual([
      "BASELINE_LEDGER_EXISTS",
      expect.stringContaining("003_create_tags"),
    ]);
  });

  it("backs the database up as it was, and sees what others do meanwhile", () => {
    using folder = tempFolder();
    const { files } = FOREIGN_DATABASES.goose;
    const path = folder.at("app.db");
    using db = foreignDatabase("goose", path);
    const before = contentOf(db);
    let seen: unknown = null;
    const report = adopt(db, folder, {
      files,
      onBackup: (backup) => {
        using copy = openConnection(backup.path, { mode: "read" });
        seen = contentOf(copy);
        // goose applies one more between the look and the lock.
        using other = openConnection(path);
        other.runOnce("CREATE TABLE tags (id INTEGER PRIMARY KEY)");
        other.runOnce("INSERT INTO goose_db_version (version_id, is_applied) VALUES (3, 1)");
      },
    });
    expect(seen).toEqual(before);
    expect(report.version).toBe(3);
    expect(appliedVersions(db)).toEqual([1, 2, 3]);
    expect(report.backup).toMatch(/app\.db\..*-v2\.backup$/);
    expect(readHistory(db).find(({ action }) => action === "adopt")?.backup_path).toBe(
      report.backup,
    );
  });

  it("finds nothing to do when another process was first", () => {
    using folder = tempFolder();
    const { files } = FOREIGN_DATABASES.dbmate;
    const path = folder.at("app.db");
    using db = foreignDatabase("dbmate", path);
    const report = adopt(db, folder, {
      files,
      onBackup: () => {
        using other = openConnection(path);
        adopt(other, folder, { files, withBackup: false });
      },
    });
    expect(report).toMatchObject({ isNew: false, entered: [], version: 20_240_102_120_000 });
    expect(appliedVersions(db)).toHaveLength(2);
  });

  it("is what LEDGER_FOREIGN sends to, where the ledger has the name of ours", () => {
    for (const tool of FOREIGN_TOOLS) {
      if (FOREIGN_DATABASES[tool].table !== "schema_migrations") continue;
      using db = foreignDatabase(tool);
      using folder = tempFolder();
      const files = FOREIGN_DATABASES[tool].files;
      const source = directorySource(writeMigrations(folder.at("m"), files));
      const { code, hint } = errorOf(() => migratorOver(db, source).up());
      expect([code, hint]).toEqual([
        "LEDGER_FOREIGN",
        `Run \`usagedb migrate adopt --dir MIGRATIONS --db :memory:\` to take over the ledger of ${tool}.`,
      ]);
    }
  });
});

describe("refuseForeignLedger()", () => {
  const others = FOREIGN_TOOLS.filter(
    (tool) => FOREIGN_DATABASES[tool].table !== "schema_migrations",
  );
  const sourceOf = (files: Files, folder: TempFolder): MigrationSource =>
    directorySource(writeMigrations(folder.at("m"), files));

  it.each(others.map((tool) => [tool]))(
    "refuses what %s applied, until it is taken over",
    (tool) => {
      using folder = tempFolder();
      using db = foreignDatabase(tool);
      const source = sourceOf(FOREIGN_DATABASES[tool].files, folder);
      const { code, details } = errorOf(() => refuseForeignLedger(db, source));
      expect([code, details["tool"]]).toEqual(["LEDGER_FOREIGN", tool]);
      adopt(db, folder, { files: FOREIGN_DATABASES[tool].files });
      refuseForeignLedger(db, source);
    },
  );

  it.each(others.map((tool) => [tool]))(
    "minds nothing that %s did with other migrations",
    (tool) => {
      using folder = tempFolder();
      using db = foreignDatabase(tool);
      refuseForeignLedger(db, sourceOf({ "007_other.sql": "CREATE TABLE other (x);" }, folder));
    },
  );

  it("refuses a ledger that makes no sense", () => {
    using folder = tempFolder();
    using db = foreignDatabase("sqlx");
    db.runOnce("UPDATE _sqlx_migrations SET success = 0");
    const source = sourceOf({ "007_other.sql": "CREATE TABLE other (x);" }, folder);
    expect(codeOf(() => refuseForeignLedger(db, source))).toBe("LEDGER_FOREIGN");
  });
});
