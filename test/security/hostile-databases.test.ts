/**
 * Strategy: sound files of each kind that the program reads, changed by every harm of a list; each is opened, read and
 * written by everything that may meet such a file, in one process that would hang or die with it.
 * Invariants: an answer or a typed error, never another; a file that is only read keeps every byte; nothing is deleted.
 */
import { Database } from "bun:sqlite";
import { describe, expect, it } from "bun:test";
import { copyFileSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { restoreDatabase } from "../../src/engine/sqlite/restore.ts";
import { EventsDb } from "../../src/ingest/events-db/source.ts";
import {
  importChanges,
  openUsageDb,
  reportDaily,
  syncTranscripts,
  UsageDbError,
} from "../../src/index.ts";
import { openReadyDatabase } from "../../src/store/ready-database.ts";
import { spawnCli } from "../cli/spawn-cli.ts";
import { adoptFile, oldFile } from "../support/events-db.ts";
import { codeOf, errorOf } from "../support/error-of.ts";
import { chance, FAULT_ROUNDS } from "../support/fault-rounds.ts";
import { ENDLESS, HARMS } from "../support/hostile-databases.ts";
import { OpencodeDb } from "../support/opencode-db.ts";
import { tempFolder, type TempFolder } from "../support/temp-folder.ts";
import { clockedDb, NOON } from "../support/usage-db.ts";
import { message } from "../support/usage-message.ts";

/** Null for an answer, the code of a typed error; anything else fails the test. */
async function codeWhen(work: () => unknown): Promise<string | null> {
  try {
    await work();
    return null;
  } catch (error) {
    if (error instanceof UsageDbError) return error.code;
    throw error;
  }
}

function ownFile(folder: TempFolder): string {
  const path = folder.at("usage.db");
  using clocked = clockedDb(path);
  clocked.db.sessions.upsert({ session_id: "s1", agent: "claude", project: "/p" });
  clocked.db.messages.record([message()]);
  clocked.db.events.insert({
    source_app: "a",
    session_id: "s1",
    hook_event_type: "Stop",
    payload: {},
  });
  return path;
}

function opencodeFile(folder: TempFolder): string {
  const path = folder.at("opencode.db");
  using source = new OpencodeDb(path);
  source.session("ses_1");
  source.message({ id: "msg_1" });
  return path;
}

const OLD_EVENT =
  "INSERT INTO events (source_app, session_id, hook_event_type, payload, timestamp) VALUES ('a', 's', 'Stop', '{}', 1763640000000)";

describe("a hostile database file", () => {
  it.each(Object.entries(HARMS))(
    "with %s is answered or refused by name, by all that read ours",
    async (_, harm) => {
      using folder = tempFolder();
      const path = ownFile(folder);
      harm(path);
      const bytes = readFileSync(path);
      using other = clockedDb(folder.at("other.db"));
      const codes = [
        await codeWhen(() => openUsageDb(path, { mode: "read" }).close()),
        await codeWhen(() => {
          using db = openUsageDb(path, { mode: "read" });
          reportDaily(db, { timeZone: "UTC" });
          db.events.recent();
        }),
        await codeWhen(() => new EventsDb(path).connection.close()),
        await codeWhen(() => syncTranscripts(other.db, { sources: { opencode: [path] } })),
        await codeWhen(() => importChanges(other.db, path)),
      ];
      expect(codes.slice(2)).toEqual([expect.any(String), null, "CHANGE_FILE_INVALID"]);
      expect(readFileSync(path).equals(bytes)).toBe(true);
      await codeWhen(() => openReadyDatabase(path, 0, { refusesLinks: true })?.close());
      await codeWhen(() => restoreDatabase(path, folder.at("other.db")));
      await codeWhen(async () => {
        using db = openUsageDb(path);
        db.messages.record([message({ message_id: "later" })]);
        await db.prune({ olderThanMs: 86_400_000 });
      });
      expect(existsSync(path)).toBe(true);
      expect(readdirSync(folder.path).filter((name) => name.includes("partial"))).toEqual([]);
    },
  );

  it.each(Object.entries(HARMS))(
    "with %s is one source less, or one that cannot be adopted",
    async (_, harm) => {
      using folder = tempFolder();
      using clocked = clockedDb();
      const path = opencodeFile(folder);
      const old = oldFile(folder.at("events.db"), (db) => db.run(OLD_EVENT));
      harm(path);
      harm(old);
      const bytes = [readFileSync(path), readFileSync(old)];
      const report = await syncTranscripts(clocked.db, { sources: { opencode: [path] } });
      expect(report.filesFound).toBeLessThanOrEqual(1);
      await codeWhen(() => adoptFile(clocked.db, old));
      expect([readFileSync(path), readFileSync(old)]).toEqual(bytes);
      expect(clocked.db.connection.readOnce("PRAGMA integrity_check")).toEqual([["ok"]]);
    },
  );
});

describe("doctor", () => {
  it("tells of a hostile file that something is wrong, or reads it", async () => {
    using folder = tempFolder();
    const dice = chance();
    const some = Object.entries(HARMS)
      .toSorted(() => dice.next() - 0.5)
      .slice(0, 4 * FAULT_ROUNDS);
    for (const [name, harm] of some) {
      using place = tempFolder();
      const path = ownFile(place);
      harm(path);
      const bytes = readFileSync(path);
      const env = { HOME: folder.path };
      const result = await spawnCli(["doctor", "--json", "--db", path], { env });
      expect({ name, seed: dice.seed, ...result }).toMatchObject({ name, stderr: "" });
      expect([0, 3]).toContain(result.exitCode);
      expect(readFileSync(path).equals(bytes)).toBe(true);
    }
  }, 30_000);
});

describe("views and virtual tables in the place of tables", () => {
  it.each([
    [
      "view",
      `CREATE VIEW message (id, session_id, time_created, time_updated, data) AS SELECT x, x, x, x, x FROM (${ENDLESS})`,
    ],
    [
      "virtual table",
      "CREATE VIRTUAL TABLE message USING fts5 (id, session_id, time_created, time_updated, data)",
    ],
    [
      "table of computed columns",
      "CREATE TABLE message (id, session_id, time_created, time_updated, data AS (hex(zeroblob(400000000))))",
    ],
  ])("are not read for opencode's: a %s", async (_, sql) => {
    using folder = tempFolder();
    using clocked = clockedDb();
    using source = new Database(folder.at("opencode.db"), { create: true });
    source.run(sql);
    source.close();
    const report = await syncTranscripts(clocked.db, { sources: { opencode: [folder.path] } });
    expect(report.unreadable.map(({ path }) => path)).toEqual([folder.at("opencode.db")]);
  });

  it.each([
    [
      "view",
      `CREATE VIEW events (id, source_app, session_id, hook_event_type, payload, timestamp) AS SELECT x, x, x, x, x, x FROM (${ENDLESS})`,
    ],
    [
      "virtual table",
      "CREATE VIRTUAL TABLE events USING fts5 (source_app, session_id, hook_event_type, payload, timestamp)",
    ],
  ])("are not adopted: a %s", (_, sql) => {
    using folder = tempFolder();
    using source = new Database(folder.at("events.db"), { create: true });
    source.run(sql);
    source.close();
    expect(codeOf(() => new EventsDb(folder.at("events.db")))).toBe("ADOPT_SOURCE_UNKNOWN");
  });

  it("are no ledger of another tool", async () => {
    using folder = tempFolder();
    using database = new Database(folder.at("app.db"), { create: true });
    database.run(
      `CREATE VIEW goose_db_version (id, version_id, is_applied, tstamp) AS SELECT x, x, x, x FROM (${ENDLESS})`,
    );
    database.close();
    await Bun.write(
      folder.at("m/001_a.sql"),
      "-- migrate:up\nCREATE TABLE a (x);\n-- migrate:down\nDROP TABLE a;\n",
    );
    const argv = ["migrate", "up", "--dir", folder.at("m"), "--db", folder.at("app.db")];
    expect(await spawnCli(argv)).toMatchObject({ exitCode: 0 });
  });

  it("are read by a query for as long as it may take", async () => {
    using folder = tempFolder();
    const path = ownFile(folder);
    HARMS["a view that never ends"]?.(path);
    const argv = ["query", "SELECT * FROM hostile_v", "--timeout", "300ms", "--db", path];
    expect(await spawnCli(argv)).toMatchObject({ stdout: "", exitCode: 4 });
  });
});

describe("a trigger that somebody put into our own file", () => {
  it.each([
    ["loads a program", "SELECT load_extension('/tmp/evil')"],
    [
      "calls itself without end",
      "INSERT INTO events (source_app, session_id, hook_event_type, payload, timestamp) SELECT source_app, session_id, hook_event_type, payload, timestamp FROM events",
    ],
    ["reads a virtual table that may run code", "SELECT * FROM hostile_f"],
  ])("cannot leave it, and what failed is undone: one that %s", (_, body) => {
    using folder = tempFolder();
    const path = ownFile(folder);
    using raw = new Database(path);
    raw.run("CREATE VIRTUAL TABLE hostile_f USING dbstat");
    raw.run("PRAGMA recursive_triggers = ON");
    raw.run(`CREATE TRIGGER hostile AFTER INSERT ON events BEGIN ${body}; END`);
    raw.close();
    using db = openUsageDb(path);
    const insert = (): unknown =>
      db.events.insert({ source_app: "a", session_id: "s1", hook_event_type: "Stop", payload: {} });
    if (body.startsWith("SELECT")) expect(errorOf(insert)).toBeInstanceOf(UsageDbError);
    else insert();
    expect(db.events.recent().length).toBeLessThanOrEqual(4);
  });

  it("is named by the status of the migrations", async () => {
    using folder = tempFolder();
    const path = ownFile(folder);
    using raw = new Database(path);
    raw.run("CREATE TRIGGER hostile AFTER INSERT ON events BEGIN SELECT 1; END");
    raw.close();
    const { stdout, stderr, exitCode } = await spawnCli([
      "migrate",
      "status",
      "--check",
      "--db",
      path,
    ]);
    expect([exitCode, `${stdout}${stderr}`]).toEqual([
      3,
      expect.stringContaining("trigger hostile is new"),
    ]);
  });
});

describe("a file that only claims to be ours", () => {
  it("is refused, and stays as it is", () => {
    using folder = tempFolder();
    using ours = openUsageDb(folder.at("ours.db"));
    const [[id] = []] = ours.connection.readOnce("PRAGMA application_id");
    const path = folder.at("usage.db");
    using raw = new Database(path, { create: true });
    raw.run(
      `PRAGMA application_id = ${String(id)}; CREATE TABLE sessions (x); CREATE TABLE theirs (x)`,
    );
    raw.close();
    copyFileSync(path, folder.at("before"));
    expect(errorOf(() => openUsageDb(path, { now: () => NOON }))).toBeInstanceOf(UsageDbError);
    using after = new Database(path, { readonly: true });
    const tables = after.query("SELECT name FROM sqlite_schema ORDER BY 1").values().flat();
    expect(tables).toEqual(["sessions", "theirs"]);
  });
});
