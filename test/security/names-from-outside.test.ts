import { Database } from "bun:sqlite";
import { describe, expect, it } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { backupDatabase } from "../../src/engine/sqlite/backup.ts";
import { directorySource } from "../../src/engine/directory.ts";
import { readForeignLedger } from "../../src/engine/sqlite/foreign-ledgers/detect.ts";
import { openConnection } from "../../src/engine/sqlite/open.ts";
import { importChanges, openUsageDb, syncTranscripts, UsageDbError } from "../../src/index.ts";
import { spawnCli } from "../cli/spawn-cli.ts";
import { codeOf, errorOfAsync } from "../support/error-of.ts";
import { writeMigrations } from "../support/migration-directory.ts";
import { OpencodeDb } from "../support/opencode-db.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { clockedDb } from "../support/usage-db.ts";

/** What leads out of a folder, or into a shell or a statement. */
const TRAVERSALS = [
  "../evil",
  "..",
  "/etc/evil",
  "x/y",
  "x\\y",
  "a;b",
  "$(x)",
  "a'b",
  'a"b',
  ".hidden",
  "-x",
];

describe("a name from outside", () => {
  it("of a migration to create stays inside the directory", async () => {
    using folder = tempFolder();
    mkdirSync(folder.at("m"));
    for (const name of TRAVERSALS) {
      const argv = ["migrate", "create", "--dir", folder.at("m"), "--", name];
      expect(await spawnCli(argv)).toMatchObject({ stdout: "", exitCode: 2 });
    }
    expect([readdirSync(folder.path), readdirSync(folder.at("m"))]).toEqual([["m"], []]);
  }, 20_000);

  it("of an environment's seed stays inside the folder of seeds", async () => {
    using folder = tempFolder();
    writeMigrations(folder.at("m"), { "001_a.sql": "-- migrate:up\nSELECT 1;\n" });
    mkdirSync(folder.at("seeds"));
    writeFileSync(folder.at("evil.sql"), "CREATE TABLE evil (x);");
    for (const name of ["../evil", folder.at("evil"), ".."]) {
      const argv = [
        "migrate",
        "seed",
        "--dir",
        folder.at("m"),
        "--db",
        folder.at("a.db"),
        "--",
        name,
      ];
      expect(await spawnCli(argv)).toMatchObject({ exitCode: 2 });
    }
    expect(existsSync(folder.at("a.db"))).toBe(false);
  });

  it.each(["../../../evil", "/etc/passwd", "0000_ok/../../evil", ""])(
    "of a file in drizzle's journal is one of the directory's: not %j",
    (tag) => {
      using folder = tempFolder();
      const journal = { dialect: "sqlite", entries: [{ idx: 0, when: 1, tag }] };
      writeMigrations(folder.at("m"), { "meta/_journal.json": JSON.stringify(journal) });
      writeFileSync(folder.at("evil.sql"), "CREATE TABLE evil (x);");
      expect(codeOf(() => directorySource(folder.at("m")).load())).toBe("MIGRATION_LAYOUT_INVALID");
    },
  );

  it("of a backup goes to SQLite as a value, whatever quotes it has", () => {
    using folder = tempFolder();
    using db = openConnection(folder.at('it\'s; "a" db.db'));
    db.runOnce(`CREATE TABLE "t""; DROP TABLE u; --" (x)`);
    db.runOnce("CREATE TABLE u (x)");
    const target = folder.at("o'b'); ATTACH 'evil.db' AS e; --\".db");
    expect(backupDatabase(db, target).rows).toEqual({ 't"; DROP TABLE u; --': 0, u: 0 });
    expect(
      readdirSync(folder.path).filter((name) => name.includes("evil.db") && !name.includes("o'b")),
    ).toEqual([]);
  });

  it.each([
    `goose"; DROP TABLE u; --`,
    "sqlite_schema",
    "u; DROP TABLE u",
    "pragma_table_info('u')",
  ])("of another tool's ledger is quoted: %s", (table) => {
    using folder = tempFolder();
    using db = openConnection(folder.at("app.db"));
    db.runOnce("CREATE TABLE u (x)");
    expect(codeOf(() => readForeignLedger(db, { from: "goose", table }))).toBe(
      "ADOPT_LEDGER_UNKNOWN",
    );
    expect(db.readOnce("SELECT count(*) FROM u")).toEqual([[0]]);
  });

  it("of a session, a project or a tool call is a value, and no file's name", async () => {
    using folder = tempFolder();
    const path = folder.at("data", "usage.db");
    for (const session_id of ["../../evil", "/etc/evil", "'; DROP TABLE events; --", "x\u0000y"]) {
      const stdin = JSON.stringify({
        session_id,
        hook_event_name: "../Stop",
        cwd: "../../evil",
        transcript_path: "/etc/passwd",
      });
      expect(await spawnCli(["hook", "--db", path], { stdin })).toMatchObject({ stdout: "" });
    }
    expect(readdirSync(folder.path)).toEqual(["data"]);
    expect(readdirSync(folder.at("data")).filter((name) => !name.startsWith("usage.db"))).toEqual(
      [],
    );
    using db = openUsageDb(path, { mode: "read" });
    expect(db.events.recent().length).toBeGreaterThan(2);
  });

  it("of another table in opencode's database gets into no statement", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    using source = new OpencodeDb(folder.at("opencode.db"));
    source.session("ses_1");
    source.message({ id: "'); DROP TABLE message; --" });
    source.database.run(`CREATE TABLE "session_v2 WHERE 1; --" (x)`);
    await syncTranscripts(clocked.db, { sources: { opencode: [folder.path] } });
    expect(clocked.db.messages.bySession("ses_1")).toHaveLength(1);
    expect(source.database.query("SELECT count(*) AS n FROM message").get()).toEqual({ n: 1 });
  });
});

describe("the fields of a change file", () => {
  /** With a right hash: it proves that the file is whole, not who wrote it. */
  function changeFile(rows: readonly string[]): Uint8Array {
    const head = '{"format":"usagedb-changes","version":1,"host":"h","exportedAt":1,"sinceMs":0}';
    const body = [head, ...rows].map((line) => `${line}\n`).join("");
    const counts = { sessions: 0, messages: 0, events: 0 };
    for (const row of rows) {
      if (row.startsWith('{"session"')) counts.sessions++;
      else if (row.startsWith('{"message"')) counts.messages++;
      else counts.events++;
    }
    const sha256 = new Bun.CryptoHasher("sha256").update(body).digest("hex");
    return Bun.zstdCompressSync(`${body}${JSON.stringify({ end: counts, sha256 })}\n`);
  }

  const SESSION = {
    session_id: "s",
    agent: "a",
    project: "p",
    started_at: 1,
    last_seen_at: 1,
    born_at: 1,
  };
  const bad: readonly string[] = [
    JSON.stringify({ session: { ...SESSION, session_id: 7 } }),
    JSON.stringify({ session: { ...SESSION, project: { $ne: null } } }),
    JSON.stringify({ session: { ...SESSION, started_at: "now" } }),
    JSON.stringify({ session: { ...SESSION, "x) VALUES (1); --": 1 } }),
    '{"session":{"session_id":"s","__proto__":{"agent":7},"agent":["x"]}}',
    '{"session":null}',
    '{"session":7}',
    '{"message":{}}',
    '{"message":null}',
    '{"message":{"agent":"a","message_id":"m","model":{},"timestamp":1e300}}',
    '{"event":{"payload":7}}',
    '{"event":[]}',
    '{"event":{"source_app":"a","session_id":"s","hook_event_type":"x","payload":"{","timestamp":1,"dedupe_key":"k"}}',
  ];

  it.each(bad)("are checked like any other: %s", async (row) => {
    using folder = tempFolder();
    using clocked = clockedDb();
    writeFileSync(folder.at("x"), changeFile([row]));
    expect(await errorOfAsync(importChanges(clocked.db, folder.at("x")))).toBeInstanceOf(
      UsageDbError,
    );
    expect(clocked.db.connection.readOnce("SELECT count(*) FROM sessions")).toEqual([[0]]);
    expect(Object.prototype).not.toHaveProperty("agent");
  });

  it("may not be a line without end", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    // A quarter of a gigabyte in some kilobytes.
    const zeros = Bun.zstdCompressSync(Buffer.alloc(16 << 20, "0"));
    writeFileSync(folder.at("x"), Buffer.concat(Array.from({ length: 17 }, () => zeros)));
    expect(readFileSync(folder.at("x")).length).toBeLessThan(100_000);
    const error = await errorOfAsync(importChanges(clocked.db, folder.at("x")));
    expect([error.code, error.message]).toEqual([
      "CHANGE_FILE_INVALID",
      expect.stringContaining("longer than"),
    ]);
  });
});

describe("a statement of somebody's own", () => {
  it("attaches nothing and writes no file", async () => {
    using folder = tempFolder();
    using raw = new Database(folder.at("x.db"), { create: true });
    raw.run("CREATE TABLE t (x)");
    raw.close();
    for (const sql of [
      `ATTACH '${folder.at("evil.db")}' AS e`,
      `VACUUM INTO '${folder.at("evil.db")}'`,
      `SELECT writefile('${folder.at("evil.db")}', 'x')`,
      "PRAGMA temp_store_directory = '/tmp'",
    ])
      expect(await spawnCli(["query", sql, "--db", folder.at("x.db")])).toMatchObject({
        exitCode: 2,
      });
    expect(existsSync(folder.at("evil.db"))).toBe(false);
  });
});
