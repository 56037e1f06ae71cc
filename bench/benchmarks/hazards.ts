/** What two hundred pending migrations would do to tables with rows, beside doing it. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import {
  analysePlan,
  type Connection,
  openConnection,
  registeredSource,
} from "../../src/migrate.ts";
import { planUp } from "../../src/migration/plan.ts";
import type { Benchmark, Contender } from "../contender.ts";
import { applyTexts } from "../floors/raw-migrations.ts";
import { openRaw } from "../floors/raw-open.ts";
import { timed } from "../measure.ts";

const COUNT = 200;
const TABLES = 50;
const ROWS = 2000;

export const hazards: Benchmark = {
  name: "hazards",
  description: `analysis of ${COUNT} pending migrations over ${TABLES} tables of ${ROWS} rows`,
  needsPeers: false,
  run: async ({ folder, measure }) => {
    const texts = Array.from({ length: COUNT }, (_, index) => upText(index));
    const source = registeredSource(
      texts.map((up, index) => ({ version: index + 1, name: `m${index + 1}`, up })),
    );
    const steps = planUp(source.load(), []);
    const file = join(folder, "hazards.db");
    const analysed = (name: string, options: { readonly withEstimates: boolean }): Contender => ({
      name,
      run: () => {
        using connection = filled(file);
        return timed(() => {
          const { steps: found } = analysePlan(connection, steps, options);
          const unknown = found.filter(({ notAnalysed }) => notAnalysed.length > 0);
          if (unknown.length > 0) throw new Error(String(unknown[0]?.notAnalysed));
        });
      },
    });
    await measure({
      name: `hazards of ${COUNT} pending migrations`,
      rounds: 15,
      contenders: [
        {
          name: "applying them: raw BEGIN/up/COMMIT",
          run: () => {
            filled(file).close();
            const database = openRaw(file, false);
            const sample = timed(() => applyTexts(database, texts));
            database.close(true);
            return sample;
          },
        },
        analysed("usagedb, analysis", { withEstimates: false }),
        analysed("usagedb, analysis and estimates", { withEstimates: true }),
      ],
      budgets: {
        "usagedb, analysis": [{ atMost: 1 }],
        "usagedb, analysis and estimates": [{ atMost: 1 }],
      },
    });
  },
};

function filled(file: string): Connection {
  for (const ending of ["", "-wal", "-shm"]) rmSync(`${file}${ending}`, { force: true });
  const connection = openConnection(file);
  connection.transaction(() => {
    for (let table = 0; table < TABLES; table++)
      connection.runOnce(
        `CREATE TABLE t${table} (id INTEGER PRIMARY KEY, name TEXT, amount REAL, parent INTEGER REFERENCES t${Math.max(0, table - 1)} (id) ON DELETE CASCADE);
         CREATE INDEX i${table} ON t${table} (parent);
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS})
         INSERT INTO t${table} SELECT i, 'name ' || i, i / 7.0, i FROM n`,
      );
  });
  return connection;
}

/** Four rounds over the tables: a column and its values, indexes, a deletion, a rebuild. */
function upText(index: number): string {
  const table = index % TABLES;
  const name = `t${table}`;
  switch (Math.floor(index / TABLES)) {
    case 0:
      return `ALTER TABLE ${name} ADD COLUMN note TEXT NOT NULL DEFAULT ''; UPDATE ${name} SET note = name WHERE id % 2`;
    case 1:
      return `CREATE INDEX n${table} ON ${name} (name); CREATE UNIQUE INDEX u${table} ON ${name} (lower(name))`;
    case 2:
      return `DELETE FROM ${name} WHERE amount > 280; ALTER TABLE ${name} ALTER COLUMN name SET NOT NULL`;
    default:
      return `CREATE TABLE new_${name} (id INTEGER PRIMARY KEY, name TEXT NOT NULL CHECK (name <> ''), amount REAL, parent INTEGER, note TEXT);
        INSERT INTO new_${name} SELECT id, name, amount, parent, note FROM ${name};
        DROP TABLE ${name}; ALTER TABLE new_${name} RENAME TO ${name}; CREATE INDEX i${table} ON ${name} (parent)`;
  }
}
