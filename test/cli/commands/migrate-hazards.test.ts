import { readdirSync } from "node:fs";
import { Database } from "bun:sqlite";
import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { sections, writeMigrations } from "../../support/migration-directory.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { type CliResult, spawnCli, spawnMigrate } from "../spawn-cli.ts";

setDefaultTimeout(60_000);

const FAMILY = sections(
  `CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER NOT NULL REFERENCES parent (id) ON DELETE CASCADE);`,
  "DROP TABLE child;\nDROP TABLE parent;",
);
const ROWS = `INSERT INTO parent VALUES (1, 'a'), (2, NULL);
INSERT INTO child VALUES (1, 1), (2, 1), (3, 2)`;

interface Bench extends Disposable {
  run(...argv: string[]): Promise<CliResult>;
  restore(backup: string): Promise<CliResult>;
  /** SHA-256 over every row of a table; `none` when there is no such table. */
  hash(table: string): string;
  backups(): string[];
  execute(sql: string): void;
}

/** The family at version 1, filled, with more migrations pending. */
async function bench(pending: Readonly<Record<string, string>>): Promise<Bench> {
  const folder = tempFolder();
  const db = folder.at("x.db");
  const dir = writeMigrations(folder.at("m"), { "001_family.sql": FAMILY });
  const run = (...argv: string[]): Promise<CliResult> =>
    spawnMigrate([...argv, "--db", db, "--dir", dir]);
  expect((await run("up")).exitCode).toBe(0);
  using database = new Database(db, { readwrite: true });
  database.run(ROWS);
  writeMigrations(dir, pending);
  return {
    run,
    restore: (backup) => spawnCli(["restore", backup, "--db", db, "--yes"]),
    hash: (table) => {
      using reader = new Database(db, { readonly: true });
      try {
        const rows = reader.query(`SELECT * FROM ${table} ORDER BY 1`).values();
        return new Bun.CryptoHasher("sha256").update(JSON.stringify(rows)).digest("hex");
      } catch {
        return "none";
      }
    },
    execute: (sql) => {
      using writer = new Database(db, { readwrite: true });
      writer.run(sql);
    },
    backups: () => readdirSync(folder.path).filter((name) => name.endsWith(".backup")),
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

describe("migrate up on a dropped parent", () => {
  const DROP = { "002_drop.sql": "-- migrate:up\n\nDROP TABLE parent;\n" };

  it("is foretold by plan, with the child, its rows and the line, as SQL comments and as data", async () => {
    using work = await bench(DROP);
    const { stdout } = await work.run("plan");
    expect(stdout).toMatch(
      /^-- HAZARD DROPS_TABLE .*002_drop\.sql:3: drops parent with 2 row\(s\)$/m,
    );
    expect(stdout).toMatch(/^-- HAZARD CASCADES .*002_drop\.sql:3: takes rows of child .* all 3$/m);
    expect(stdout).toMatch(/^-- table child: 3 row\(s\), [\d.]+ kB; reached by a foreign key$/m);
    expect(stdout).toEndWith("DROP TABLE parent;\n\n");
    const [step] = JSON.parse((await work.run("plan", "--json")).stdout);
    expect(step.hazards).toMatchObject([
      { kind: "DROPS_TABLE", table: "parent", rowCount: 2, line: 3, losesData: true },
      { kind: "CASCADES", table: "child", rowCount: 3, line: 3, losesData: true },
      { kind: "IRREVERSIBLE", losesData: false },
    ]);
    expect(step.tables).toMatchObject([
      { name: "child", rowCount: 3 },
      { name: "parent", rowCount: 2 },
    ]);
  });

  it("is refused, then allowed after a backup that brings every row back", async () => {
    using work = await bench(DROP);
    const before = ["parent", "child"].map(work.hash);
    const refused = await work.run("up");
    expect({ exitCode: refused.exitCode, stdout: refused.stdout }).toEqual({
      exitCode: 1,
      stdout: "",
    });
    expect(refused.stderr).toContain("code: MIGRATION_HAZARD");
    expect(refused.stderr).toContain("CASCADES");
    expect(refused.stderr).toContain("way out:");
    expect([["parent", "child"].map(work.hash), work.backups()]).toEqual([before, []]);

    const allowed = await work.run("up", "--allow", "DELETES_DATA", "--json");
    expect(allowed.exitCode).toBe(0);
    const { backup } = JSON.parse(allowed.stdout);
    expect(backup).toMatch(/x\.db\.\d{8}T\d{9}Z-v1\.backup$/);
    expect(allowed.stderr).toContain(`backed up to ${backup}`);
    expect(work.hash("parent")).toBe("none");
    expect(work.hash("child")).not.toBe(before[1]);

    expect((await work.restore(backup)).exitCode).toBe(0);
    expect(["parent", "child"].map(work.hash)).toEqual(before);
  });

  it("makes no backup with --no-backup", async () => {
    using work = await bench(DROP);
    const result = await work.run("up", "--allow", "DELETES_DATA", "--no-backup", "--json");
    expect([result.exitCode, JSON.parse(result.stdout).backup, work.backups()]).toEqual([
      0,
      null,
      [],
    ]);
  });

  it("refuses a misspelt hazard", async () => {
    using work = await bench(DROP);
    const result = await work.run("up", "--allow", "DELETE_DATA");
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toContain("DELETES_DATA");
  });
});

describe("migrate up on a rebuild as drizzle emits it", () => {
  it("loses no child row and asks for nothing", async () => {
    using work = await bench({
      "002_rebuild.sql": `PRAGMA foreign_keys=OFF;--> statement-breakpoint
CREATE TABLE \`__new_parent\` (\`id\` integer PRIMARY KEY, \`name\` text);
--> statement-breakpoint
INSERT INTO \`__new_parent\`("id", "name") SELECT "id", "name" FROM \`parent\`;--> statement-breakpoint
DROP TABLE \`parent\`;--> statement-breakpoint
ALTER TABLE \`__new_parent\` RENAME TO \`parent\`;--> statement-breakpoint
PRAGMA foreign_keys=ON;
`,
    });
    const before = ["parent", "child"].map(work.hash);
    expect((await work.run("plan")).stdout).toContain("-- note REBUILDS");
    expect((await work.run("up")).exitCode).toBe(0);
    expect(["parent", "child"].map(work.hash)).toEqual(before);
    expect(work.backups()).toEqual([]);
  });
});

describe("migrate up on DDL that fails on rows", () => {
  const copied = (columns: string, kind = ""): string =>
    `CREATE TABLE n (${columns}) ${kind};INSERT INTO n SELECT id, name FROM parent;`;
  /** Each passes on an empty table, and fails on so many of the rows. */
  const FORMS: readonly (readonly [sql: string, rows: number])[] = [
    ["ALTER TABLE parent ADD COLUMN a TEXT NOT NULL", 2],
    ["ALTER TABLE parent ADD COLUMN b DEFAULT (abs(-1))", 2],
    ["ALTER TABLE parent ADD COLUMN c DEFAULT current_timestamp", 2],
    ["ALTER TABLE parent ADD COLUMN d GENERATED ALWAYS AS (id + 1) STORED", 2],
    ["ALTER TABLE parent ALTER COLUMN name SET NOT NULL", 1],
    ["ALTER TABLE child ADD CONSTRAINT few CHECK (id < 3)", 1],
    ["ALTER TABLE child ADD COLUMN e DEFAULT 2 CHECK (e >= id)", 1],
    ["CREATE UNIQUE INDEX i ON child (parent_id)", 2],
    [copied("id INTEGER PRIMARY KEY, name TEXT NOT NULL"), 1],
    [copied("id INTEGER PRIMARY KEY, name INTEGER", "STRICT"), 1],
    [copied("id INTEGER PRIMARY KEY REFERENCES grandparent (id), name"), 2],
  ];

  const files = {
    "002_fine.sql": sections("CREATE TABLE fine (a);", "DROP TABLE fine;"),
    "003_grandparent.sql": "CREATE TABLE grandparent (id INTEGER PRIMARY KEY);",
    ...Object.fromEntries(
      FORMS.map(([sql], i) => [`${i + 10}_form.sql`, `${sql.replace(/\bn\b/g, `n${i}`)};\n`]),
    ),
  };

  it("has nothing against any of them without rows", async () => {
    using work = await bench(files);
    work.execute("DELETE FROM child; DELETE FROM parent");
    expect((await work.run("up")).exitCode).toBe(0);
  });

  it("reports every form with its rows before it touches the database", async () => {
    using work = await bench(files);
    const { exitCode, stderr } = await work.run("up");
    expect(exitCode).toBe(1);
    const found = [
      ...stderr.matchAll(/HAZARD FAILS_ON_EXISTING_ROWS \S*\/(\S+):1: fails on (\d+) row/g),
    ];
    expect(found.map(([, file, rows]) => [file, Number(rows)])).toEqual(
      FORMS.map(([, rows], i) => [`${i + 10}_form.sql`, rows]),
    );
    expect(work.hash("fine")).toBe("none");
  });
});

describe("migrate on a section with migrate:touches", () => {
  it("refuses what goes beyond it, in plan and in up, with line, statement and table", async () => {
    using work = await bench({
      "002_limit.sql": `-- migrate:up
-- migrate:touches parent
UPDATE parent SET name = 'x';
DELETE FROM parent WHERE id = 2;
`,
    });
    const before = work.hash("parent");
    for (const command of ["plan", "up"]) {
      const { exitCode, stdout, stderr } = await work.run(command);
      expect([command, exitCode, stdout]).toEqual([command, 1, ""]);
      expect(stderr).toContain("code: MIGRATION_TOUCHES");
      expect(stderr).toMatch(/002_limit\.sql:4 `DELETE FROM parent WHERE id = 2`.* child /s);
    }
    expect(work.hash("parent")).toBe(before);
  });
});

describe("migrate rollback", () => {
  it("backs up what it takes away, and says where", async () => {
    using work = await bench({});
    const before = work.hash("child");
    const result = await work.run("rollback", "0", "--json");
    const { backup } = JSON.parse(result.stdout);
    expect([result.exitCode, work.backups().length, work.hash("child")]).toEqual([0, 1, "none"]);
    expect((await work.restore(backup)).exitCode).toBe(0);
    expect(work.hash("child")).toBe(before);
  });
});

describe("migrate redo", () => {
  it("backs up what its rollback takes away", async () => {
    using work = await bench({});
    const result = await work.run("redo", "--json");
    expect([result.exitCode, work.backups().length]).toEqual([0, 1]);
    expect(JSON.parse(result.stdout).backup).toEndWith(work.backups()[0] ?? "?");
  });
});

describe("migrate plan on the time", () => {
  it("names it by step, and nothing for what it can't tell", async () => {
    using work = await bench({
      "002_add.sql": "ALTER TABLE child ADD COLUMN z;\n",
      "003_write.sql": "UPDATE child SET z = 1;\n",
      "004_module.ts": "export const up = () => {};\n",
    });
    const { stdout } = await work.run("plan");
    const times = stdout.split("\n").filter((line) => line.startsWith("-- time: "));
    expect(times).toEqual([
      "-- time: at once",
      expect.stringMatching(/^-- time: about [\d.]+ ms, as tried on all 3 row\(s\)$/),
    ]);
    const steps = JSON.parse((await work.run("plan", "--json")).stdout);
    expect(steps.map((step: { estimate: unknown }) => step.estimate)).toMatchObject([
      { rows: 0 },
      { rows: 3, triedRows: 3 },
      null as never,
    ]);
  });
});

describe("migrate plan on the product's own migrations", () => {
  it("analyses them as well, which up on the hot path does not", async () => {
    using folder = tempFolder();
    const db = folder.at("own.db");
    expect((await spawnMigrate(["up", "--to", "1", "--db", db])).exitCode).toBe(0);
    const { stdout } = await spawnMigrate(["plan", "--json", "--db", db]);
    const steps = JSON.parse(stdout) as { hazards?: unknown; statements?: unknown[] }[];
    expect(steps.length).toBeGreaterThan(1);
    for (const { hazards, statements } of steps) {
      expect(hazards).toEqual([]);
      expect(statements?.length).toBeGreaterThan(0);
    }
  });
});

describe("migrate plan on a function", () => {
  it("says that it is not proved safe, and what it did to an empty copy", async () => {
    using work = await bench({
      "002_module.ts": 'export const up = (db) => db.exec("DROP TABLE child");\n',
    });
    const { stdout } = await work.run("plan");
    expect(stdout).toMatch(
      /^-- HAZARD DROPS_TABLE .*002_module\.ts .*: drops child with 3 row\(s\)$/m,
    );
    expect(stdout).toContain("-- not proved safe: 002_module is a function");
    expect((await work.run("up")).stderr).toContain("code: MIGRATION_HAZARD");
  });
});
