import { existsSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { directorySource } from "../../../src/engine/directory.ts";
import { registeredSource } from "../../../src/engine/registered.ts";
import type { ProofCheck, ProofReport } from "../../../src/engine/sqlite/prove/report.ts";
import { proveMigrations, type ProveOptions } from "../../../src/engine/sqlite/prove/prove.ts";
import { ownMigrations } from "../../../src/store/schema.ts";
import { errorOfAsync } from "../../support/error-of.ts";
import { sections, writeMigrations } from "../../support/migration-directory.ts";
import { FAULT_ROUNDS } from "../../support/fault-rounds.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { spawnCli } from "../spawn-cli.ts";

// Many processes on a machine that may be busy with other tests.
setDefaultTimeout(60_000);

const SEED = 20_261_120;

/** Proves files, with a folder of their own; `{dir}` in findings stands for it. */
async function prove(
  files: Readonly<Record<string, string>>,
  options: Partial<ProveOptions> = {},
): Promise<ProofReport> {
  using folder = tempFolder();
  const dir = writeMigrations(folder.at("m"), files);
  const source = directorySource(dir);
  // Cutting off at every statement takes longer than all the rest; tests of that ask for it.
  const report = await proveMigrations({
    source,
    scratch: folder.path,
    seed: SEED,
    maxKillPoints: 1,
    ...options,
  });
  expect(readdirSync(folder.path)).toEqual(["m"]);
  return report;
}

/** The failed checks, as far as their author needs them. */
function failures({ checks }: ProofReport): unknown[] {
  return checks
    .filter(({ status }) => status === "failed")
    .map(({ topic, version, table, position, observed }) => ({
      topic,
      version,
      table,
      line: position?.line ?? null,
      observed,
    }));
}

const topic = ({ checks }: ProofReport, wanted: ProofCheck["topic"]): ProofCheck[] =>
  checks.filter((check) => check.topic === wanted);

const statuses = (checks: readonly ProofCheck[]): string[] => checks.map(({ status }) => status);

/** A pair of tables with every kind of constraint, to plant defects in. */
const SOUND = sections(
  `CREATE TABLE parents (
  id INTEGER PRIMARY KEY,
  code TEXT NOT NULL UNIQUE CHECK (length(code) = 8),
  kind TEXT NOT NULL CHECK (kind IN ('big', 'small'))
);
CREATE TABLE children (
  id INTEGER PRIMARY KEY,
  parent_code TEXT NOT NULL REFERENCES parents (code),
  hour INTEGER NOT NULL CHECK (hour BETWEEN 100000000000 AND 253402300799999 AND hour % 3600000 = 0),
  note TEXT CHECK (note IS NULL OR json_valid(note))
) STRICT;
INSERT INTO parents (id, code, kind) VALUES (1, 'abcdefgh', 'big');`,
  "DROP TABLE children;\nDROP TABLE parents;",
);

describe("proveMigrations() on sound migrations", () => {
  it("proves the product's own, whatever the seed", async () => {
    // The command itself is run with another seed below; the long form has both ends.
    for (const seed of FAULT_ROUNDS > 1 ? [0, 0xffff_ffff] : [0xffff_ffff]) {
      const report = await proveMigrations({
        source: ownMigrations(),
        scratch: tmpdir(),
        seed,
        rows: 20,
        maxKillPoints: 20,
        ...(FAULT_ROUNDS > 1 ? { maxPairSteps: null } : {}),
      });
      expect(failures(report)).toEqual([]);
      const open = report.checks.filter(({ status }) => status === "not-tested");
      const sampled = FAULT_ROUNDS > 1 ? [] : (["pairs-empty", "pairs-filled"] as const);
      expect(open.map((check) => check.topic)).toEqual([
        ...sampled,
        "concurrent-starts",
        "kill-points",
      ]);
    }
  });

  it("finds every constraint of a table and sees each violation refused", async () => {
    const report = await prove({ "001_sound.sql": SOUND });
    expect(failures(report)).toEqual([]);
    expect(topic(report, "constraints").map(({ table, observed }) => [table, observed])).toEqual([
      ["parents", "6 of 6 violated and refused"],
      ["children", "5 of 5 violated and refused"],
    ]);
    expect(topic(report, "foreign-keys").map(({ table, observed }) => [table, observed])).toEqual([
      ["children", "1 of 1 violated and refused"],
    ]);
    expect(topic(report, "defaults").map(({ table, status }) => [table, status])).toEqual([
      ["parents", "passed"],
    ]);
  });

  it("copes with awkward tables: trees, cycles, singletons, partial and expression indexes, patterns", async () => {
    const report = await prove({
      "001_awkward.sql": sections(
        `CREATE TABLE tree (tenant INTEGER NOT NULL, id INTEGER NOT NULL, up INTEGER NOT NULL,
  PRIMARY KEY (tenant, id), FOREIGN KEY (tenant, up) REFERENCES tree (tenant, id)) WITHOUT ROWID;
CREATE TABLE hen (id INTEGER PRIMARY KEY, egg INTEGER NOT NULL REFERENCES egg (id) DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE egg (id INTEGER PRIMARY KEY, hen INTEGER REFERENCES hen (id));
CREATE TABLE singleton (id INTEGER PRIMARY KEY CHECK (id = 1), name TEXT NOT NULL);
INSERT INTO singleton VALUES (1, 'only');
CREATE TABLE patterns (
  day TEXT NOT NULL CHECK (day GLOB '[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]'),
  mail TEXT NOT NULL CHECK (mail LIKE '%_@_%._%'),
  digest BLOB NOT NULL CHECK (length(digest) = 32),
  low INTEGER, high INTEGER, CHECK (low < high)
) STRICT;
CREATE UNIQUE INDEX patterns_mail ON patterns (lower(mail));
CREATE UNIQUE INDEX patterns_low ON patterns (low) WHERE high > 10;
CREATE TABLE "od d ""one" ("co l" TEXT NOT NULL, "a,b" INTEGER REFERENCES singleton, UNIQUE ("co l", "a,b"));
CREATE TABLE computed (id INTEGER PRIMARY KEY, twice INTEGER GENERATED ALWAYS AS (id * 2) STORED);`,
        `DROP TABLE computed; DROP TABLE "od d ""one"; DROP TABLE patterns; DROP TABLE singleton;
DROP TABLE egg; DROP TABLE hen; DROP TABLE tree;`,
      ),
    });
    expect(failures(report)).toEqual([]);
    expect(report.counts).toEqual({ passed: expect.any(Number), failed: 0, notTested: 2 });
  });

  it("reports migrations without a down as forward only, and fails nothing for it", async () => {
    const report = await prove({
      "001_forward.sql": "CREATE TABLE a (x INTEGER NOT NULL);",
      "002_back.sql": sections("CREATE TABLE b (x);", "DROP TABLE b;"),
    });
    expect(report.isProved).toBe(true);
    const forward = report.checks.filter(({ observed }) => observed.includes("forward only"));
    expect(forward.map((check) => [check.topic, check.status, check.version])).toEqual([
      ["rollback", "not-tested", 1],
      ["round-trip-empty", "not-tested", 1],
      ["round-trip-filled", "not-tested", 1],
    ]);
    expect(statuses(topic(report, "rollback"))).toEqual(["passed", "not-tested"]);
  });

  it("proves migrations registered in code", async () => {
    const source = registeredSource([
      {
        version: 1,
        name: "a",
        up: (db) => db.exec("CREATE TABLE a (x INTEGER NOT NULL)"),
        down: (db) => db.exec("DROP TABLE a"),
      },
    ]);
    const report = await proveMigrations({ source, scratch: tmpdir(), seed: SEED });
    expect(failures(report)).toEqual([]);
    expect(statuses(topic(report, "round-trip-filled"))).toEqual(["passed"]);
  });

  it("makes the same report again from the same seed", async () => {
    const volatileFree = async (): Promise<unknown> =>
      (await prove({ "001_sound.sql": SOUND })).checks.map((check) => ({ ...check, position: 0 }));
    expect(await volatileFree()).toEqual(await volatileFree());
  });
});

describe("proveMigrations() on a planted defect", () => {
  const DEFECTS: readonly (readonly [string, Readonly<Record<string, string>>, object])[] = [
    [
      "a down that leaves a table",
      { "002_x.sql": sections("CREATE TABLE a (x);\nCREATE TABLE b (x);", "DROP TABLE a;") },
      {
        topic: "round-trip-empty",
        version: 2,
        table: "b",
        line: 3,
        observed: "the down leaves table b behind",
      },
    ],
    [
      "a down that leaves an index",
      { "002_x.sql": sections("CREATE INDEX i ON parents (kind);", "SELECT 1;") },
      {
        topic: "round-trip-empty",
        version: 2,
        table: null,
        line: 2,
        observed: "the down leaves index i behind",
      },
    ],
    [
      "a down that does not run",
      { "002_x.sql": sections("CREATE TABLE a (x);", "DROP TABLE a;\nDROP TABLE zzz;") },
      {
        topic: "round-trip-empty",
        version: 2,
        table: null,
        line: 6,
        observed: "no such table: zzz",
      },
    ],
    [
      "a down that renames what it should leave alone",
      {
        "002_x.sql": sections(
          "CREATE TABLE a (x INTEGER NOT NULL);",
          "DROP TABLE a;\nALTER TABLE parents RENAME COLUMN kind TO sort;",
        ),
      },
      {
        topic: "round-trip-empty",
        version: 2,
        table: "parents",
        line: 5,
        observed: expect.stringContaining("table parents lost: column kind"),
      },
    ],
    [
      "ADD COLUMN NOT NULL without a default",
      {
        "002_x.sql": sections(
          "ALTER TABLE parents ADD COLUMN age INTEGER NOT NULL;",
          "ALTER TABLE parents DROP COLUMN age;",
        ),
        "001_sound.sql": SOUND.replace(/INSERT.*;/, ""),
      },
      {
        topic: "round-trip-filled",
        version: 2,
        table: null,
        line: 2,
        observed: "Cannot add a NOT NULL column with default value NULL",
      },
    ],
    [
      "a unique index over rows that are not unique",
      { "002_x.sql": sections("CREATE UNIQUE INDEX i ON parents (kind);", "DROP INDEX i;") },
      {
        topic: "round-trip-filled",
        version: 2,
        table: null,
        line: 2,
        observed: "UNIQUE constraint failed: parents.kind",
      },
    ],
    [
      "a rebuild that forgets to copy the rows",
      {
        "002_x.sql": sections(
          `CREATE TABLE new (id INTEGER PRIMARY KEY, parent_code TEXT NOT NULL REFERENCES parents (code),
  hour INTEGER NOT NULL CHECK (hour BETWEEN 100000000000 AND 253402300799999 AND hour % 3600000 = 0),
  note TEXT CHECK (note IS NULL OR json_valid(note))) STRICT;
DROP TABLE children;
ALTER TABLE new RENAME TO children;`,
          "SELECT 1;",
        ),
      },
      {
        topic: "round-trip-filled",
        version: 2,
        table: "children",
        line: 2,
        observed: "its up loses all 5 rows of children",
      },
    ],
    [
      "a down that forgets the row that its up inserted",
      {
        "002_x.sql": sections(
          "INSERT INTO parents (code, kind) VALUES (substr(hex(randomblob(4)), 1, 8), 'big');",
          "SELECT 1;",
        ),
      },
      {
        topic: "defaults",
        version: 2,
        table: "parents",
        line: 5,
        observed: "parents: 2 row(s) after a fresh up, 3 after down and up again",
      },
    ],
    [
      "a foreign key to a column that is not unique",
      {
        "002_x.sql": sections(
          "CREATE TABLE c (k TEXT NOT NULL REFERENCES parents (kind));",
          "DROP TABLE c;",
        ),
      },
      {
        topic: "fresh",
        version: 2,
        table: null,
        line: 2,
        observed: expect.stringContaining("foreign key mismatch"),
      },
    ],
    [
      "a foreign key to a table that does not exist",
      {
        "002_x.sql": sections("CREATE TABLE c (k TEXT REFERENCES nowhere (id));", "DROP TABLE c;"),
      },
      {
        topic: "foreign-keys",
        version: 2,
        table: "c",
        line: 2,
        observed: "nowhere does not exist",
      },
    ],
    [
      "a statement that fails",
      { "002_x.sql": "CREATE TABLE a (x);\nINSERT INTO a VALUES (1), (oops);" },
      { topic: "fresh", version: 2, table: null, line: 2, observed: "no such column: oops" },
    ],
    [
      "a COMMIT inside",
      { "002_x.sql": "CREATE TABLE a (x);\nCOMMIT;" },
      {
        topic: "files",
        version: null,
        table: null,
        line: 2,
        observed: expect.stringContaining("it says COMMIT"),
      },
    ],
    [
      "a trigger that undoes a constraint",
      {
        "002_x.sql": sections(
          `CREATE TABLE a (x INTEGER, y INTEGER NOT NULL ON CONFLICT REPLACE DEFAULT 1, k TEXT NOT NULL UNIQUE);
CREATE TRIGGER t BEFORE INSERT ON a BEGIN DELETE FROM a WHERE k = NEW.k; END;
CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER REFERENCES parents (id));
CREATE TRIGGER u BEFORE INSERT ON b WHEN NEW.a IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM parents WHERE id = NEW.a)
BEGIN INSERT INTO parents (id, code, kind) VALUES (NEW.a, printf('%08d', abs(NEW.a) % 100000000), 'big'); END;`,
          "DROP TABLE b;\nDROP TABLE a;",
        ),
      },
      {
        topic: "foreign-keys",
        version: 2,
        table: "b",
        line: 4,
        observed: "FOREIGN KEY (a) to parents let a violation in",
      },
    ],
  ];

  it.each(DEFECTS)("names %s with its version and line", async (_, files, finding) => {
    const report = await prove({ "001_sound.sql": SOUND, ...files }, { rows: 5 });
    expect(report.isProved).toBe(false);
    expect(failures(report)).toContainEqual(finding);
    for (const { remedy } of report.checks.filter(({ status }) => status === "failed"))
      expect(remedy).toMatch(/\.$/);
  });

  it("finds nothing wrong in the table in which the defects were planted", async () => {
    expect(failures(await prove({ "001_sound.sql": SOUND }))).toEqual([]);
  });

  it("calls a table that no row fits not tested, never passed", async () => {
    const report = await prove({
      "001_x.sql": sections(
        "CREATE TABLE never (x INTEGER NOT NULL CHECK (x > 5 AND x < 3));",
        "DROP TABLE never;",
      ),
    });
    expect(report.isProved).toBe(true);
    expect(topic(report, "constraints")).toMatchObject([
      { status: "not-tested", table: "never", version: 1, position: { line: 2 } },
    ]);
  });

  it("leaves everything open that depends on a migration that fails", async () => {
    const report = await prove({ "001_x.sql": "CREATE TABLE;" });
    const rest = report.checks.filter(
      (check) => check.topic !== "files" && check.topic !== "fresh",
    );
    expect(new Set(statuses(rest))).toEqual(new Set(["not-tested"]));
    expect(report.counts).toEqual({ passed: 1, failed: 1, notTested: rest.length });
  });

  it("fails an empty directory: there is nothing to prove", async () => {
    expect(failures(await prove({ "notes.txt": "nothing" }))).toMatchObject([{ topic: "files" }]);
  });

  it("mentions a primary key that lets NULL in, without failing", async () => {
    const report = await prove({
      "001_x.sql": sections("CREATE TABLE a (id TEXT PRIMARY KEY);", "DROP TABLE a;"),
    });
    expect(report.isProved).toBe(true);
    expect(topic(report, "constraints").map(({ observed }) => observed)).toContain(
      "PRIMARY KEY (id) lets NULL in",
    );
  });

  it("fails concurrent starts when a started program fails, or does not do the work", async () => {
    const starts = async (code: string): Promise<unknown[]> =>
      failures(
        await prove(
          { "001_x.sql": sections("CREATE TABLE a (x);", "DROP TABLE a;") },
          { starter: () => [process.execPath, "-e", code] },
        ),
      );
    expect(await starts("console.error('no lock'); process.exit(4)")).toContainEqual(
      expect.objectContaining({
        topic: "concurrent-starts",
        observed: "a process exited with 4: no lock",
      }),
    );
    expect(await starts("console.log(JSON.stringify({ steps: [{ version: 1 }] }))")).toEqual([
      expect.objectContaining({
        topic: "concurrent-starts",
        observed: "the processes applied 1, 1, 1, 1, 1, 1, 1, 1, expected each version once",
      }),
    ]);
  });

  it("stops with CANCELLED when it is told to, and leaves no file behind", async () => {
    using folder = tempFolder();
    const error = await errorOfAsync(
      proveMigrations({
        source: ownMigrations(),
        scratch: folder.path,
        seed: SEED,
        signal: AbortSignal.abort(),
      }),
    );
    expect(error.code).toBe("CANCELLED");
    expect(readdirSync(folder.path)).toEqual([]);
  });

  it("hears a cancellation in the middle of a topic", async () => {
    using folder = tempFolder();
    const controller = new AbortController();
    const topics: string[] = [];
    const error = await errorOfAsync(
      proveMigrations({
        source: ownMigrations(),
        scratch: folder.path,
        seed: SEED,
        signal: controller.signal,
        onEvent: (event) => {
          topics.push(`${event.type} ${event.topic}`);
          if (event.topic === "round-trip-empty") setTimeout(() => controller.abort(), 0);
        },
      }),
    );
    expect(error.code).toBe("CANCELLED");
    expect(topics.at(-1)).toBe("topic-started round-trip-empty");
    expect(readdirSync(folder.path)).toEqual([]);
  });
});

describe("proveMigrations() on rows that meet several versions, and on rebuilds", () => {
  const TABLE = `CREATE TABLE a (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  n INTEGER NOT NULL CHECK (n > 0),
  p INTEGER REFERENCES b (id),
  t TEXT
) STRICT;`;
  const BASE = sections(
    `CREATE TABLE b (id INTEGER PRIMARY KEY);
${TABLE}
CREATE INDEX a_n ON a (n);
CREATE TRIGGER a_guard BEFORE UPDATE ON a BEGIN SELECT 1; END;`,
    "DROP TABLE a;\nDROP TABLE b;",
  );
  const DEPENDENTS = `CREATE INDEX a_n ON a (n);
CREATE TRIGGER a_guard BEFORE UPDATE ON a BEGIN SELECT 1; END;`;
  const SEQUENCE = `UPDATE sqlite_sequence SET seq = (SELECT seq FROM sqlite_sequence WHERE name = 'a') WHERE name = 'new';`;

  /** The rebuild of `a` with another definition, and the one that puts it back. */
  function rebuild(
    definition: string,
    { copy = "SELECT * FROM a", dependents = DEPENDENTS, sequence = SEQUENCE } = {},
  ): string {
    const there = (sql: string, select: string): string => `${sql.replace("TABLE a", "TABLE new")}
INSERT INTO new ${select};
${sequence}
DROP TABLE a;
ALTER TABLE new RENAME TO a;`;
    return sections(
      `${there(definition, copy)}\n${dependents}`,
      `${there(TABLE, "SELECT id, n, p, t FROM a")}\n${DEPENDENTS}`,
    );
  }

  const FAULTS: readonly (readonly [string, Readonly<Record<string, string>>, object])[] = [
    [
      "a trigger lost in a rebuild",
      { "002_x.sql": rebuild(TABLE, { dependents: "CREATE INDEX a_n ON a (n);" }) },
      {
        topic: "round-trip-empty",
        status: "failed",
        observed: "the rebuild of a takes trigger a_guard with it",
        line: 11,
      },
    ],
    [
      "an index lost in a rebuild",
      { "002_x.sql": rebuild(TABLE, { dependents: DEPENDENTS.replace(/^.*;/, "") }) },
      {
        topic: "round-trip-empty",
        status: "failed",
        observed: "the rebuild of a takes index a_n with it",
        line: 11,
      },
    ],
    [
      "a CHECK lost in a rebuild",
      { "002_x.sql": rebuild(TABLE.replace(" CHECK (n > 0)", "")) },
      {
        topic: "round-trip-empty",
        status: "not-tested",
        observed: "a loses CHECK ( n > 0 ): whether it was forgotten cannot be told",
        line: 11,
      },
    ],
    [
      "a foreign key lost in a rebuild",
      { "002_x.sql": rebuild(TABLE.replace(" REFERENCES b (id)", "")) },
      {
        topic: "round-trip-empty",
        status: "not-tested",
        observed: "a loses FOREIGN KEY (p) to b: whether it was forgotten cannot be told",
        line: 11,
      },
    ],
    [
      "STRICT lost in a rebuild",
      { "002_x.sql": rebuild(TABLE.replace(" STRICT", "")) },
      {
        topic: "round-trip-empty",
        status: "not-tested",
        observed: "a loses STRICT: whether it was forgotten cannot be told",
        line: 11,
      },
    ],
    [
      "AUTOINCREMENT lost in a rebuild",
      { "002_x.sql": rebuild(TABLE.replace(" AUTOINCREMENT", ""), { sequence: "" }) },
      {
        topic: "round-trip-empty",
        status: "not-tested",
        observed: "a loses AUTOINCREMENT: whether it was forgotten cannot be told",
        line: 11,
      },
    ],
    [
      "the count of ids lost in a rebuild",
      { "002_x.sql": rebuild(TABLE, { sequence: "" }) },
      {
        topic: "round-trip-filled",
        status: "failed",
        observed:
          "its up starts the AUTOINCREMENT ids of a anew: those of deleted rows are given out again",
        line: 11,
      },
    ],
    [
      "a rebuild that copies only some rows",
      { "002_x.sql": rebuild(TABLE, { copy: "SELECT * FROM a WHERE t IS NOT NULL" }) },
      {
        topic: "pairs-filled",
        status: "failed",
        observed: expect.stringMatching(
          /^version 001 to 002 and back loses \d+ row\(s\) of a, such as \d+/,
        ),
        line: 8,
      },
    ],
    [
      "a rebuild that copies a column wrongly",
      { "002_x.sql": rebuild(TABLE, { copy: "SELECT id, n, p, trim(t) || '!' FROM a" }) },
      {
        topic: "pairs-filled",
        status: "failed",
        observed: expect.stringMatching(
          /^version 001 to 002 and back changes t in \d+ row\(s\) of a/,
        ),
        line: 8,
      },
    ],
    [
      "a down that brings a column back with another default",
      {
        "002_x.sql": sections(
          "ALTER TABLE a DROP COLUMN t;",
          "ALTER TABLE a ADD COLUMN t TEXT DEFAULT '';",
        ),
      },
      {
        topic: "round-trip-empty",
        status: "failed",
        observed: expect.stringContaining("DEFAULT ''"),
        line: 5,
      },
    ],
    [
      "a function that cannot be run twice",
      {
        "002_x.ts": `export function up(db) { db.exec("CREATE TABLE log (x)"); db.exec("CREATE TABLE more (x)"); }
export function down(db) { db.exec("DROP TABLE more"); }`,
      },
      {
        topic: "round-trip-empty",
        status: "failed",
        observed: "the down leaves table log behind",
        line: null,
      },
    ],
    [
      "rows of an earlier version that a later one cannot take",
      {
        "002_x.sql": sections(
          "ALTER TABLE a ADD COLUMN late TEXT;",
          "ALTER TABLE a DROP COLUMN late;",
        ),
        "003_x.sql": sections("UPDATE a SET late = 'x' WHERE id < 3;\nSELECT 1;", "SELECT 1;"),
        "004_x.sql": sections(
          "CREATE TABLE c (late TEXT NOT NULL);\nINSERT INTO c SELECT late FROM a WHERE id > 1000;",
          "DROP TABLE c;",
        ),
      },
      // Rows of version 4 itself are fine: the filler gives them ids of its own.
      {
        topic: "pairs-filled",
        status: "passed",
        observed: expect.stringContaining("pairs of versions"),
        line: null,
      },
    ],
  ];

  it.each(FAULTS)("names %s with its place", async (_, files, finding) => {
    const report = await prove({ "001_base.sql": BASE, ...files }, { rows: 6 });
    const checks = report.checks.map((check) => ({
      topic: check.topic,
      status: check.status,
      observed: check.observed,
      line: check.position?.line ?? null,
    }));
    expect(checks).toContainEqual(finding as never);
  });

  it("finds nothing in a rebuild that forgets nothing", async () => {
    const report = await prove({ "001_base.sql": BASE, "002_x.sql": rebuild(TABLE) }, { rows: 6 });
    expect(failures(report)).toEqual([]);
    expect(topic(report, "pairs-filled").map(({ observed }) => observed)).toEqual([
      "6 of 6 pairs of versions",
    ]);
  });

  it("takes a statement that says so for a decision", async () => {
    const report = await prove(
      {
        "001_base.sql": BASE,
        "002_x.sql": rebuild(TABLE, { dependents: "CREATE INDEX a_n ON a (n);" }).replace(
          "-- migrate:up",
          "-- migrate:up\nDROP TRIGGER a_guard;\nDELETE FROM a WHERE n > 5;",
        ),
      },
      { rows: 6 },
    );
    expect(failures(report)).toEqual([]);
  });

  it("goes between as many pairs as it has steps for, and says how many it left out", async () => {
    const files = Object.fromEntries(
      Array.from({ length: 8 }, (_, index) => [
        `00${index + 1}_x.sql`,
        sections(`CREATE TABLE t${index} (x);`, `DROP TABLE t${index};`),
      ]),
    );
    const observed = async (maxPairSteps: number | null): Promise<string[]> =>
      topic(await prove(files, { maxPairSteps, rows: 1 }), "pairs-empty").map(
        (check) => check.observed,
      );
    expect(await observed(20)).toEqual([
      expect.stringMatching(/^\d of 72 pairs of versions$/),
      expect.stringMatching(/^6\d of 72 pairs were left out: .* until they had taken 20 steps$/),
    ]);
    expect(await observed(null)).toEqual(["72 of 72 pairs of versions"]);
  });

  it("goes down only where every version on the way has a down", async () => {
    const report = await prove({
      "001_a.sql": sections("CREATE TABLE a (x);", "DROP TABLE a;"),
      "002_b.sql": "CREATE TABLE b (x);",
      "003_c.sql": sections("CREATE TABLE c (x);", "DROP TABLE c;"),
    });
    // Six up; down from 1 to 0 and from 3 to 2.
    expect(topic(report, "pairs-empty").map(({ observed }) => observed)).toEqual([
      "8 of 8 pairs of versions",
    ]);
  });

  it("names a CHECK that refuses nothing", async () => {
    const report = await prove({
      "001_x.sql": sections(
        "CREATE TABLE a (x INTEGER CHECK (x > 0 OR x IS NULL OR 1), y TEXT CHECK (y IN ('a', 'b')));",
        "DROP TABLE a;",
      ),
    });
    expect(topic(report, "constraints")).toMatchObject([
      { status: "passed", observed: "1 of 2 violated and refused" },
      {
        status: "not-tested",
        observed: expect.stringContaining("CHECK (x > 0 OR x IS NULL OR 1): no value"),
        position: { line: 2 },
      },
    ]);
  });
});

describe("a step that is cut off", () => {
  const FILES = {
    "001_x.sql": sections("CREATE TABLE a (x);\nINSERT INTO a VALUES (1);", "DROP TABLE a;"),
    "002_x.ts": `export function up(db) { db.exec("CREATE TABLE b (y)"); db.run("INSERT INTO b VALUES (?)", 1); }
export function down(db) { db.exec("DROP TABLE b"); }`,
  };

  it("leaves a whole version at every statement, functions included, without a program to kill", async () => {
    const report = await prove(FILES, { maxKillPoints: 500, rows: 3 });
    const [check, ...others] = topic(report, "kill-points");
    expect(others).toEqual([]);
    expect(check?.status).toBe("passed");
    const count = Number(/cut off before (\d+) statements/.exec(check?.observed ?? "")?.[1]);
    expect(count).toBeGreaterThan(24);
    const some = topic(await prove(FILES, { maxKillPoints: 5, rows: 3 }), "kill-points");
    expect(some.map(({ observed }) => observed)).toEqual([
      expect.stringContaining("cut off before 5 statements"),
      expect.stringContaining(`${count - 5} of ${count} statements were left out`),
    ]);
  });

  it.each([
    ["adds a table", "db.run('CREATE TABLE junk (x)')", "): table junk is new"],
    ["loses a row", "db.run('DELETE FROM a')", "a has 3 row(s) less"],
    ["is not killed but fails", "process.exit(7)", "the process exited with 7"],
  ])("is found out when the process %s", async (_, code, observed) => {
    using folder = tempFolder();
    await Bun.write(
      folder.at("bad.ts"),
      `import { Database } from "bun:sqlite";
const db = new Database(process.argv[2]);
${code};
process.kill(process.pid, "SIGKILL");`,
    );
    const report = await prove(
      {
        "001_x.sql": sections("CREATE TABLE a (x);", "DROP TABLE a;"),
        "002_x.sql": sections("CREATE TABLE b (x);", "DROP TABLE b;"),
      },
      {
        maxKillPoints: 6,
        rows: 3,
        crasher: ({ databasePath }) => [process.execPath, folder.at("bad.ts"), databasePath],
      },
    );
    // The statements that are chosen may belong to a version that has no table yet.
    const found = topic(report, "kill-points").map((check) => check.observed);
    expect(found.filter((text) => text.includes(observed))).not.toEqual([]);
  });
});

describe("bun scripts/test-migrations.ts", () => {
  const run = (...argv: string[]): ReturnType<typeof spawnCli> =>
    spawnCli(argv, { program: "scripts/test-migrations.ts" });

  it("proves the product's own migrations on one screen", async () => {
    const { stdout, stderr, exitCode } = await run("--seed", "7");
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    const lines = stdout.trimEnd().split("\n");
    // A sample of the pairs of versions and of the statements to be cut off at; the flags that take all are named.
    expect(lines.at(-1)).toMatch(
      /^Proved: \d+ checks passed, 3 not tested\. \d+ migration\(s\), 20 rows a table, seed 7\.$/,
    );
    for (const line of lines.slice(0, -1))
      expect(line).toMatch(/^(?:✓ |– | {4}– directory| {6}Pass `--)/);
    expect(stdout).not.toContain("✗");
    expect(lines.length).toBeLessThan(30);
    expect(stdout).toContain("✓ concurrent starts");
  });

  it("is `usagedb migrate test`", async () => {
    using folder = tempFolder();
    const dir = writeMigrations(folder.at("m"), {
      "001_x.sql": sections("CREATE TABLE a (x);", "DROP TABLE a;"),
    });
    const args = ["--dir", dir, "--seed", "7"];
    const result = await run(...args);
    expect(result).toMatchObject({ stderr: "", exitCode: 0 });
    expect(await spawnCli(["migrate", "test", ...args])).toEqual(result);
    expect(await spawnCli(["migrate", "--help"])).toMatchObject({
      stdout: expect.not.stringContaining("test-crash"),
    });
  });

  it("exits 1, marks what is wrong and shows its line and the way out", async () => {
    using folder = tempFolder();
    const dir = writeMigrations(folder.at("m"), {
      "001_x.sql": sections("CREATE TABLE a (x);\nCREATE TABLE b (x);", "DROP TABLE a;"),
    });
    const { stdout, exitCode } = await run("--dir", dir);
    expect(exitCode).toBe(1);
    expect(stdout).toContain(
      `    ✗ ${dir}/001_x.sql:3:14  the down leaves table b behind\n      | CREATE TABLE b (x);\n      Add \`DROP TABLE b\` to the down.\n`,
    );
    expect(stdout).toContain("✗ up, down, up on empty tables   1 version failed");
    expect(stdout).toMatch(/\nNot proved: \d+ of \d+ checks failed/);
  });

  it("prints the report as JSON and nothing else with --json", async () => {
    using folder = tempFolder();
    const dir = writeMigrations(folder.at("m"), { "001_x.sql": "CREATE TABLE a (x);" });
    const { stdout, stderr, exitCode } = await run("--json", "--dir", dir, "--seed", "3");
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    const report = JSON.parse(stdout) as ProofReport;
    expect(report).toMatchObject({ isProved: true, source: dir, versions: [1], rows: 20, seed: 3 });
    expect(topic(report, "concurrent-starts")).toMatchObject([{ status: "passed" }]);
  });

  it("with --torture kills at every statement, and as often as it says at random moments", async () => {
    using folder = tempFolder();
    const dir = writeMigrations(folder.at("m"), {
      "001_x.sql": sections("CREATE TABLE a (x);\nINSERT INTO a VALUES (1), (2);", "DROP TABLE a;"),
    });
    const { stdout, exitCode } = await run("--torture", "5", "--rows", "3", "--dir", dir);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^✓ kills during up +\d interrupted, leaving [\d, ]+ whole version/m);
    const [, points, kills] =
      /cut off before (\d+) statements, (\d+) by killing/.exec(stdout) ?? [];
    expect(points).toBe(kills as string);
    expect(Number(points)).toBeGreaterThan(12);
  });

  it.each([
    [["--rowz", "3"], "--rowz is not a flag of it, expected --rows"],
    [["--rows"], "--rows has no value, expected --rows N"],
    [["--rows", "0"], 'Cannot use --rows: it is "0", expected a whole number from 1 to 10000'],
    [["--rows", "1e3"], 'Cannot use --rows: it is "1e3"'],
    [["--seed", "-1"], 'Cannot use --seed: it is "-1"'],
    [["--seed", "4294967296"], 'Cannot use --seed: it is "4294967296"'],
    [["--torture", "many"], 'Cannot use --torture: it is "many"'],
    [["extra"], 'the argument "extra" is one too many, expected none'],
  ])("exits 2 for %p", async (argv, message) => {
    const { stdout, stderr, exitCode } = await run(...argv);
    expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 2 });
    expect(stderr).toContain(message);
  });

  it("exits 1 for a directory that is not there, and makes none", async () => {
    using folder = tempFolder();
    const { stdout, stderr, exitCode } = await run("--dir", folder.at("no"));
    expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 1 });
    expect(stderr).toContain("code: MIGRATIONS_NOT_FOUND");
    expect(existsSync(folder.at("no"))).toBe(false);
  });
});
