/** `migrate up` and `migrate rollback` under faults. */
import { openConnection } from "../../src/engine/sqlite/open.ts";
import { directorySource } from "../../src/engine/directory.ts";
import { column, migratorOver } from "../support/migrating.ts";
import { sections, writeMigrations } from "../support/migration-directory.ts";
import type { Look, Operation } from "./operation.ts";
import { lookAt } from "./soundness.ts";

const VERSIONS = 4;
const ROWS = 12;

function files(): Record<string, string> {
  const text: Record<string, string> = {};
  for (let version = 1; version <= VERSIONS; version++) {
    const table = `t${version}`;
    text[`${version}_make_${table}.sql`] = sections(
      `CREATE TABLE ${table} (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS})
INSERT INTO ${table} SELECT i, 'row ' || i FROM n;
CREATE INDEX ${table}_text ON ${table} (text);`,
      `DROP TABLE ${table};`,
    );
  }
  return text;
}

/** Versions 1 to n, each with its rows, and nothing of another. */
function lookAtVersions(folder: string, whenComplete: number): Look {
  let applied = -1;
  const problems = lookAt(`${folder}/app.db`, (db) => {
    const tables = column(db, "SELECT name FROM sqlite_schema WHERE type = 'table'").map(String);
    const versions = tables.includes("schema_migrations")
      ? column(db, "SELECT version FROM schema_migrations ORDER BY version").map(Number)
      : [];
    applied = versions.length;
    const expected = versions.map((_, index) => index + 1);
    const wrong = versions.join() === expected.join() ? [] : [`versions ${versions.join()}`];
    const made = tables.filter((name) => /^t\d/.test(name)).toSorted();
    const owed = expected.map((version) => `t${version}`);
    if (made.join() !== owed.join()) wrong.push(`tables ${made.join()} at versions ${owed.join()}`);
    for (const table of made) {
      const count = column(db, `SELECT count(*) FROM ${table}`)[0];
      if (count !== ROWS) wrong.push(`${table} has ${String(count)} rows of ${ROWS}`);
    }
    return wrong;
  });
  return { problems, isComplete: applied === whenComplete };
}

export const up: Operation = {
  name: "up",
  prepare: async (folder) => {
    writeMigrations(`${folder}/m`, files());
    openConnection(`${folder}/app.db`).close();
  },
  argv: ["migrate", "up", "--dir", "m", "--db", "app.db"],
  look: (folder) => lookAtVersions(folder, VERSIONS),
};

export const down: Operation = {
  name: "down",
  prepare: async (folder) => {
    const directory = writeMigrations(`${folder}/m`, files());
    using db = openConnection(`${folder}/app.db`);
    migratorOver(db, directorySource(directory)).up();
  },
  argv: ["migrate", "rollback", "0", "--no-backup", "--dir", "m", "--db", "app.db"],
  look: (folder) => lookAtVersions(folder, 0),
};
