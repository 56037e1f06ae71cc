/**
 * The last test's strategy: `migrate adopt --dir` is killed with SIGKILL at random moments, and started again on
 * what is left.
 * Invariants: the other tool's ledger stands as it was and ours does not exist, or ours is whole and the old rows
 * stand under their new name; no row of the user's is ever gone; a backup that has its name is whole.
 */
import { describe, expect, it } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { openConnection } from "../../../src/engine/sqlite/open.ts";
import { chance, FAULT_ROUNDS, withSeed } from "../../support/fault-rounds.ts";
import { contentOf, FOREIGN_DATABASES, foreignDatabase } from "../../support/foreign-databases.ts";
import { startMigrate } from "../../support/migrate-process.ts";
import { writeMigrations } from "../../support/migration-directory.ts";
import { column } from "../../support/migrating.ts";
import { type TempFolder, tempFolder } from "../../support/temp-folder.ts";
import { spawnMigrate } from "../spawn-cli.ts";

const FORMER = "schema_migrations_before_usagedb";
const SPREAD = 6;
const KILLS = SPREAD * FAULT_ROUNDS;

function prepare(folder: TempFolder, tool: "goose" | "dbmate", name = "app.db"): void {
  writeMigrations(folder.at("m"), FOREIGN_DATABASES[tool].files);
  foreignDatabase(tool, folder.at(name)).close();
}

const run = (folder: TempFolder, ...argv: string[]) =>
  spawnMigrate([...argv, "--db", "app.db"], { cwd: folder.path });

describe("usagedb migrate adopt --dir", () => {
  it("prints what it enters, and writes nothing with --dry-run", async () => {
    using folder = tempFolder();
    prepare(folder, "goose");
    const bytes = readFileSync(folder.at("app.db"));
    const table = `version  name          applied at
001      create_users  2024-02-03T04:05:06.000Z
002      create_notes  2024-02-03T04:05:06.000Z
`;
    expect(await run(folder, "adopt", "--dir", "m", "--dry-run")).toEqual({
      stdout: `${table}Would enter 2 migration(s) of goose as applied: version 2.\n`,
      stderr: "",
      exitCode: 0,
    });
    expect(readFileSync(folder.at("app.db")).equals(bytes)).toBe(true);
    expect(await run(folder, "adopt", "--dir", "m")).toEqual({
      stdout: `${table}Entered 2 migration(s) of goose as applied: the database is at version 2; its table goose_db_version is left as it is, and ignored from now on.\n`,
      stderr: expect.stringMatching(/^ {2}backed up to .*app\.db\..*-v2\.backup \(/),
      exitCode: 0,
    });
    expect(await run(folder, "adopt", "--dir", "m")).toEqual({
      stdout: "Nothing to do: the ledger was taken over before; version 2 is the newest.\n",
      stderr: "",
      exitCode: 0,
    });
  });

  it("says as data what it did, and leaves the backup out with --no-backup", async () => {
    using folder = tempFolder();
    prepare(folder, "dbmate");
    const result = await run(
      folder,
      "adopt",
      "--dir",
      "m",
      "--from",
      "dbmate",
      "--no-backup",
      "--json",
    );
    expect(result).toMatchObject({ stderr: "", exitCode: 0 });
    expect(JSON.parse(result.stdout)).toEqual({
      isDryRun: false,
      isNew: true,
      tool: "dbmate",
      version: 20_240_102_120_000,
      entered: [
        {
          version: 20_240_101_120_000,
          name: "create_users",
          applied_at: expect.any(Number),
          isTimeKnown: false,
        },
        {
          version: 20_240_102_120_000,
          name: "create_notes",
          applied_at: expect.any(Number),
          isTimeKnown: false,
        },
      ],
      keptTable: FORMER,
      backup: null,
    });
    expect(readdirSync(folder.path).filter((name) => name.includes("backup"))).toEqual([]);
  });

  it("is what `up` and `status` send to when another tool migrated the database", async () => {
    using folder = tempFolder();
    for (const tool of ["goose", "dbmate"] as const) {
      const name = `${tool}.db`;
      writeMigrations(folder.at(tool), FOREIGN_DATABASES[tool].files);
      foreignDatabase(tool, folder.at(name)).close();
      for (const command of ["up", "plan", "status"]) {
        const argv = [command, "--dir", tool, "--db", name, "--json"];
        const { stderr, exitCode } = await spawnMigrate(argv, { cwd: folder.path });
        expect(exitCode).toBe(1);
        expect(JSON.parse(stderr)).toMatchObject({
          error: { code: "LEDGER_FOREIGN", hint: expect.stringContaining("migrate adopt --dir") },
        });
      }
    }
  });

  it.each([
    [["adopt"], "neither a file nor --dir"],
    [["adopt", "events.db", "--dir", "m"], "a file and --dir"],
    [["adopt", "--from", "goose"], "--from is of use only with --dir"],
    [["adopt", "--dir", "m", "--table", "t"], "--table is of use only with --from"],
    [["adopt", "--dir", "m", "--from", "flyway"], "is not a tool known here"],
  ])("refuses %j", async (argv, observed) => {
    using folder = tempFolder();
    prepare(folder, "goose");
    const result = await run(folder, ...argv);
    expect(result).toMatchObject({ stdout: "", exitCode: 2 });
    expect(result.stderr).toContain(observed);
  });

  it("creates no database", async () => {
    using folder = tempFolder();
    writeMigrations(folder.at("m"), FOREIGN_DATABASES.goose.files);
    expect(await run(folder, "adopt", "--dir", "m")).toMatchObject({ exitCode: 1 });
    expect(existsSync(folder.at("app.db"))).toBe(false);
  });

  it(
    `leaves the old or the new when it is killed, ${KILLS} times`,
    async () => {
      const dice = chance();
      await withSeed(dice, async () => {
        using folder = tempFolder();
        const adopt = (name: string) =>
          startMigrate(["adopt", "--dir", "m", "--db", name], folder.path);
        prepare(folder, "dbmate", "whole.db");
        const old = readAll(folder.at("whole.db"));
        const startedAt = performance.now();
        expect(await adopt("whole.db").exited).toBe(0);
        const wholeRunMs = performance.now() - startedAt;
        expect(stateOf(folder.at("whole.db"), old)).toBe("new");
        const seen = { old: 0, new: 0 };
        let file = 0;
        prepare(folder, "dbmate", "x0.db");
        for (let kill = 0; kill < KILLS; kill++) {
          const child = adopt(`x${file}.db`);
          await Bun.sleep(((kill % SPREAD) + dice.next()) * (wholeRunMs / SPREAD));
          child.kill("SIGKILL");
          await child.exited;
          const state = stateOf(folder.at(`x${file}.db`), old);
          seen[state]++;
          if (state === "new") prepare(folder, "dbmate", `x${++file}.db`);
        }
        expect(seen.old).toBeGreaterThan(0);
        expect(await adopt(`x${file}.db`).exited).toBe(0);
        expect(stateOf(folder.at(`x${file}.db`), old)).toBe("new");
        for (const name of readdirSync(folder.path)) {
          if (/^x.*\.backup$/.test(name)) expect(stateOf(folder.at(name), old)).toBe("old");
        }
      });
    },
    30_000 * FAULT_ROUNDS,
  );
});

function readAll(path: string): unknown {
  using db = openConnection(path, { mode: "read" });
  return contentOf(db);
}

function stateOf(path: string, old: unknown): "old" | "new" {
  using db = openConnection(path, { mode: "existing" });
  expect(column(db, "PRAGMA integrity_check")).toEqual(["ok"]);
  expect(column(db, "SELECT name FROM users ORDER BY id")).toEqual(["a", "b"]);
  const tables = column(db, "SELECT name FROM sqlite_schema WHERE type = 'table'");
  if (!tables.includes(FORMER)) {
    expect(contentOf(db)).toEqual(old);
    return "old";
  }
  expect(column(db, `SELECT version FROM ${FORMER} ORDER BY 1`)).toEqual([
    "20240101120000",
    "20240102120000",
  ]);
  expect(column(db, "SELECT name FROM schema_migrations ORDER BY version")).toEqual([
    "create_users",
    "create_notes",
  ]);
  expect(column(db, "SELECT action FROM schema_migrations_history")).toEqual(["adopt"]);
  return "new";
}
