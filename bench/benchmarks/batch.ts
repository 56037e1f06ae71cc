/** A batched migration of two million rows, killed ten times, while two other processes write. */
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openConnection } from "../../src/engine/sqlite/open.ts";
import { readProgress } from "../../src/engine/sqlite/progress.ts";
import type { Benchmark } from "../contender.ts";
import { openRaw } from "../floors/raw-open.ts";
import { renderTime } from "../table.ts";
import { describeLatencies, startWriter } from "../writer.ts";

const ROWS = 2_000_000;
const KILLS = 10;
const WRITERS = 2;
const SAMPLE_MS = 5;
const IDLE_MS = 3000;
const ROOT = join(import.meta.dir, "..", "..");

const MODULE = `import { batched } from ${JSON.stringify(join(ROOT, "src", "migrate.ts"))};
export const up = batched({
  table: "items",
  run: (db, { where }) => {
    db.run(\`UPDATE items SET times = times + 1, upper = upper(payload) WHERE \${where}\`);
  },
});
`;

export const batch: Benchmark = {
  name: "batch",
  description: `a batched migration of ${ROWS} rows, killed ${KILLS} times, beside ${WRITERS} writers`,
  needsPeers: false,
  run: async ({ folder, note, report }) => {
    const file = join(folder, "batch.db");
    const directory = join(folder, "batch-migrations");
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, "001_fill.ts"), MODULE);
    note(`filling ${ROWS} rows`);
    fill(file);
    const idle = await startWriters(file);
    await Bun.sleep(IDLE_MS);
    const idleMs = await idle.stop();
    note("migrating");
    const writers = await startWriters(file);
    let walPeakBytes = 0;
    using db = openConnection(file);
    const startedAt = performance.now();
    for (let kill = 1; kill <= KILLS + 1; kill++) {
      const wanted = kill > KILLS ? Infinity : (ROWS * kill) / (KILLS + 1);
      const child = startMigration(file, directory);
      while (child.exitCode === null && (readProgress(db)?.done ?? 0) < wanted) {
        const size = statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
        walPeakBytes = Math.max(walPeakBytes, size);
        await Bun.sleep(SAMPLE_MS);
      }
      if (kill <= KILLS) child.kill("SIGKILL");
      await child.exited;
    }
    const durationMs = performance.now() - startedAt;
    const busyMs = await writers.stop();
    const [[once] = []] = db.readOnce("SELECT count(*) FROM items WHERE times = 1");
    report({ name: `batched migration with ${KILLS} kills`, value: renderTime(durationMs) });
    report({ name: "rows done exactly once", value: `${String(once)} of ${ROWS}` });
    report({ name: `${WRITERS} writers beside it`, value: describeLatencies(busyMs) });
    report({ name: `${WRITERS} writers alone`, value: describeLatencies(idleMs) });
    report({ name: "WAL peak", value: `${(walPeakBytes / 1e6).toFixed(1)} MB` });
  },
};

function fill(file: string): void {
  openConnection(file).close();
  const database = openRaw(file);
  database.run(
    "CREATE TABLE items (id INTEGER PRIMARY KEY, payload TEXT NOT NULL, times INTEGER NOT NULL DEFAULT 0, upper TEXT) STRICT",
  );
  database.run(
    "CREATE TABLE beside (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, filler TEXT NOT NULL) STRICT",
  );
  database.run(
    `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS})
     INSERT INTO items (id, payload) SELECT i, 'the payload of row number ' || i FROM n`,
  );
  database.run("PRAGMA wal_checkpoint(TRUNCATE)");
  database.close(true);
}

async function startWriters(file: string): Promise<{ readonly stop: () => Promise<number[]> }> {
  const writers = await Promise.all(
    Array.from({ length: WRITERS }, () => startWriter(file, "beside-writer")),
  );
  return { stop: async () => (await Promise.all(writers.map(({ stop }) => stop()))).flat() };
}

function startMigration(file: string, directory: string): Bun.Subprocess {
  return Bun.spawn(
    [process.execPath, join(ROOT, "scripts", "migrate.ts"), "--db", file, "--dir", directory],
    { stdout: "ignore", stderr: "inherit" },
  );
}
