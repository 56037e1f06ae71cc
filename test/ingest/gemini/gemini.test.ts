import { describe, expect, it } from "bun:test";
import { truncateSync, writeFileSync } from "node:fs";
import { type SyncReport, syncTranscripts, type UsageDb } from "../../../src/index.ts";
import { tempFolder, type TempFolder } from "../../support/temp-folder.ts";
import { appendLines, writeLines } from "../../support/transcripts.ts";
import { clockedDb, NOON } from "../../support/usage-db.ts";

const SESSION = "f86f5318-f47b-4433-85f8-ec9d9a417f8e";
const uuid = (n: number): string => `91ff4a35-0f7b-492d-8a04-${String(n).padStart(12, "0")}`;
const sync = (db: UsageDb, folder: TempFolder): Promise<SyncReport> =>
  syncTranscripts(db, { sources: { gemini: [folder.at("tmp")] } });
const chat = (folder: TempFolder, name = "session-2026-11-20T12-00-f86f5318.jsonl"): string =>
  folder.at("tmp", "app", "chats", name);
const ids = (db: UsageDb): unknown[] =>
  db.connection.readOnce("SELECT message_id FROM usage_messages ORDER BY 1").flat();

const answer = (n: number, extra: object = {}): Record<string, unknown> => ({
  id: uuid(n),
  timestamp: new Date(NOON + n * 1000).toISOString(),
  type: "gemini",
  content: "…",
  model: "gemini-2.5-pro",
  tokens: { input: 100, output: 20, cached: 60, thoughts: 5, tool: 3, total: 128 },
  ...extra,
});
const metadata = (extra: object = {}): object => ({
  sessionId: SESSION,
  projectHash: "79b6fa86e3c0",
  startTime: new Date(NOON).toISOString(),
  lastUpdated: new Date(NOON).toISOString(),
  ...extra,
});
const document = (messages: readonly object[]): string =>
  JSON.stringify({ ...metadata(), messages }, null, 2);

describe("Gemini CLI's lines", () => {
  it("give input without what was cached and with what tools added, output with thoughts", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    writeLines(chat(folder), [
      metadata(),
      { id: uuid(9), timestamp: new Date(NOON).toISOString(), type: "user", content: "hi" },
      answer(1, { tokens: null }),
      answer(1),
      { $set: { lastUpdated: "later" } },
    ]);
    expect((await sync(clocked.db, folder)).malformedCount).toBe(0);
    expect(clocked.db.messages.bySession(SESSION)).toMatchObject([
      {
        agent: "gemini",
        message_id: uuid(1),
        project: "app",
        model: "gemini-2.5-pro",
        timestamp: NOON + 1000,
        is_sidechain: 0,
        input_tokens: 43,
        cache_read_tokens: 60,
        output_tokens: 25,
      },
    ]);
  });

  it("are read on from where they ended, and know their session still", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    writeLines(chat(folder), [metadata({ kind: "subagent" }), answer(1)]);
    await sync(clocked.db, folder);
    appendLines(chat(folder), [answer(2), answer(1), { $rewindTo: uuid(2) }]);
    expect(await sync(clocked.db, folder)).toMatchObject({
      messages: { inserted: 1, unchanged: 1 },
    });
    const messages = clocked.db.messages.bySession(SESSION);
    expect(messages.map(({ is_sidechain }) => is_sidechain)).toEqual([1, 1]);
  });

  it("count messages that are set anew as a whole once", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    writeLines(chat(folder), [
      metadata(),
      answer(1),
      { $set: { messages: [answer(1), answer(2)], lastUpdated: "later" } },
    ]);
    await sync(clocked.db, folder);
    expect(ids(clocked.db)).toEqual([uuid(1), uuid(2)]);
  });

  it("name the project as the agent noted it, and a sub-agent's file below its session's", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    writeLines(folder.at("tmp", "app", ".project_root"), ["/home/dev/app\n"]);
    writeLines(chat(folder, `${SESSION}/sub.jsonl`), [
      metadata({ sessionId: "sub", kind: "subagent" }),
      answer(1, { id: "1" }),
    ]);
    await sync(clocked.db, folder);
    expect(clocked.db.messages.bySession("sub")).toMatchObject([
      { project: "/home/dev/app", is_sidechain: 1, message_id: "sub:1" },
    ]);
  });

  it("are only looked for where chats are", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    writeLines(folder.at("tmp", "app", "logs.json"), [answer(1)]);
    writeLines(folder.at("tmp", "app", "checkpoints", "one.json"), [answer(1)]);
    expect((await sync(clocked.db, folder)).filesFound).toBe(0);
  });
});

describe("Gemini CLI's documents", () => {
  const name = "session-2026-11-20T12-00-f86f5318.json";

  it("are read as a whole whenever they change, and count once when they became lines", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    writeLines(chat(folder, name), [document([answer(1)])]);
    await sync(clocked.db, folder);
    expect((await sync(clocked.db, folder)).filesRead).toBe(0);
    writeFileSync(chat(folder, name), document([answer(1), answer(2, { model: undefined })]));
    expect(await sync(clocked.db, folder)).toMatchObject({
      messages: { inserted: 1, unchanged: 1 },
    });
    writeLines(chat(folder), [metadata(), answer(1), answer(2), answer(3)]);
    await sync(clocked.db, folder);
    expect(ids(clocked.db)).toEqual([uuid(1), uuid(2), uuid(3)]);
  });

  it("know the place of a message", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    const text = document([answer(1), answer(2)]);
    writeLines(chat(folder, name), [text]);
    await sync(clocked.db, folder);
    expect(clocked.db.messages.byMessageId(uuid(2))[0]?.source_offset).toBe(
      Buffer.from(text).indexOf(`"${uuid(2)}"`),
    );
  });

  it("that are none, cut or too large are counted, and the rest is read", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    writeLines(chat(folder, name), [document([answer(1), answer(2, { tokens: { input: -1 } })])]);
    writeLines(chat(folder, "session-cut.json"), [document([answer(3)]).slice(0, -20)]);
    writeLines(chat(folder, "session-list.json"), ["[1, 2]"]);
    writeLines(chat(folder, "session-large.json"), [""]);
    truncateSync(chat(folder, "session-large.json"), 65 << 20);
    const report = await sync(clocked.db, folder);
    expect(report.malformedCount).toBe(3);
    expect(report.unreadable).toEqual([
      {
        path: chat(folder, "session-large.json"),
        reason: "a document of more than 64 MB, passed over",
      },
    ]);
    expect(ids(clocked.db)).toEqual([uuid(1)]);
  });
});
