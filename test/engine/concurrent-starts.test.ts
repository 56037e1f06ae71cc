/**
 * Strategy: sixteen processes migrate one fresh file at the same moment.
 * Invariants: every process exits 0; each version stands in the ledger once; each migration ran once, which
 * its rows count; the database is valid; nothing but the database is left.
 */
import { migrations } from "../../src/store/own-migrations.ts";
import { readdirSync } from "node:fs";
import { describe, expect, it } from "bun:test";
import { directorySource } from "../../src/engine/directory.ts";
import { openConnection } from "../../src/engine/sqlite/open.ts";
import { validateConnection } from "../../src/engine/sqlite/validate.ts";
import { FAULT_ROUNDS } from "../support/fault-rounds.ts";
import { holdLock } from "../support/held-lock.ts";
import { runMigrate } from "../support/migrate-process.ts";
import { settleFiles, writeMigrations } from "../support/migration-directory.ts";
import { appliedVersions, column, migratorOver } from "../support/migrating.ts";
import { tempFolder } from "../support/temp-folder.ts";

const PROCESSES = 16;
const ROUNDS = 2 * FAULT_ROUNDS;

describe("sixteen processes that start on one fresh file", () => {
  it(
    "all succeed, and each of the product's versions is applied once",
    async () => {
      for (let round = 0; round < ROUNDS; round++) {
        using folder = tempFolder();
        const runs = Array.from({ length: PROCESSES }, () =>
          runMigrate(["--db", "x.db"], folder.path),
        );
        const results = await Promise.all(runs);
        expect(results.filter(({ exitCode }) => exitCode !== 0)).toEqual([]);
        expect(readdirSync(folder.path)).toEqual(["x.db"]);
        using db = openConnection(folder.at("x.db"));
        expect(appliedVersions(db)).toEqual([...migrations.versions]);
        expect(column(db, "SELECT count(*) FROM usage_config")).toEqual([1]);
        const said = results.map(({ stdout }) => Number(/Applied (\d+)/.exec(stdout)?.[1] ?? 0));
        expect(said.reduce((sum, count) => sum + count, 0)).toBe(migrations.versions.length);
      }
    },
    60_000 * FAULT_ROUNDS,
  );

  it(
    "run migrations that would not mind to run twice exactly once",
    async () => {
      for (let round = 0; round < ROUNDS; round++) {
        using folder = tempFolder();
        const directory = writeMigrations(folder.at("m"), {
          "001_a.sql":
            "CREATE TABLE IF NOT EXISTS runs (version INTEGER); INSERT INTO runs VALUES (1);",
          ...Object.fromEntries(
            Array.from({ length: 19 }, (_, i) => [
              `${String(i + 2).padStart(3, "0")}_b.sql`,
              `INSERT INTO runs VALUES (${i + 2});`,
            ]),
          ),
        });
        const runs = Array.from({ length: PROCESSES }, () =>
          runMigrate(["--db", "x.db", "--dir", "m"], folder.path),
        );
        const results = await Promise.all(runs);
        expect(results.filter(({ exitCode }) => exitCode !== 0)).toEqual([]);
        using db = openConnection(folder.at("x.db"));
        const versions = Array.from({ length: 20 }, (_, i) => i + 1);
        expect(column(db, "SELECT version FROM runs ORDER BY rowid")).toEqual(versions);
        expect(appliedVersions(db)).toEqual(versions);
        const { standings } = migratorOver(db, directorySource(directory)).status();
        expect(validateConnection(db, standings).findings).toEqual([]);
      }
    },
    60_000 * FAULT_ROUNDS,
  );
});

describe("a start with nothing to do", () => {
  it("takes no write lock: it succeeds at once while another process holds it", async () => {
    using folder = tempFolder();
    writeMigrations(folder.at("m"), { "001_a.sql": "CREATE TABLE a (x);" });
    settleFiles();
    const args = ["--db", "x.db", "--dir", "m"];
    expect((await runMigrate(args, folder.path)).exitCode).toBe(0);
    await using _lock = await holdLock(folder.at("x.db"));
    const startedAt = performance.now();
    expect(await runMigrate(args, folder.path)).toEqual({
      stdout: "Nothing to do: version 1 is the newest.\n",
      stderr: "",
      exitCode: 0,
    });
    // Also when the stamp can't help, because a file has been touched.
    writeMigrations(folder.at("m"), { "README.md": "notes" });
    expect((await runMigrate(args, folder.path)).exitCode).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(3000);
  });
});
