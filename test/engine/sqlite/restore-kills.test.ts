import { copyFileSync, existsSync, rmSync } from "node:fs";
import { Database } from "bun:sqlite";
import { describe, expect, it } from "bun:test";
import { backupDatabase } from "../../../src/engine/sqlite/backup.ts";
import { openConnection } from "../../../src/engine/sqlite/open.ts";
import { killAtCall, NO_KILLS_AT_CALLS } from "../../support/kill-at-call.ts";
import { type TempFolder, tempFolder } from "../../support/temp-folder.ts";

const ROWS = 60;
const SUFFIXES = ["", "-wal", "-shm"];

const RESTORE = `import { restoreDatabase } from "${import.meta.dir}/../../../src/engine/sqlite/restore.ts";
await restoreDatabase(process.argv[1], process.argv[2]);`;

/** Rows of 600 bytes that all say the same. */
function fill(path: string, text: string, rows = ROWS): void {
  using db = openConnection(path);
  db.runOnce("CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT)");
  db.transaction(() => {
    for (let i = 0; i < rows; i++)
      db.prepare("INSERT INTO notes (text) VALUES (?)").run(text.repeat(600));
  });
}

/** A database whose last writer was killed: half of its rows stand in the WAL only. */
async function killedDatabase(folder: TempFolder): Promise<string> {
  const path = folder.at("template.db");
  fill(path, "o", ROWS / 2);
  const script = `import { Database } from "bun:sqlite";
    const db = new Database(process.argv[1]);
    db.run("PRAGMA wal_autocheckpoint = 0");
    db.run("INSERT INTO notes (text) SELECT text FROM notes");
    process.kill(process.pid, "SIGKILL");`;
  await Bun.spawn([process.execPath, "-e", script, path]).exited;
  expect(existsSync(`${path}-wal`)).toBe(true);
  return path;
}

/** What a database holds, and that it is whole. */
function contentOf(path: string): (string | number)[][] {
  using db = new Database(path);
  expect(db.query("PRAGMA integrity_check").values()).toEqual([["ok"]]);
  return db.query("SELECT substr(text, 1, 1), count(*) FROM notes GROUP BY 1").values() as (
    string | number
  )[][];
}

/**
 * Strategy: a restore over a database with a stale WAL is killed before each call that writes, flushes, truncates,
 * renames or removes a file, one after the other until a run is not killed any more.
 * Invariant: the database is whole, and is the old or the new one, never a blend; the restore can be run again.
 */
describe("restoreDatabase() killed at every system call", () => {
  const title = "leaves old or new";
  if (NO_KILLS_AT_CALLS !== null) {
    it.skip(`${title} (${NO_KILLS_AT_CALLS})`, () => undefined);
    return;
  }
  it(
    title,
    async () => {
      using folder = tempFolder();
      const template = await killedDatabase(folder);
      fill(folder.at("new.db"), "n");
      {
        using db = openConnection(folder.at("new.db"));
        backupDatabase(db, folder.at("new.backup"));
      }
      const killer = await killAtCall(folder);
      const reset = (path: string): string => {
        for (const suffix of SUFFIXES) {
          rmSync(`${path}${suffix}`, { force: true });
          if (existsSync(`${template}${suffix}`))
            copyFileSync(`${template}${suffix}`, `${path}${suffix}`);
        }
        return path;
      };
      const argv = (path: string): string[] => ["-e", RESTORE, folder.at("new.backup"), path];
      const calls = await killer.count(argv(reset(folder.at("counted.db"))));
      expect(calls).toBeGreaterThan(20);
      const old = [["o", ROWS]];
      const restored = [["n", ROWS]];
      expect(contentOf(folder.at("counted.db"))).toEqual(restored);
      const seen = new Set<string>();
      const killBefore = async (call: number): Promise<void> => {
        const path = reset(folder.at(`live-${call}.db`));
        // Which call is the Nth may shift by a few from run to run; the last ones are tried, killed or not.
        await killer.kill(argv(path), call);
        const content = contentOf(path);
        expect([old, restored]).toContainEqual(content);
        seen.add(JSON.stringify(content));
        for (const suffix of SUFFIXES) rmSync(`${path}${suffix}`, { force: true });
      };
      for (let call = 1; call <= calls; call += 2)
        await Promise.all([killBefore(call), killBefore(call + 1)]);
      expect(seen.size).toBe(2);
      const again = reset(folder.at("again.db"));
      await killer.kill(argv(again), Math.ceil(calls / 2));
      expect(await killer.kill(argv(again), 0)).toBe(false);
      expect(contentOf(again)).toEqual(restored);
    },
    60_000,
  );
});
