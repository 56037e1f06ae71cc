/**
 * Strategy: a word that stands in payloads, rows, broken input and a connection string; every command that meets them
 * fails, or tells of them.
 * Invariant: the word is in no line that is printed, and no file or folder has it in its name.
 */
import { Database } from "bun:sqlite";
import { describe, expect, it } from "bun:test";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { openUsageDb } from "../../src/index.ts";
import { spawnCli } from "../cli/spawn-cli.ts";
import { errorOf } from "../support/error-of.ts";
import { sections, writeMigrations } from "../support/migration-directory.ts";
import { tempFolder } from "../support/temp-folder.ts";

const SECRET = "s3cret-w0rd";
const URL = `postgres://me:${SECRET}@host/db`;

describe("a connection string", () => {
  const lines: readonly (readonly [line: string, stdin?: string])[] = [
    ["migrate up"],
    ["migrate status"],
    ["report daily"],
    ["sync"],
    ["prune --dry-run"],
    ["restore usage.backup --yes"],
    ["serve --hooks --port 0"],
    ["hook install --http --settings settings.json"],
    ["query SELECT"],
    ["hook", '{"session_id":"s","hook_event_name":"Stop"}'],
    ["statusline", "{}"],
    ["watch --once"],
    ["maintain --dry-run"],
    ["doctor"],
  ];

  it("is refused as --db and from the environment, told by its scheme alone, and makes nothing", async () => {
    using folder = tempFolder();
    openUsageDb(folder.at("usage.db")).close();
    const backup = ["backup", folder.at("usage.backup"), "--db", folder.at("usage.db")];
    expect(await spawnCli(backup)).toMatchObject({ exitCode: 0 });
    const work = folder.at("work");
    mkdirSync(work);
    writeFileSync(
      folder.at("work", "usage.backup"),
      await Bun.file(folder.at("usage.backup")).bytes(),
    );
    for (const [index, [line, stdin]] of lines.entries()) {
      const isFlag = index % 2 === 0;
      const { stdout, stderr, exitCode } = await spawnCli(
        [...line.split(" "), ...(isFlag ? ["--db", URL] : [])],
        {
          cwd: work,
          env: { HOME: work, ...(isFlag ? {} : { USAGEDB_PATH: URL }) },
          ...(stdin === undefined ? {} : { stdin }),
        },
      );
      expect({ line, text: stdout + stderr }).not.toMatchObject({
        text: expect.stringContaining(SECRET),
      });
      expect({ line, stderr }).toMatchObject({ stderr: expect.stringContaining("it is a URL") });
      // An agent's status line shows what else it knows.
      expect({ line, isRefused: exitCode !== 0 }).toEqual({
        line,
        isRefused: line !== "statusline",
      });
      // Bun keeps a cache of our source in the home.
      const left = readdirSync(work).filter((name) => name !== ".bun");
      expect({ line, left }).toEqual({ line, left: ["usage.backup"] });
    }
  }, 20_000);
});

describe("what users wrote", () => {
  it("is in no message about input that is broken", async () => {
    using folder = tempFolder();
    const database = ["--db", folder.at("usage.db")];
    openUsageDb(folder.at("usage.db")).close();
    const changes = `{"format":"usagedb-changes","version":1,"host":"h"}\n{"message": ${SECRET}}\n`;
    writeFileSync(folder.at("broken.changes"), Bun.zstdCompressSync(changes));
    writeFileSync(folder.at("claude.jsonl"), `{"message": ${SECRET}}\n`);
    const lines: readonly (readonly [line: readonly string[], stdin?: string])[] = [
      [["hook"], `{"prompt": ${SECRET}}`],
      [["hook"], `{"session_id":{"a":"${SECRET}"},"hook_event_name":"Stop"}`],
      [["hook"], `{"session_id":"s","hook_event_name":7,"prompt":"${SECRET}"}`],
      [["statusline"], `{"model": ${SECRET}}`],
      [["snapshots", "add", "--session", "s", "-"], `{"a": ${SECRET}}`],
      [["import", folder.at("broken.changes")]],
      [["import", folder.at("claude.jsonl")]],
      [["migrate", "adopt", folder.at("claude.jsonl")]],
      [["restore", folder.at("claude.jsonl"), "--yes"]],
    ];
    for (const [argv, stdin] of lines) {
      const options = stdin === undefined ? {} : { stdin };
      const { stdout, stderr } = await spawnCli([...argv, ...database], options);
      expect({ argv, text: stdout + stderr }).not.toMatchObject({
        text: expect.stringContaining(SECRET),
      });
    }
  });

  it("is in no message about an event that cannot be stored, nor in the name of a file", async () => {
    using folder = tempFolder();
    const path = folder.at("usage.db");
    openUsageDb(path).close();
    using raw = new Database(path);
    raw.run("CREATE TRIGGER no BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'no'); END");
    raw.close();
    const stdin = JSON.stringify({
      session_id: `../../${SECRET}/x`,
      hook_event_name: "UserPromptSubmit",
      prompt: SECRET,
    });
    const { stdout, stderr } = await spawnCli(["hook", "--keep", "prompts", "--db", path], {
      stdin,
    });
    expect([stdout, stderr]).toEqual(["", expect.not.stringContaining(SECRET)]);
    expect(readdirSync(folder.path).filter((name) => name.includes(SECRET))).toEqual([]);
  });

  it("is in no message about rows that a migration fails on", async () => {
    using folder = tempFolder();
    const directory = writeMigrations(folder.at("m"), {
      "001_a.sql": sections("CREATE TABLE a (x);", "DROP TABLE a;"),
      "002_b.sql": sections("CREATE UNIQUE INDEX b ON a (x);", "DROP INDEX b;"),
      "003_c.sql": sections(
        "CREATE TABLE c (x INTEGER) STRICT; INSERT INTO c SELECT x FROM a;",
        "DROP TABLE c;",
      ),
    });
    const at = ["--dir", directory, "--db", folder.at("app.db")];
    await spawnCli(["migrate", "up", "--to", "1", ...at]);
    using raw = new Database(folder.at("app.db"));
    raw.run("INSERT INTO a VALUES (?1), (?1)", [SECRET]);
    raw.close();
    for (const argv of [["up"], ["up", "--json"], ["rehearse"], ["plan"], ["history"], ["test"]]) {
      const { stdout, stderr } = await spawnCli(["migrate", ...argv, ...at]);
      expect({ argv, text: stdout + stderr }).not.toMatchObject({
        text: expect.stringContaining(SECRET),
      });
    }
  }, 20_000);

  it("is in no typed error about a value", () => {
    using folder = tempFolder();
    using db = openUsageDb(folder.at("usage.db"));
    const bad: readonly (() => unknown)[] = [
      () =>
        db.events.insert({
          source_app: "",
          session_id: SECRET,
          hook_event_type: SECRET,
          payload: SECRET,
        }),
      () => db.snapshots.insert({ session_id: SECRET, snapshot_data: `{${SECRET}` }),
      () => db.sessions.upsert({ session_id: SECRET, project: { SECRET } as never }),
    ];
    for (const work of bad) {
      const error = errorOf(work);
      expect(JSON.stringify([error.toJSON(), error.stack])).not.toContain(SECRET);
    }
  });
});
