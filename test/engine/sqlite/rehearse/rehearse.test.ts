import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, it } from "bun:test";
import { directorySource } from "../../../../src/engine/directory.ts";
import { openConnection } from "../../../../src/engine/sqlite/open.ts";
import { rehearse, type RehearseOptions } from "../../../../src/engine/sqlite/rehearse/rehearse.ts";
import type { RehearsalReport } from "../../../../src/engine/sqlite/rehearse/report.ts";
import { errorOfAsync } from "../../../support/error-of.ts";
import { sections, writeMigrations } from "../../../support/migration-directory.ts";
import { migratorOver } from "../../../support/migrating.ts";
import { type TempFolder, tempFolder } from "../../../support/temp-folder.ts";

const BASE = sections(
  `CREATE TABLE parents (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL CHECK (name <> ''), age INTEGER) STRICT;
CREATE TABLE children (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parents (id), note TEXT);
CREATE TABLE pairs (a TEXT, b TEXT);
CREATE TABLE named (name TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
CREATE INDEX parents_name ON parents (name);
CREATE TRIGGER parents_guard BEFORE DELETE ON parents WHEN OLD.age = -1 BEGIN SELECT RAISE(ABORT, 'no'); END;`,
  "DROP TABLE named; DROP TABLE pairs; DROP TABLE children; DROP TABLE parents;",
);

const ROWS = `INSERT INTO parents WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12) SELECT i, 'name ' || i, i * 10 FROM n;
DELETE FROM parents WHERE id > 10;
INSERT INTO children SELECT id, id, 'note' FROM parents;
INSERT INTO pairs VALUES ('x', 'y'), ('x', 'y'), (NULL, NULL), (1, 2);
INSERT INTO named VALUES ('one', 1), ('two', 2.0), ('three', x'00');`;

/** A database at version 1 with rows, and the migrations that the test adds. */
function stage(folder: TempFolder, files: Readonly<Record<string, string>>): RehearseOptions {
  const dir = writeMigrations(folder.at("m"), { "001_base.sql": BASE });
  const source = directorySource(dir);
  const databasePath = folder.at("live", "app.db");
  using db = openConnection(databasePath);
  migratorOver(db, source).up();
  for (const sql of ROWS.split(";\n")) db.runOnce(sql);
  writeMigrations(dir, files);
  return { databasePath, source };
}

async function rehearsing(
  files: Readonly<Record<string, string>>,
  options: Partial<RehearseOptions> = {},
): Promise<RehearsalReport> {
  using folder = tempFolder();
  const staged = stage(folder, files);
  const before = contentOf(staged.databasePath);
  const report = await rehearse({ ...staged, ...options });
  expect(contentOf(staged.databasePath)).toEqual(before);
  expect(readdirSync(dirname(staged.databasePath)).filter((n) => n.includes("rehearsal"))).toEqual(
    [],
  );
  return report;
}

/** Every byte that the live database has; nobody has it open. */
function contentOf(path: string): string {
  return Bun.CryptoHasher.hash("sha256", readFileSync(path), "hex");
}

const problemsOf = ({ problems }: RehearsalReport): unknown[] =>
  problems.map(({ kind, moment, version, table, position, keys }) => ({
    kind,
    moment,
    version,
    table,
    line: position?.line ?? null,
    keys,
  }));

describe("rehearse() on sound migrations", () => {
  const SOUND = {
    "002_more.sql": sections(
      "ALTER TABLE parents ADD COLUMN extra TEXT;\nCREATE TABLE more (id INTEGER PRIMARY KEY);\nINSERT INTO more VALUES (1);",
      "DROP TABLE more;\nALTER TABLE parents DROP COLUMN extra;",
    ),
    "003_rebuild.sql": sections(
      `CREATE TABLE new (b TEXT, a TEXT);
INSERT INTO new (a, b) SELECT a, b FROM pairs ORDER BY a;
DROP TABLE pairs;
ALTER TABLE new RENAME TO pairs;`,
      `CREATE TABLE old (a TEXT, b TEXT);
INSERT INTO old (a, b) SELECT a, b FROM pairs;
DROP TABLE pairs;
ALTER TABLE old RENAME TO pairs;`,
    ),
  };

  it("takes them up, down and up again, and says how long each step took", async () => {
    const report = await rehearsing(SOUND);
    expect(report).toMatchObject({
      isClean: true,
      mode: "pending",
      fromVersion: 1,
      toVersion: 3,
      problems: [],
      remarks: [],
      leftOut: [],
    });
    expect(report.steps.map(({ moment, version }) => [moment, version])).toEqual([
      ["up", 2],
      ["up", 3],
      ["down", 3],
      ["down", 2],
      ["up-again", 2],
      ["up-again", 3],
    ]);
    const first = report.steps.slice(0, 2).map(({ durationMs }) => durationMs);
    expect(report.estimateMs).toBe((first[0] ?? 0) + (first[1] ?? 0));
    expect(Math.min(...report.steps.map(({ durationMs }) => durationMs))).toBeGreaterThan(0);
    expect(report.tables.find(({ name }) => name === "more")).toEqual({
      name: "more",
      before: null,
      afterUp: 1,
      afterDown: null,
      afterUpAgain: 1,
    });
    expect(report.tables.find(({ name }) => name === "parents")?.before).toBe(10);
  });

  it("stops at --to", async () => {
    const report = await rehearsing(SOUND, { target: 2 });
    expect([report.toVersion, report.steps.length]).toEqual([2, 3]);
  });

  it("has nothing to rehearse where nothing is pending, and copies nothing", async () => {
    expect(await rehearsing({})).toMatchObject({ isClean: true, steps: [], copy: null });
  });

  it("rehearses functions as well", async () => {
    using folder = tempFolder();
    const staged = stage(folder, {
      "002_code.ts": `export function up(db) {
  for (const { id } of db.query("SELECT id FROM children").all()) db.run("UPDATE children SET note = ? WHERE id = ?", "n" + id, id);
}
export function down(db) { db.exec("UPDATE children SET note = 'note'"); }`,
    });
    const report = await rehearse(staged);
    expect(problemsOf(report)).toEqual([]);
    expect(report.remarks.join("\n")).toMatch(
      /children changes \(0 row\(s\) gone, 10 other, 0 new\)/,
    );
  });

  it("leaves the newest versions to be undone and done again, and tells losses from faults", async () => {
    using folder = tempFolder();
    const staged = stage(folder, SOUND);
    using db = openConnection(staged.databasePath);
    migratorOver(db, staged.source).up();
    db.runOnce("INSERT INTO more VALUES (7)");
    db.runOnce("UPDATE parents SET extra = 'x' WHERE id = 2");
    const report = await rehearse({ ...staged, last: 2 });
    expect(report).toMatchObject({ isClean: true, mode: "applied", fromVersion: 3, toVersion: 1 });
    expect(report.steps.map(({ moment, version }) => [moment, version])).toEqual([
      ["down", 3],
      ["down", 2],
      ["up-again", 2],
      ["up-again", 3],
    ]);
    expect(report.remarks).toEqual([
      expect.stringContaining("the round trip loses 1 of 2 row(s) of more"),
      expect.stringContaining("the round trip changes 1 of 10 row(s) of parents: extra (1)"),
    ]);
  });
});

describe("rehearse() on a fault", () => {
  const FAULTS: readonly (readonly [string, Readonly<Record<string, string>>, object])[] = [
    [
      "a row that the up deletes for good",
      {
        "002_x.sql": sections(
          "-- migrate:allow FULL_SCAN_WRITE\nCREATE TABLE kept (id);\nINSERT INTO kept SELECT 1;\nDELETE FROM pairs WHERE a = 'x' AND rowid = 1;",
          "DROP TABLE kept;",
        ),
      },
      { kind: "rows-lost", moment: "down", version: 2, table: "pairs", line: 5, keys: [] },
    ],
    [
      "a value that the down forgets",
      {
        "002_x.sql": sections("UPDATE parents SET age = 0 WHERE id IN (3, 4);", "SELECT 1;"),
      },
      {
        kind: "values-changed",
        moment: "down",
        version: 2,
        table: "parents",
        line: 2,
        keys: ["3", "4"],
      },
    ],
    [
      "a value whose type does not come back",
      {
        "002_x.sql": sections(
          "UPDATE named SET value = CAST(value AS INTEGER) WHERE name = 'two';",
          "UPDATE named SET value = 2 WHERE name = 'two';",
        ),
      },
      {
        kind: "values-changed",
        moment: "down",
        version: 2,
        table: "named",
        line: 5,
        keys: ["'two'"],
      },
    ],
    [
      "a key that comes back in other letters",
      {
        "002_x.sql": sections(
          "UPDATE named SET name = upper(name) WHERE name = 'one';",
          "SELECT 1;",
        ),
      },
      { kind: "rows-lost", moment: "down", version: 2, table: "named", line: 2, keys: ["'one'"] },
    ],
    [
      "a row that the down leaves",
      { "002_x.sql": sections("INSERT INTO pairs VALUES ('new', 'row');", "SELECT 1;") },
      { kind: "rows-added", moment: "down", version: 2, table: "pairs", line: 2, keys: [] },
    ],
    [
      "an index that the down forgets",
      { "002_x.sql": sections("CREATE INDEX i ON pairs (a);", "SELECT 1;") },
      { kind: "schema", moment: "down", version: 2, table: null, line: 2, keys: [] },
    ],
    [
      "a default that the down does not bring back",
      {
        "002_x.sql": sections(
          "ALTER TABLE pairs DROP COLUMN b;",
          "ALTER TABLE pairs ADD COLUMN b TEXT DEFAULT '';",
        ),
      },
      { kind: "schema", moment: "down", version: 2, table: "pairs", line: 5, keys: [] },
    ],
    [
      "an up that these rows do not allow",
      { "002_x.sql": sections("CREATE UNIQUE INDEX i ON pairs (a, b);", "DROP INDEX i;") },
      { kind: "step-failed", moment: "up", version: 2, table: null, line: 2, keys: [] },
    ],
    [
      "a down that these rows do not allow",
      {
        "002_x.sql": sections(
          "CREATE TABLE a (x);",
          "DROP TABLE a;\nCREATE UNIQUE INDEX i ON pairs (a, b);\nDROP INDEX i;",
        ),
      },
      { kind: "step-failed", moment: "down", version: 2, table: null, line: 6, keys: [] },
    ],
    [
      "a rebuild that forgets trigger and index",
      {
        "002_x.sql": sections(
          `CREATE TABLE new (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, age INTEGER);
INSERT INTO new SELECT * FROM parents;
DROP TABLE parents;
ALTER TABLE new RENAME TO parents;`,
          "SELECT 1;",
        ),
      },
      { kind: "dropped-in-rebuild", moment: "up", version: 2, table: "parents", line: 5, keys: [] },
    ],
    [
      "a rebuild that starts the ids anew",
      {
        "002_x.sql": sections(
          `CREATE TABLE new (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL CHECK (name <> ''), age INTEGER) STRICT;
INSERT INTO new SELECT * FROM parents;
DROP TABLE parents;
ALTER TABLE new RENAME TO parents;`,
          "SELECT 1;",
        ),
      },
      { kind: "sequence", moment: "up", version: 2, table: "parents", line: 5, keys: [] },
    ],
  ];

  it.each(FAULTS)("names %s with its version, table and line", async (_, files, problem) => {
    const report = await rehearsing(files, { allow: ["DELETES_DATA", "FAILS_ON_EXISTING_ROWS"] });
    // What was allowed is said as a remark; here the same loss is to be a fault.
    const strict = await rehearsing(files, { allow: null });
    expect(report.isClean && report.remarks.length === 0).toBe(false);
    expect(strict.isClean).toBe(false);
    expect(problemsOf(strict)).toContainEqual(problem as never);
    for (const { remedy } of strict.problems) expect(remedy).toMatch(/\.$/);
  });

  it("says what a rebuild leaves out of the definition", async () => {
    const [, files] = FAULTS.find(([name]) => name.includes("trigger and index")) ?? [];
    const { remarks } = await rehearsing(files ?? {}, { allow: null });
    expect(remarks).toEqual([
      expect.stringContaining("rebuilds parents without its CHECK ( name <> '' )"),
      expect.stringContaining("rebuilds parents without its STRICT"),
    ]);
  });

  it("names a hazard that `up` would refuse, and goes on as if it were allowed", async () => {
    const files = { "002_x.sql": sections("DELETE FROM pairs;", "SELECT 1;") };
    const refused = await rehearsing(files);
    expect(refused.problems.map(({ kind }) => kind)).toEqual(["hazard", "rows-lost"]);
    const allowed = await rehearsing(files, { allow: ["DELETES_DATA"] });
    expect(allowed.isClean).toBe(true);
    expect(allowed.remarks).toEqual([
      expect.stringMatching(/loses 4 of 4 row.*allowed: .*002_x.sql:2/),
    ]);
  });

  it("names rows that change although nothing was seen to write them", async () => {
    const files = {
      "002_x.sql": sections("CREATE TABLE t (x);\nINSERT INTO t VALUES (1);", "DROP TABLE t;"),
    };
    using folder = tempFolder();
    const staged = stage(folder, files);
    let isWritten = false;
    // Something else writes to the copy between the step and the comparison.
    const report = await rehearse({
      ...staged,
      onEvent: (event) => {
        if (event.type !== "checking" || isWritten) return;
        isWritten = true;
        const [copy] = readdirSync(dirname(staged.databasePath)).filter((n) =>
          n.includes("rehearsal"),
        );
        using db = openConnection(`${dirname(staged.databasePath)}/${copy ?? ""}/copy.db`);
        db.runOnce("UPDATE children SET note = 'other' WHERE id = 5");
      },
    });
    expect(problemsOf(report)).toContainEqual({
      kind: "unforeseen",
      moment: "up",
      version: null,
      table: "children",
      line: null,
      keys: ["5"],
    });
  });

  it("says which downs it leaves out and why, and still rehearses the rest", async () => {
    const report = await rehearsing({
      "002_x.sql": sections("CREATE TABLE two (x);", "DROP TABLE two;"),
      "003_x.sql": "CREATE TABLE three (x);\nINSERT INTO pairs VALUES ('one', 'more');",
      "004_x.sql": sections("CREATE TABLE four (x);\nDELETE FROM pairs;", "DROP TABLE four;"),
    });
    expect(report.leftOut.map(({ version, reason }) => [version, reason])).toEqual([
      [3, "it has no down"],
      [2, "version 003 after it cannot be undone"],
    ]);
    expect(report.steps.map(({ moment, version }) => `${moment} ${version}`)).toEqual([
      "up 2",
      "up 3",
      "up 4",
      "down 4",
      "up-again 4",
    ]);
    // Compared with what the versions that stay have made of it, the row of version 3 included.
    expect(report.problems.map(({ kind, version, rowCount }) => [kind, version, rowCount])).toEqual(
      [
        ["hazard", 4, 4],
        ["rows-lost", 4, 5],
      ],
    );
  });

  it("says of a late version that a rollback could not reach it alone", async () => {
    using folder = tempFolder();
    const staged = stage(folder, {
      "005_x.sql": sections("CREATE TABLE five (x);", "DROP TABLE five;"),
    });
    {
      using db = openConnection(staged.databasePath);
      migratorOver(db, staged.source).up();
    }
    writeMigrations(folder.at("m"), {
      "003_late.sql": sections("CREATE TABLE three (x);", "DROP TABLE three;"),
      "006_x.sql": sections("CREATE TABLE six (x);", "DROP TABLE six;"),
    });
    const report = await rehearse({ ...staged, allowOutOfOrder: true });
    expect(report.leftOut).toMatchObject([
      { version: 3, reason: expect.stringContaining("older than") },
    ]);
    expect(report.steps.map(({ moment, version }) => `${moment} ${version}`)).toEqual([
      "up 3",
      "up 6",
      "down 6",
      "up-again 6",
    ]);
  });

  it("holds nobody to orphans and broken rows that were there before", async () => {
    using folder = tempFolder();
    const staged = stage(folder, {
      "002_x.sql": sections(
        "CREATE TABLE t (x);\nUPDATE children SET note = note;",
        "DROP TABLE t;",
      ),
    });
    {
      using db = openConnection(staged.databasePath);
      db.runOnce("PRAGMA foreign_keys = OFF");
      db.runOnce("PRAGMA ignore_check_constraints = ON");
      db.runOnce("INSERT INTO children VALUES (99, 404, 'orphan')");
      db.runOnce("INSERT INTO parents (name) VALUES ('')");
    }
    expect((await rehearse(staged)).problems).toEqual([]);
  });
});

describe("the copy of a rehearsal", () => {
  const FILES = { "002_x.sql": sections("CREATE TABLE t (x);", "DROP TABLE t;") };

  it("is private, while others go on writing", async () => {
    using folder = tempFolder();
    const staged = stage(folder, FILES);
    const modes: string[] = [];
    using writer = openConnection(staged.databasePath, { busyTimeoutMs: 0 });
    await rehearse({
      ...staged,
      folder: folder.path,
      onEvent: (event) => {
        if (event.type !== "checking") return;
        const [name = ""] = readdirSync(folder.path).filter((n) =>
          n.startsWith("app.db.rehearsal-"),
        );
        const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);
        const path = folder.at(name);
        modes.push(mode(path), ...readdirSync(path).map((file) => mode(`${path}/${file}`)));
        writer.runOnce("INSERT INTO pairs VALUES ('written', 'meanwhile')");
        expect(writer.readOnce("PRAGMA wal_checkpoint(TRUNCATE)")[0]?.[0]).toBe(0);
      },
    });
    expect(new Set(modes)).toEqual(new Set(["700", "600"]));
    expect(writer.readOnce("SELECT count(*) FROM pairs WHERE a = 'written'")).toEqual([[3]]);
    expect(readdirSync(folder.path).sort()).toEqual(["live", "m"]);
  });

  it("is refused before anything is written when the disk has no room", async () => {
    using folder = tempFolder();
    const staged = stage(folder, FILES);
    const error = await errorOfAsync(rehearse({ ...staged, freeBytes: () => 100 }));
    expect(error.code).toBe("DATABASE_FULL");
    expect(error.message).toContain("100 bytes are free");
    expect(readdirSync(dirname(staged.databasePath))).not.toContain(
      expect.stringContaining("rehearsal"),
    );
  });

  it("is gone after an interruption", async () => {
    using folder = tempFolder();
    const staged = stage(folder, FILES);
    const controller = new AbortController();
    const error = await errorOfAsync(
      rehearse({
        ...staged,
        signal: controller.signal,
        onEvent: ({ type }) => {
          if (type === "step-started") controller.abort();
        },
      }),
    );
    expect(error.code).toBe("CANCELLED");
    expect(
      readdirSync(dirname(staged.databasePath)).filter((n) => n.includes("rehearsal")),
    ).toEqual([]);
  });

  it("is named when an earlier one was left behind", async () => {
    using folder = tempFolder();
    const staged = stage(folder, FILES);
    writeFileSync(`${staged.databasePath}.rehearsal-dead`, "");
    const { remarks } = await rehearse(staged);
    expect(remarks).toEqual([expect.stringContaining(".rehearsal-dead was left by")]);
  });

  it("needs a file", async () => {
    using folder = tempFolder();
    const { source } = stage(folder, FILES);
    const codeOf = async (databasePath: string): Promise<string> =>
      (await errorOfAsync(rehearse({ databasePath, source }))).code;
    expect(await codeOf(":memory:")).toBe("DATABASE_NOT_FOUND");
    expect(await codeOf(folder.at("none.db"))).toBe("DATABASE_NOT_FOUND");
    expect(readdirSync(folder.path).sort()).toEqual(["live", "m"]);
  });
});
