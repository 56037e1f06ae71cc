import { describe, expect, it } from "bun:test";
import { chmodSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ALOOF_BUN } from "../../src/cli/own-program.ts";
import { openUsageDb } from "../../src/index.ts";
import { filesMadeBy, NO_CREATED_FILES } from "../support/created-files.ts";
import { sections, writeMigrations } from "../support/migration-directory.ts";
import { tempFolder } from "../support/temp-folder.ts";

const BIN = join(import.meta.dir, "../../src/cli/bin.ts");
const EVENT = '{"session_id":"s","hook_event_name":"Stop"}';
const LINE = JSON.stringify({
  type: "assistant",
  sessionId: "s",
  timestamp: "2026-11-20T12:00:00Z",
  requestId: "r",
  message: { id: "m", model: "claude-opus-4-5", usage: { input_tokens: 1, output_tokens: 1 } },
});

/** Bun's own cache of the programs that it has read: our source, and no data. */
const isOfBun = (path: string): boolean => path.includes("/.bun/install/cache");

describe.skipIf(NO_CREATED_FILES !== null)(
  `every file that is written (${NO_CREATED_FILES ?? "with every right to give"})`,
  () => {
    it("is made for its owner alone, whatever the umask: while it is made, and afterwards", async () => {
      using folder = tempFolder();
      // Nothing in it is private by its folder.
      chmodSync(folder.path, 0o777);
      const migrations = writeMigrations(folder.at("m"), {
        "001_a.sql": sections(
          "CREATE TABLE a (x, y); INSERT INTO a VALUES (1, 2);",
          "DROP TABLE a;",
        ),
        "002_b.sql": sections("ALTER TABLE a DROP COLUMN y;", "SELECT 1;"),
      });
      chmodSync(migrations, 0o700);
      mkdirSync(folder.at("claude", "projects", "p"), { recursive: true, mode: 0o700 });
      writeFileSync(
        folder.at("claude", "projects", "p", "s.jsonl.zst"),
        Bun.zstdCompressSync(`${LINE}\n`),
      );
      writeFileSync(folder.at("no-database"), "text ".repeat(300), { mode: 0o600 });
      const own = ["--db", folder.at("data", "usage.db")];
      const app = ["--dir", migrations, "--db", folder.at("app", "app.db")];
      const ill = folder.at("ill.db");
      makeIll(ill);
      const given = new Set(walk(folder.path));
      const env = {
        HOME: folder.at("home"),
        CLAUDE_CONFIG_DIR: folder.at("claude"),
        TMPDIR: folder.at("tmp"),
      };
      mkdirSync(env.TMPDIR, { mode: 0o700 });
      mkdirSync(env.HOME, { mode: 0o700 });
      given.add(env.TMPDIR).add(env.HOME);
      const lines: readonly (readonly string[])[] = [
        ["hook", ...own],
        // The database is none: the event goes to the spool.
        ["hook", "--db", folder.at("no-database")],
        ["sync", ...own],
        ["export", folder.at("work.changes"), ...own],
        ["import", folder.at("work.changes"), "--db", folder.at("second", "usage.db")],
        ["backup", folder.at("usage.backup"), ...own],
        ["restore", folder.at("usage.backup"), "--yes", "--db", folder.at("third", "usage.db")],
        ["migrate", "up", "--to", "1", ...app],
        ["migrate", "rehearse", "--allow", "DROPS_COLUMN", ...app],
        // Loses a column: backed up before.
        ["migrate", "up", "--allow", "DROPS_COLUMN", ...app],
        ["query", "SELECT 1", ...own],
        ["maintain", ...own],
        ["maintain", "compact", "vacuum", "integrity", "backup", ...own],
        ["doctor", "--fix", ...own],
        ["recover", "--from", ill, "--to", folder.at("saved.db")],
        ["forget", "--session", "s", "--backup", folder.at("usage.backup"), "--yes", ...own],
        ["hook", "install", "--http", "--settings", folder.at("claude", "settings.json"), ...own],
        [
          "hook",
          "install",
          "--statusline",
          "--settings",
          folder.at("claude", "settings.json"),
          ...own,
        ],
      ];
      for (const argv of lines) {
        const command = [process.execPath, ...ALOOF_BUN, BIN, ...argv];
        const { made, exitCode, stderr } = await filesMadeBy(command, { env, stdin: EVENT });
        const isFine = exitCode === 0 || argv.includes(folder.at("no-database"));
        // 3: the rehearsal found something.
        expect({ argv, stderr: isFine || exitCode === 3 ? "" : stderr }).toEqual({
          argv,
          stderr: "",
        });
        const open = made.filter(
          ({ path, mode }) => (mode & 0o077) !== 0 && isOurs(path, folder.path),
        );
        expect({ argv, open }).toEqual({ argv, open: [] });
      }
      const left = walk(folder.path).filter((path) => !given.has(path) && !isOfBun(path));
      const modes = left.map((path) => {
        const stat = lstatSync(path);
        return { path, isPrivate: (stat.mode & 0o777) === (stat.isDirectory() ? 0o700 : 0o600) };
      });
      expect(modes.filter(({ isPrivate }) => !isPrivate)).toEqual([]);
      const names = left.map((path) => path.slice(folder.path.length + 1));
      for (const name of [
        "data/usage.db",
        "data/usage.db-hook-token",
        "data/usage.db-maintenance",
        "no-database-spool",
        "usage.backup.sha256",
        "work.changes",
        "data/usage.db-ballast",
        "saved.db",
        "saved.db.refused.jsonl",
        "claude/settings.json",
      ])
        expect(names).toContain(name);
      expect(names.filter((name) => /settings\.json\.usagedb-.*\.backup$/.test(name))).toHaveLength(
        1,
      );
      const kept = /^data\/backups\/usage\.db\.\w+\.backup(\.sha256)?$/;
      expect(names.filter((name) => kept.test(name)).length).toBeGreaterThanOrEqual(2);
      expect(names.filter((name) => /app\.db.*backup/.test(name)).length).toBeGreaterThan(0);
    }, 60_000);
  },
);

/** A database with a row that no constraint lets into another one. */
function makeIll(path: string): void {
  using db = openUsageDb(path);
  db.snapshots.insert({ session_id: "s", snapshot_data: {} });
  db.connection.runOnce("PRAGMA ignore_check_constraints = ON");
  db.connection.runOnce("UPDATE usage_snapshots SET snapshot_data = 'no json'");
}

const isOurs = (path: string, folder: string): boolean =>
  path.startsWith(`${folder}/`) &&
  !isOfBun(path) &&
  !path.endsWith("/.bun") &&
  !path.endsWith("/.bun/install");

function walk(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.name === ".bun") return [];
    return entry.isDirectory() ? [path, ...walk(path)] : [path];
  });
}
