/**
 * The last test's strategy: `migrate adopt` into a database with rows of its own is killed with SIGKILL at random
 * moments, and started again on what is left.
 * Invariants: the database is valid and has all of the old rows or none of them, its own rows in any case; a backup
 * that has its name is whole; the old file never changes.
 */
import { migrations } from "../../../src/store/own-migrations.ts";
import { describe, expect, it } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openUsageDb } from "../../../src/index.ts";
import { fillEventsDb, insertRow, oldFile, SHAPES } from "../../support/events-db.ts";
import { chance, FAULT_ROUNDS, withSeed } from "../../support/fault-rounds.ts";
import { type TempFolder, tempFolder } from "../../support/temp-folder.ts";
import { spawnCli } from "../spawn-cli.ts";

const [SHAPE = { foreignKey: true, laterColumns: true }] = SHAPES;
const SPREAD = 6;
const KILLS = SPREAD * FAULT_ROUNDS;
const KILLED_ROWS = 800;
const AT = Date.UTC(2025, 8, 30, 10);

const adopt = (folder: TempFolder, ...flags: string[]) =>
  spawnCli(["migrate", "adopt", "events.db", "--db", "usage.db", ...flags], { cwd: folder.path });

/** Three events and two snapshots, one of each in need of repair. */
function smallFile(folder: TempFolder): string {
  return oldFile(
    folder.at("events.db"),
    (db) => {
      const event = { source_app: "app", session_id: "s1", hook_event_type: "Stop" };
      insertRow(db, "events", { ...event, payload: "{}", timestamp: AT });
      insertRow(db, "events", { ...event, payload: "{cut", timestamp: AT / 1000 });
      insertRow(db, "events", { ...event, payload: "[]", timestamp: AT, humanInTheLoop: "{}" });
      db.run("PRAGMA foreign_keys = OFF");
      const snapshot = { snapshot_data: "{}", timestamp: AT / 1000 };
      insertRow(db, "usage_snapshots", { ...snapshot, session_id: "gone" });
      insertRow(db, "usage_snapshots", { ...snapshot, session_id: "2025-09-30T10:00:00.000Z" });
    },
    SHAPE,
  );
}

const BALANCE = `Old table        Read  Brought in  Repaired  Known  Left
events              3           3         1      0     0
usage_snapshots     2           2         2      0     0
usage_config        1           0         0      1     0

events: repaired: not json 1, seconds 1
events: of note: columns carried 1
usage_snapshots: repaired: seconds 2
usage_snapshots: of note: block id as session 1, orphan 1
schema_migrations: left alone, 1 row(s)
themes: left alone, 1 row(s)
`;

describe("usagedb migrate adopt", () => {
  it("prints the same balance with --dry-run, and then creates nothing", async () => {
    using folder = tempFolder();
    smallFile(folder);
    expect(await adopt(folder, "--dry-run")).toEqual({
      stdout: `${BALANCE}\nWould bring in 5 row(s) and 3 session(s); every row is accounted for.\n`,
      stderr: "",
      exitCode: 0,
    });
    expect(existsSync(folder.at("usage.db"))).toBe(false);
    expect(await adopt(folder)).toEqual({
      stdout: `${BALANCE}\nBrought in 5 row(s) and 3 session(s); every row is accounted for.\n`,
      stderr: `Bringing the database up to date: ${migrations.versions.length} migration(s).\n`,
      exitCode: 0,
    });
    const validated = await spawnCli(["migrate", "validate", "--db", "usage.db"], {
      cwd: folder.path,
    });
    expect(validated.exitCode).toBe(0);
  });

  it("gives the balance as data, backs up what exists, and backs up nothing for a second run", async () => {
    using folder = tempFolder();
    smallFile(folder);
    openUsageDb(folder.at("usage.db")).close();
    const read = async (...flags: string[]) => {
      const { stdout, exitCode } = await adopt(folder, "--json", ...flags);
      expect(exitCode).toBe(0);
      return JSON.parse(stdout) as { isDryRun: boolean; backup: string | null; tables: object[] };
    };
    expect(await read("--dry-run")).toMatchObject({ isDryRun: true, backup: null });
    const first = await read();
    expect(first).toMatchObject({
      source: folder.at("events.db"),
      isDryRun: false,
      tables: [
        { table: "events", read: 3, broughtIn: 3, known: 0, left: 0, repaired: 1 },
        { table: "usage_snapshots", read: 2, broughtIn: 2, repairs: { seconds: 2 } },
        { table: "usage_config", read: 1, known: 1 },
      ],
      sessionsCreated: 3,
      leftAlone: [
        { table: "schema_migrations", rows: 1 },
        { table: "themes", rows: 1 },
      ],
    });
    expect(existsSync(`${first.backup}.sha256`)).toBe(true);
    using backup = openUsageDb(String(first.backup), { mode: "read" });
    expect(backup.events.recent()).toEqual([]);
    expect(await read()).toMatchObject({
      isDryRun: false,
      backup: null,
      tables: [{ broughtIn: 0, known: 3 }, { broughtIn: 0, known: 2 }, { broughtIn: 0 }],
    });
  });

  it("leaves the backup out with --no-backup", async () => {
    using folder = tempFolder();
    smallFile(folder);
    openUsageDb(folder.at("usage.db")).close();
    expect((await adopt(folder, "--no-backup")).exitCode).toBe(0);
    expect(readdirSync(folder.path).filter((name) => name.includes("backup"))).toEqual([]);
  });

  it.each([
    [["none.db"], "DATABASE_NOT_FOUND", 1],
    [["usage.db"], "ADOPT_SOURCE_UNKNOWN", 1],
    [["events.db", "--db", "events.db"], "VALUE_INVALID", 2],
    [[], "CLI_USAGE", 2],
  ] as const)("refuses %p and creates nothing", async (argv, code, exitCode) => {
    using folder = tempFolder();
    smallFile(folder);
    openUsageDb(folder.at("usage.db")).close();
    const before = readdirSync(folder.path);
    const flags = argv.length < 2 ? ["--db", "new.db"] : [];
    const result = await spawnCli(["migrate", "adopt", ...argv, ...flags, "--json"], {
      cwd: folder.path,
    });
    expect(result).toMatchObject({ stdout: "", exitCode });
    expect(JSON.parse(result.stderr)).toMatchObject({ error: { code } });
    const made = readdirSync(folder.path).filter((name) => !before.includes(name));
    expect(made.filter((name) => !/-(wal|shm)$/.test(name))).toEqual([]);
  });

  it(
    `leaves the old or the new when it is killed, ${KILLS} times`,
    async () => {
      const dice = chance();
      await withSeed(dice, async () => {
        using folder = tempFolder();
        const path = oldFile(
          folder.at("events.db"),
          (db) => fillEventsDb(db, SHAPE, KILLED_ROWS, dice),
          SHAPE,
        );
        const bytes = readFileSync(path);
        const startedAt = performance.now();
        prepare(folder.at("whole.db"));
        expect(await run(folder, "whole.db").exited).toBe(0);
        const wholeRunMs = performance.now() - startedAt;
        expect(expectOldOrNew(folder.at("whole.db"))).toBe("new");
        const seen = { old: 0, new: 0 };
        prepare(folder.at("x0.db"));
        for (let kill = 0, file = 0; kill < KILLS; kill++) {
          const name = `x${file}.db`;
          const child = run(folder, name);
          // Spread over the whole run, each moment in its part of it a random one.
          await Bun.sleep(((kill % SPREAD) + dice.next()) * (wholeRunMs / SPREAD));
          child.kill("SIGKILL");
          await child.exited;
          const state = expectOldOrNew(folder.at(name));
          seen[state]++;
          if (state === "new") prepare(folder.at(`x${++file}.db`));
        }
        expect(seen.old).toBeGreaterThan(0);
        for (const name of readdirSync(folder.path)) {
          if (!/^x.*\.backup$/.test(name)) continue;
          expect(expectOldOrNew(folder.at(name))).toBe("old");
        }
        expect(readFileSync(path).equals(bytes)).toBe(true);
      });
    },
    30_000 * FAULT_ROUNDS,
  );
});

function prepare(path: string): void {
  using db = openUsageDb(path);
  db.snapshots.insert({ session_id: "mine", snapshot_data: "{}" });
}

function run(folder: TempFolder, name: string) {
  const program = join(import.meta.dir, "../../../src/cli/bin.ts");
  return Bun.spawn([process.execPath, program, "migrate", "adopt", "events.db", "--db", name], {
    cwd: folder.path,
    env: { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent" },
    stdout: "ignore",
    stderr: "ignore",
  });
}

function expectOldOrNew(path: string): "old" | "new" {
  using db = openUsageDb(path);
  expect(db.migrations.validate()).toMatchObject({ isValid: true });
  const [events, snapshots] = ["events", "usage_snapshots"].map((table) =>
    Number(db.connection.readOnce(`SELECT count(*) FROM ${table}`)[0]?.[0]),
  );
  const state = events === 0 ? "old" : "new";
  const expected = state === "old" ? [0, 1] : [KILLED_ROWS, KILLED_ROWS + 1];
  expect([events, snapshots]).toEqual(expected);
  return state;
}
