/**
 * Strategy: a batched migration of many rows is killed with SIGKILL again and again, at random moments between its
 * first chunk and its last, while another process writes.
 * Invariants: after each kill the rows that are done are exactly those up to the saved position; in the end each row
 * was done once, the ledger has the version, the progress is gone, no writer's row is missing, and the WAL stayed small.
 * USAGEDB_FAULT_ROUNDS above 1: two million rows and ten kills.
 */
import { describe, expect, it } from "bun:test";
import { statSync } from "node:fs";
import { directorySource } from "../../src/engine/directory.ts";
import type { Connection } from "../../src/engine/sqlite/connection.ts";
import { openConnection } from "../../src/engine/sqlite/open.ts";
import { readProgress } from "../../src/engine/sqlite/progress.ts";
import { chance, FAULT_ROUNDS, withSeed } from "../support/fault-rounds.ts";
import { runMigrate, startMigrate } from "../support/migrate-process.ts";
import { writeMigrations } from "../support/migration-directory.ts";
import { appliedVersions, column, migratorOver } from "../support/migrating.ts";
import { tempFolder } from "../support/temp-folder.ts";

const IS_LONG = FAULT_ROUNDS > 1;
const ROWS = IS_LONG ? 2_000_000 : 60_000;
const KILLS = IS_LONG ? 10 : 3;
const MAX_WAL_BYTES = 32 * 1024 * 1024;

const FILES = {
  "001_items.sql": `-- migrate:up
CREATE TABLE items (id INTEGER PRIMARY KEY, payload TEXT NOT NULL, times INTEGER NOT NULL DEFAULT 0, upper TEXT) STRICT;
CREATE TABLE beside (id INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS})
INSERT INTO items (id, payload) SELECT i, 'the payload of row ' || i FROM n;
-- migrate:down
DROP TABLE items; DROP TABLE beside;`,
  "002_fill.ts": `import { batched } from "${process.cwd()}/src/migrate.ts";
export const up = batched({
  table: "items",
  run: (db, { where }) => {
    db.run(\`UPDATE items SET times = times + 1, upper = upper(payload) WHERE \${where}\`);
  },
});
export const down = batched({
  table: "items",
  run: (db, { where }) => {
    db.run(\`UPDATE items SET times = 0, upper = NULL WHERE \${where}\`);
  },
});`,
};

/** How far the killed run came: the rows that are done are exactly those that the position says. */
function expectExact(db: Connection, directory: string): number {
  const { unfinished } = migratorOver(db, directorySource(directory)).status();
  const done = unfinished?.done ?? 0;
  expect(db.readOnce("SELECT min(times), max(times) FROM items WHERE id <= ?", done)).toEqual([
    done === 0 ? [null, null] : [1, 1],
  ]);
  expect(column(db, `SELECT count(*) FROM items WHERE id > ${done} AND times <> 0`)).toEqual([0]);
  return done;
}

describe("a batched migration that is killed beside a writer", () => {
  it(
    `does each of ${ROWS} rows once`,
    async () => {
      const dice = chance();
      await withSeed(dice, async () => {
        using folder = tempFolder();
        const directory = writeMigrations(folder.at("m"), FILES);
        const path = folder.at("x.db");
        const args = ["--db", "x.db", "--dir", "m"];
        expect((await runMigrate(["up", "--to", "1", ...args], folder.path)).exitCode).toBe(0);
        const writer = Bun.spawn([process.execPath, "test/support/batch-writer.ts", path], {
          stdout: "pipe",
          stderr: "inherit",
        });
        using db = openConnection(path);
        let walBytes = 0;
        const look = (): void => {
          walBytes = Math.max(
            walBytes,
            statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0,
          );
        };
        let killedInside = 0;
        let before = 0;
        for (let kill = 0; kill < KILLS; kill++) {
          const child = startMigrate(args, folder.path);
          // Spread over the rows that are left: until this many more are done.
          const wanted = before + ((ROWS - before) * dice.next()) / (KILLS - kill + 1);
          while (child.exitCode === null && (readProgress(db)?.done ?? 0) <= wanted) {
            look();
            await Bun.sleep(1);
          }
          child.kill("SIGKILL");
          await child.exited;
          const done = expectExact(db, directory);
          expect(done).toBeGreaterThanOrEqual(before);
          before = done;
          if (done > 0 && done < ROWS) killedInside++;
        }
        expect(killedInside).toBe(KILLS);
        const last = startMigrate(args, folder.path);
        while (last.exitCode === null) {
          look();
          await Bun.sleep(1);
        }
        expect(last.exitCode).toBe(0);
        writer.kill("SIGTERM");
        const [, latencies = "[]"] = (await new Response(writer.stdout).text()).trim().split("\n");
        const written = (JSON.parse(latencies) as number[]).length;
        expect(column(db, "SELECT count(*) FROM beside")).toEqual([written]);
        expect(
          db.readOnce("SELECT count(*), min(times), max(times), count(upper) FROM items"),
        ).toEqual([[ROWS, 1, 1, ROWS]]);
        expect(appliedVersions(db)).toEqual([1, 2]);
        expect(column(db, "SELECT name FROM sqlite_schema WHERE name LIKE '%progress'")).toEqual(
          [],
        );
        expect(walBytes).toBeGreaterThan(0);
        expect(walBytes).toBeLessThan(MAX_WAL_BYTES);
      });
    },
    60_000 * FAULT_ROUNDS,
  );
});

describe("six processes that start a batched migration at once", () => {
  it("all succeed, and each row is done once", async () => {
    using folder = tempFolder();
    writeMigrations(folder.at("m"), {
      ...FILES,
      "001_items.sql": FILES["001_items.sql"].replaceAll(String(ROWS), "20000"),
    });
    const args = ["--db", "x.db", "--dir", "m"];
    expect((await runMigrate(["up", "--to", "1", ...args], folder.path)).exitCode).toBe(0);
    const ended = await Promise.all(
      Array.from({ length: 6 }, () => runMigrate(["up", ...args], folder.path)),
    );
    expect(ended.map(({ exitCode }) => exitCode)).toEqual(Array(6).fill(0));
    expect(ended.filter(({ stdout }) => stdout.includes("Applied 1 migration"))).toHaveLength(1);
    using db = openConnection(folder.at("x.db"));
    expect(db.readOnce("SELECT count(*), min(times), max(times) FROM items")).toEqual([
      [20_000, 1, 1],
    ]);
    expect(appliedVersions(db)).toEqual([1, 2]);
  }, 30_000);
});
