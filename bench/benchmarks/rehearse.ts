/** Rehearsing on a copy of a large database, against VACUUM INTO and the migrations alone. */
import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { Database } from "bun:sqlite";
import { openConnection, registeredSource, rehearse as rehearseOn } from "../../src/migrate.ts";
import { createMigrator } from "../../src/engine/migrator.ts";
import { createSqliteDriver } from "../../src/engine/sqlite/driver.ts";
import type { RegisteredMigration } from "../../src/migration/migration.ts";
import type { Benchmark } from "../contender.ts";
import { renderTime } from "../table.ts";

const SIZE_MB = Number(process.env["USAGEDB_BENCH_REHEARSE_MB"] ?? 1000);
const BUDGET = 4;

/** Wide rows with an index, and narrow ones with a key of three columns: half of the bytes each. */
const SCHEMA: RegisteredMigration = {
  version: 1,
  name: "schema",
  up: `CREATE TABLE notes (id INTEGER PRIMARY KEY, session TEXT NOT NULL, at INTEGER NOT NULL, body TEXT) STRICT;
CREATE INDEX notes_session ON notes (session, at);
CREATE TABLE bars (symbol TEXT NOT NULL, frame TEXT NOT NULL, at INTEGER NOT NULL, open REAL, high REAL, low REAL,
  close REAL, PRIMARY KEY (symbol, frame, at)) STRICT;
CREATE TABLE small (id INTEGER PRIMARY KEY, name TEXT) STRICT;`,
  down: "DROP TABLE small; DROP TABLE bars; DROP TABLE notes;",
};

const PLANS: readonly (readonly [string, RegisteredMigration])[] = [
  [
    "a column for a small table",
    {
      version: 2,
      name: "small",
      up: "ALTER TABLE small ADD COLUMN note TEXT; CREATE TABLE other (id INTEGER PRIMARY KEY);",
      down: "DROP TABLE other; ALTER TABLE small DROP COLUMN note;",
    },
  ],
  [
    "every wide row written",
    {
      version: 2,
      name: "wide",
      up: "ALTER TABLE notes ADD COLUMN read INTEGER NOT NULL DEFAULT 0; UPDATE notes SET read = id % 2;",
      down: "ALTER TABLE notes DROP COLUMN read;",
    },
  ],
];

export const rehearse: Benchmark = {
  name: "rehearse",
  description: `rehearsing on a database of ${SIZE_MB} MB`,
  needsPeers: false,
  run: async ({ folder, note, report }) => {
    const file = join(folder, "live.db");
    note(`filling ${SIZE_MB} MB`);
    fill(file);
    report({ name: "database", value: `${(statSync(file).size / 1e6).toFixed(0)} MB` });
    for (const [name, migration] of PLANS) {
      const source = registeredSource([SCHEMA, migration]);
      note(name);
      const vacuumMs = timeOf(() => vacuumInto(file, join(folder, "vacuumed.db")));
      const migrationsMs = migrateThereAndBack(join(folder, "vacuumed.db"), source);
      rmSync(join(folder, "vacuumed.db"));
      const startedAt = performance.now();
      const { isClean, problems } = await rehearseOn({ databasePath: file, source });
      const rehearsalMs = performance.now() - startedAt;
      if (!isClean) throw new Error(`Not clean: ${problems.map((one) => one.observed).join("; ")}`);
      const ratio = (rehearsalMs - migrationsMs) / vacuumMs;
      report({
        name: `rehearsal, ${name}`,
        value: `${renderTime(rehearsalMs)}; VACUUM INTO ${renderTime(vacuumMs)}, up, down and up ${renderTime(migrationsMs)}: ${ratio.toFixed(2)} x VACUUM INTO and the migrations (budget ${BUDGET})`,
      });
    }
  },
};

function fill(file: string): void {
  const source = registeredSource([SCHEMA]);
  using connection = openConnection(file);
  createMigrator({ driver: createSqliteDriver(connection), source }).up();
  connection.runOnce("PRAGMA synchronous = OFF");
  const numbers = (count: number): string =>
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${Math.round(count)})`;
  connection.runOnce(`${numbers(SIZE_MB * 2080)}
INSERT INTO notes SELECT i, 'session-' || (i % 1000), 1750000000000 + i * 1000, printf('%0200d', i) FROM n`);
  connection.runOnce(`${numbers(SIZE_MB * 5100)}
INSERT INTO bars SELECT 'SYM' || (i / 10000), '1m', 1750000000000 + i * 60000, i * 1.5, i * 1.7, i * 1.1, i * 1.2 FROM n`);
  connection.runOnce(`${numbers(1000)} INSERT INTO small SELECT i, 'name ' || i FROM n`);
}

function vacuumInto(file: string, target: string): void {
  rmSync(target, { force: true });
  const database = new Database(file, { readonly: true });
  try {
    database.run("VACUUM INTO ?", [target]);
  } finally {
    database.close(true);
  }
}

/** The same steps without anything around them. */
function migrateThereAndBack(file: string, source: ReturnType<typeof registeredSource>): number {
  using connection = openConnection(file);
  const migrator = createMigrator({ driver: createSqliteDriver(connection), source });
  return timeOf(() => {
    migrator.up();
    migrator.rollback();
    migrator.up();
  });
}

function timeOf(work: () => void): number {
  const startedAt = performance.now();
  work();
  return performance.now() - startedAt;
}
