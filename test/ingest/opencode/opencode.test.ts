import { Database } from "bun:sqlite";
import { describe, expect, it } from "bun:test";
import { readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { openUsageDb, type SyncReport, syncTranscripts, type UsageDb } from "../../../src/index.ts";
import { OpencodeDb } from "../../support/opencode-db.ts";
import { tempFolder, type TempFolder } from "../../support/temp-folder.ts";
import { writeLines } from "../../support/transcripts.ts";
import { clockedDb, NOON } from "../../support/usage-db.ts";

const sync = (db: UsageDb, folder: TempFolder): Promise<SyncReport> =>
  syncTranscripts(db, { sources: { opencode: [folder.path] } });
const ids = (db: UsageDb): unknown[] =>
  db.connection.readOnce("SELECT message_id FROM usage_messages ORDER BY 1").flat();
const totals = (db: UsageDb): unknown[] =>
  db.connection.readOnce("SELECT message_id, output_tokens FROM usage_messages ORDER BY 1");

describe("opencode's database", () => {
  it("gives tokens as they are, reasoning with the output, and the cost that was reported", async () => {
    using folder = tempFolder();
    using source = new OpencodeDb(folder.at("opencode.db"));
    using clocked = clockedDb();
    source.session("ses_1");
    source.session("ses_2", { parent: "ses_1" });
    source.message({ id: "msg_1" });
    source.message({ id: "msg_2", session: "ses_2", data: { path: undefined } });
    source.message({ id: "msg_3", data: { role: "user" } });
    source.message({ id: "msg_4", tokens: null });
    source.message({ id: "msg_5", tokens: { input: 0, output: 0 } });
    expect(await sync(clocked.db, folder)).toMatchObject({ filesFound: 1, malformedCount: 0 });
    expect(clocked.db.messages.bySession("ses_1")).toMatchObject([
      {
        agent: "opencode",
        message_id: "msg_1",
        project: "/home/dev/app",
        model: "claude-sonnet-4-5",
        timestamp: NOON,
        is_sidechain: 0,
        input_tokens: 10,
        output_tokens: 23,
        cache_write_5m_tokens: 5,
        cache_read_tokens: 40,
        reported_cost_usd: 0.25,
        source_offset: 1,
      },
    ]);
    expect(clocked.db.messages.bySession("ses_2")).toMatchObject([
      { project: "/home/dev/app", is_sidechain: 1 },
    ]);
  });

  it("reads what was added and what grew, and nothing when nothing did", async () => {
    using folder = tempFolder();
    using source = new OpencodeDb(folder.at("opencode.db"));
    using clocked = clockedDb();
    source.session("ses_1");
    source.message({ id: "msg_1" });
    await sync(clocked.db, folder);
    expect((await sync(clocked.db, folder)).filesRead).toBe(0);
    source.message({ id: "msg_2", created: NOON + 7_200_000 });
    await sync(clocked.db, folder);
    // An hour back is looked at again, not more: what is older did not change.
    source.message({ id: "msg_3", created: NOON + 7_200_001 });
    source.message({ id: "msg_2", created: NOON + 7_200_000, tokens: { input: 10, output: 500 } });
    const report = await sync(clocked.db, folder);
    expect(report.messages).toEqual({ inserted: 1, updated: 1, unchanged: 0, replays: 0 });
    expect(totals(clocked.db)).toEqual([
      ["msg_1", 23],
      ["msg_2", 500],
      ["msg_3", 23],
    ]);
  });

  it("does not count what a fork copied under new ids", async () => {
    using folder = tempFolder();
    using source = new OpencodeDb(folder.at("opencode.db"));
    using clocked = clockedDb();
    source.session("ses_1");
    source.message({ id: "msg_1" });
    source.session("ses_fork", { created: NOON + 60_000 });
    source.message({ id: "msg_copy", session: "ses_fork", updated: NOON + 60_001 });
    source.message({ id: "msg_own", session: "ses_fork", created: NOON + 61_000 });
    await sync(clocked.db, folder);
    expect(ids(clocked.db)).toEqual(["msg_1", "msg_own"]);
  });

  it("reads version 2's tables beside version 1's, where the older messages stand again", async () => {
    using folder = tempFolder();
    using source = new OpencodeDb(folder.at("opencode.db"), [1, 2]);
    using clocked = clockedDb();
    source.session("ses_1");
    source.message({ id: "msg_1" });
    // The upgrade made the session anew: that does not make its messages a fork's.
    source.sessionV2("ses_1", { created: NOON + 3_600_000 });
    source.messageV2({ id: "msg_1" });
    source.messageV2({ id: "msg_2", created: NOON + 3_600_001 });
    source.sessionV2("ses_old", { created: NOON + 3_600_000 });
    source.messageV2({ id: "msg_3", session: "ses_old" });
    source.sessionV2("ses_fork", { created: NOON + 7_200_000, forkOf: "ses_1" });
    source.messageV2({ id: "msg_copy", session: "ses_fork" });
    source.messageV2({ id: "msg_own", session: "ses_fork", created: NOON + 7_200_001 });
    expect((await sync(clocked.db, folder)).malformedCount).toBe(0);
    expect(ids(clocked.db)).toEqual(["msg_1", "msg_2", "msg_3", "msg_own"]);
    expect(clocked.db.messages.byMessageId("msg_2")).toMatchObject([
      { model: "claude-sonnet-4-5", project: "/home/dev/app" },
    ]);
  });

  it("reads page by page, goes on after an interruption, and starts over in another file", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    {
      using source = new OpencodeDb(folder.at("opencode.db"));
      source.session("ses_1");
      source.database.transaction(() => {
        for (let i = 0; i < 1700; i++) source.message({ id: `msg_${i}`, created: NOON + i });
      })();
      const stop = new AbortController();
      const interrupted = syncTranscripts(clocked.db, {
        sources: { opencode: [folder.path] },
        signal: stop.signal,
        onEvent: () => stop.abort(),
      });
      expect(await interrupted.catch((error: { code: string }) => error.code)).toBe("CANCELLED");
      await sync(clocked.db, folder);
      expect(ids(clocked.db)).toHaveLength(1700);
    }
    for (const ending of ["", "-wal", "-shm"])
      rmSync(folder.at(`opencode.db${ending}`), { force: true });
    using source = new OpencodeDb(folder.at("other.db"));
    source.session("ses_1", { created: NOON - 8_000_000 });
    source.message({ id: "msg_early", created: NOON - 7_200_000 });
    source.database.run("VACUUM INTO ?", [folder.at("opencode.db")]);
    await sync(clocked.db, folder);
    expect(ids(clocked.db)).toContain("msg_early");
  });

  it("counts a message that is not JSON, or has no usable figures, and goes on", async () => {
    using folder = tempFolder();
    using source = new OpencodeDb(folder.at("opencode.db"));
    using clocked = clockedDb();
    source.session("ses_1");
    source.message({ id: "msg_1" });
    source.message({ id: "msg_2", tokens: { input: -1 } });
    source.message({ id: "msg_3", data: { time: {} } });
    source.database.run("UPDATE message SET data = '{broken' WHERE id = 'msg_1'");
    source.message({ id: "msg_4" });
    const report = await sync(clocked.db, folder);
    expect(report.malformed.map(({ line }) => line)).toEqual([1, 2, 3]);
    expect(ids(clocked.db)).toEqual(["msg_4"]);
  });

  it("never changes the file, nor waits for long while another writes to it", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    {
      using source = new OpencodeDb(folder.at("opencode.db"));
      source.session("ses_1");
      source.message({ id: "msg_1" });
    }
    const before = readFileSync(folder.at("opencode.db"));
    await sync(clocked.db, folder);
    expect(readFileSync(folder.at("opencode.db")).equals(before)).toBe(true);
    using writer = new Database(folder.at("opencode.db"));
    writer.run("BEGIN IMMEDIATE");
    writer.run("UPDATE message SET time_updated = time_updated + 1");
    using fresh = clockedDb();
    await sync(fresh.db, folder);
    expect(ids(fresh.db)).toEqual(["msg_1"]);
    writer.run("ROLLBACK");
  });

  it("reads a database of another channel, one behind a link, and one named by itself", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    using source = new OpencodeDb(folder.at("kept.db"));
    source.session("ses_1");
    source.message({ id: "msg_1" });
    symlinkSync(folder.at("kept.db"), folder.at("opencode-beta.db"));
    await sync(clocked.db, folder);
    source.message({ id: "msg_2" });
    await sync(clocked.db, folder);
    expect(ids(clocked.db)).toEqual(["msg_1", "msg_2"]);
    using fresh = clockedDb();
    await syncTranscripts(fresh.db, { sources: { opencode: [folder.at("kept.db")] } });
    expect(ids(fresh.db)).toEqual(["msg_1", "msg_2"]);
  });
});

describe("a file in the place of opencode's database", () => {
  const refusal = async (make: (path: string) => void): Promise<string> => {
    using folder = tempFolder();
    using clocked = clockedDb();
    make(folder.at("opencode.db"));
    const before = statSync(folder.at("opencode.db")).mtimeMs;
    const { unreadable } = await sync(clocked.db, folder);
    expect(statSync(folder.at("opencode.db")).mtimeMs).toBe(before);
    expect(unreadable).toHaveLength(1);
    expect(clocked.db.messages.count()).toBe(0);
    return unreadable[0]?.reason ?? "";
  };
  const create = (path: string, sql: string): void => {
    using database = new Database(path, { create: true });
    database.run(sql);
  };

  it("is refused by what it is: no database, or a foreign one", async () => {
    expect(await refusal((path) => writeFileSync(path, "text".repeat(1000)))).toContain(
      "not a database",
    );
    expect(await refusal((path) => create(path, "CREATE TABLE song (id)"))).toContain(
      "only the tables song",
    );
    expect(await refusal((path) => openUsageDb(path).close())).toContain("a database of usagedb");
  });

  it("is refused by the columns that a newer version moved elsewhere", async () => {
    expect(
      await refusal((path) => create(path, "CREATE TABLE message (id TEXT, body TEXT)")),
    ).toContain("its table message has no column session_id, time_created, time_updated, data");
  });

  it("is read again once it is what it should be", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    writeFileSync(folder.at("opencode.db"), "text");
    expect((await sync(clocked.db, folder)).unreadable).toHaveLength(1);
    rmSync(folder.at("opencode.db"));
    using source = new OpencodeDb(folder.at("opencode.db"));
    source.session("ses_1");
    source.message({ id: "msg_1" });
    expect((await sync(clocked.db, folder)).unreadable).toEqual([]);
    expect(ids(clocked.db)).toEqual(["msg_1"]);
  });
});

describe("opencode's files before version 1.2", () => {
  const file = (id: string, extra: object = {}): object => ({
    id,
    sessionID: "ses_1",
    role: "assistant",
    modelID: "gpt-5",
    cost: 0,
    time: { created: NOON },
    tokens: { input: 10, output: 20, reasoning: 0, cache: { read: 0, write: 0 } },
    ...extra,
  });
  const write = (folder: TempFolder, id: string, content: object | string): void =>
    writeLines(folder.at("storage", "message", "ses_1", `${id}.json`), [content]);

  it("are read by session, again when one of them changed, and count once beside the database", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    writeLines(folder.at("storage", "session", "project", "ses_1.json"), [
      { id: "ses_1", directory: "/home/dev/app", parentID: "ses_0", time: { created: NOON - 1 } },
    ]);
    write(folder, "msg_1", file("msg_1"));
    write(folder, "msg_2", file("msg_2", { role: "user" }));
    write(folder, "msg_3", "{broken");
    write(folder, "msg_4", file("msg_4", { time: { created: NOON - 5000 } }));
    const report = await sync(clocked.db, folder);
    expect(report).toMatchObject({ filesFound: 1, malformedCount: 1 });
    expect(report.malformed[0]?.path).toBe(folder.at("storage", "message", "ses_1", "msg_3.json"));
    expect(clocked.db.messages.bySession("ses_1")).toMatchObject([
      { message_id: "msg_1", project: "/home/dev/app", is_sidechain: 1, model: "gpt-5" },
    ]);
    expect((await sync(clocked.db, folder)).filesRead).toBe(0);
    write(folder, "msg_5", file("msg_5"));
    using source = new OpencodeDb(folder.at("opencode.db"));
    source.session("ses_1");
    source.message({ id: "msg_1" });
    source.message({ id: "msg_6" });
    await sync(clocked.db, folder);
    expect(ids(clocked.db)).toEqual(["msg_1", "msg_5", "msg_6"]);
  });
});
