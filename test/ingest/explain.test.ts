import { describe, expect, it } from "bun:test";
import { rmSync, utimesSync } from "node:fs";
import {
  explainMessage,
  type MessageExplanation,
  syncTranscripts,
  type UsageDb,
} from "../../src/index.ts";
import { renderExplanation } from "../../src/cli/render-explanation.ts";
import { errorOfAsync } from "../support/error-of.ts";
import { OpencodeDb } from "../support/opencode-db.ts";
import { sessionMeta, turns } from "../support/rollouts.ts";
import { tempFolder, type TempFolder } from "../support/temp-folder.ts";
import { appendLines, assistant, writeLines } from "../support/transcripts.ts";
import { clockedDb, NOON } from "../support/usage-db.ts";

const file = (folder: TempFolder, name: string): string => folder.at("claude", `${name}.jsonl`);
const sync = (db: UsageDb, folder: TempFolder): ReturnType<typeof syncTranscripts> =>
  syncTranscripts(db, { sources: { claude: [folder.at("claude")], codex: [folder.at("codex")] } });
const line = (output: number, rest: object = {}): object =>
  assistant({ id: "m1", usage: { output_tokens: output }, ...rest });
/** Where each line stands, and what became of it. */
const verdicts = ({ claims }: MessageExplanation): unknown[] =>
  claims.map(({ path, verdict, isStillThere, tokens }) => [
    path?.split("/").at(-1),
    tokens.output,
    verdict,
    isStillThere,
  ]);

describe("explainMessage()", () => {
  it("lists the lines of a response, and says that the largest counts", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    const lines = [
      line(1),
      line(50, { timestamp: NOON + 1 }),
      line(20),
      line(50, { timestamp: NOON + 9 }),
    ];
    writeLines(file(folder, "a"), [...lines, assistant({ id: "m2" })]);
    await sync(clocked.db, folder);
    const explanation = await explainMessage(clocked.db, "m1");
    expect(verdicts(explanation)).toEqual([
      ["a.jsonl", 50, "counts", true],
      ["a.jsonl", 1, "smaller-total", true],
      ["a.jsonl", 20, "smaller-total", true],
      ["a.jsonl", 50, "later", true],
    ]);
    const [winner, first] = explanation.claims;
    expect(winner).toMatchObject({
      agent: "claude",
      path: file(folder, "a"),
      offset: JSON.stringify(lines[0]).length + 1,
      sessionId: "session-1",
      requestId: "req_1",
      isSidechain: false,
      reason: "the earliest of those with the largest total",
      tokens: { input: 10, output: 50, cacheWrite5m: 30, cacheRead: 40, total: 130 },
    });
    expect(first).toMatchObject({ offset: 0, reason: expect.stringContaining("49 tokens less") });
    expect(explanation).toMatchObject({ filesSearched: 1, filesGone: 0, unreadable: [] });
    expect(explanation.messages).toMatchObject([{ message_id: "m1", output_tokens: 50 }]);
  });

  it("tells copies in other files from the line that was first, and sidechains from the main chain", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    writeLines(file(folder, "a"), [line(20)]);
    writeLines(file(folder, "b"), [
      line(20, { sessionId: "b" }),
      line(900, { sessionId: "b", requestId: "req_9", isSidechain: true }),
      line(900, { sessionId: "b", requestId: null }),
      line(900, { sessionId: "b", isSidechain: true }),
    ]);
    for (const [name, time] of [
      ["a", 1000],
      ["b", 2000],
    ] as const)
      utimesSync(file(folder, name), time, time);
    await sync(clocked.db, folder);
    expect(verdicts(await explainMessage(clocked.db, "m1"))).toEqual([
      ["a.jsonl", 20, "counts", true],
      ["b.jsonl", 20, "copy", true],
      ["b.jsonl", 900, "sidechain-copy", true],
      ["b.jsonl", 900, "no-request", true],
      ["b.jsonl", 900, "sidechain-copy", true],
    ]);
  });

  it("keeps the line that counts when its file is gone or was written anew", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    writeLines(file(folder, "a"), [line(50)]);
    writeLines(file(folder, "b"), [line(20)]);
    await sync(clocked.db, folder);
    writeLines(file(folder, "a"), [assistant({ id: "m9" })]);
    expect(verdicts(await explainMessage(clocked.db, "m1"))).toEqual([
      ["a.jsonl", 50, "counts", false],
      ["b.jsonl", 20, "smaller-total", true],
    ]);
    rmSync(file(folder, "a"));
    rmSync(file(folder, "b"));
    const explanation = await explainMessage(clocked.db, "m1");
    expect(verdicts(explanation)).toEqual([["a.jsonl", 50, "counts", false]]);
    expect(explanation).toMatchObject({ filesSearched: 0, filesGone: 2 });
    expect(explanation.claims[0]?.reason).toBe("the only line known");
  });

  it("says of a message from another machine where it was read", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    clocked.db.messages.record([
      {
        agent: "claude",
        message_id: "m1",
        request_id: "",
        session_id: "s1",
        project: "/app",
        model: "claude-opus-4-6",
        host: "laptop",
        timestamp: NOON,
        is_sidechain: 0,
        input_tokens: 1,
        output_tokens: 2,
        cache_write_5m_tokens: 0,
        cache_write_1h_tokens: 0,
        cache_read_tokens: 0,
        reported_cost_usd: null,
        source_id: null,
        source_offset: null,
      },
    ]);
    writeLines(file(folder, "a"), []);
    const { claims } = await explainMessage(clocked.db, "m1");
    expect(claims).toMatchObject([
      { verdict: "counts", host: "laptop", path: null, isStillThere: false },
    ]);
    expect(renderExplanation(await explainMessage(clocked.db, "m1"))).toContain(
      "* read on laptop\n",
    );
  });

  it("says of a line that would count that it was not read yet", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    writeLines(file(folder, "a"), [line(20)]);
    await sync(clocked.db, folder);
    appendLines(file(folder, "a"), [line(70)]);
    expect(verdicts(await explainMessage(clocked.db, "m1"))).toEqual([
      ["a.jsonl", 20, "counts", true],
      ["a.jsonl", 70, "unread", true],
    ]);
    await sync(clocked.db, folder);
    expect(verdicts(await explainMessage(clocked.db, "m1"))).toEqual([
      ["a.jsonl", 70, "counts", true],
      ["a.jsonl", 20, "smaller-total", true],
    ]);
  });

  it("finds lines whose id is made of what they say, and rows of a database", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    for (const name of ["one", "two"])
      writeLines(folder.at("codex", `rollout-${name}.jsonl`), [sessionMeta(), ...turns(2)]);
    await sync(clocked.db, folder);
    const [[codexId] = []] = clocked.db.connection.readOnce(
      "SELECT message_id FROM usage_messages ORDER BY timestamp LIMIT 1",
    );
    const codex = await explainMessage(clocked.db, String(codexId));
    expect(codex.claims.map(({ verdict }) => verdict)).toEqual(["counts", "copy"]);
    using source = new OpencodeDb(folder.at("opencode.db"));
    source.session("ses_1");
    source.message({ id: "msg_1" });
    source.message({ id: "msg_2" });
    await syncTranscripts(clocked.db, { sources: { opencode: [folder.path] } });
    const row = await explainMessage(clocked.db, "msg_2");
    expect(row.claims).toMatchObject([{ verdict: "counts", offset: 2, agent: "opencode" }]);
  });

  it("finds nothing for an id that nobody has, and refuses what is no id", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    writeLines(file(folder, "a"), [line(20)]);
    await sync(clocked.db, folder);
    expect(await explainMessage(clocked.db, "m3")).toMatchObject({
      messages: [],
      claims: [],
      filesSearched: 1,
    });
    expect((await errorOfAsync(explainMessage(clocked.db, ""))).code).toBe("VALUE_INVALID");
    const other = { agent: "copilot" } as never;
    expect((await errorOfAsync(explainMessage(clocked.db, "m1", other))).code).toBe(
      "VALUE_INVALID",
    );
  });

  it("stops when it is told to", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    writeLines(file(folder, "a"), [line(20)]);
    await sync(clocked.db, folder);
    const stopped = explainMessage(clocked.db, "m1", { signal: AbortSignal.abort() });
    expect((await errorOfAsync(stopped)).code).toBe("CANCELLED");
  });
});
