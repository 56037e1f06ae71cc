import { describe, expect, it } from "bun:test";
import {
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import {
  openUsageDb,
  parseUsageStats,
  reportDaily,
  type SyncReport,
  syncTranscripts,
  type UsageDb,
} from "../../src/index.ts";
import { errorOfAsync } from "../support/error-of.ts";
import { OpencodeDb } from "../support/opencode-db.ts";
import { sessionMeta, turns as codexTurns } from "../support/rollouts.ts";
import { tempFolder, type TempFolder } from "../support/temp-folder.ts";
import { appendLines, assistant, writeLines } from "../support/transcripts.ts";
import { clockedDb, NOON } from "../support/usage-db.ts";

const sync = (db: UsageDb, folder: TempFolder): Promise<SyncReport> =>
  syncTranscripts(db, { claudeRoots: [folder.at("projects")] });
const transcript = (folder: TempFolder, session = "session-1"): string =>
  folder.at("projects", "-home-dev-app", `${session}.jsonl`);
const totals = (db: UsageDb): number => reportDaily(db, { timeZone: "UTC" }).totals.totalTokens;

/** Everything a sync may have written, for "nothing changed" and "the same as". */
function contents(db: UsageDb): unknown {
  return ["usage_messages", "usage_rollups", "events"].map((table) =>
    db.connection
      .readOnce(`SELECT * FROM ${table} ORDER BY 1, 2, 3`)
      .map((row) => row.slice(table === "usage_messages" ? 1 : 0)),
  );
}

describe("syncTranscripts()", () => {
  it("reads sessions, sub-agents and hours, and stores one snapshot a session", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    const { db } = clocked;
    writeLines(transcript(folder), [
      { type: "user" },
      assistant({ id: "m1" }),
      assistant({ id: "m2", timestamp: NOON + 5000 }),
    ]);
    writeLines(folder.at("projects", "-home-dev-app", "session-1", "subagents", "agent-1.jsonl"), [
      assistant({ id: "m3", isSidechain: true, model: "claude-sonnet-4-5-20250929" }),
    ]);
    const report = await sync(db, folder);
    expect(report).toMatchObject({
      filesFound: 2,
      filesRead: 2,
      sessionsChanged: 1,
      snapshots: 1,
      malformedCount: 0,
    });
    expect(report.messages).toEqual({ inserted: 3, updated: 0, unchanged: 0, replays: 0 });
    expect(db.sessions.get("session-1")).toMatchObject({
      agent: "claude",
      project: "/home/dev/app",
      started_at: NOON,
      last_seen_at: NOON + 5000,
    });
    const stats = JSON.parse(db.snapshots.latest("session-1")?.snapshot_data ?? "{}") as {
      totals: { total_tokens: number };
      current_session: { models: unknown[] };
    };
    expect(stats.totals.total_tokens).toBe(300);
    expect(stats.current_session.models).toHaveLength(2);
    expect(totals(db)).toBe(300);
  });

  it("reads only what is new, and nothing when nothing is", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    const { db } = clocked;
    writeLines(transcript(folder), [assistant({ id: "m1" })]);
    await sync(db, folder);
    const before = contents(db);
    expect(await sync(db, folder)).toMatchObject({
      filesFound: 1,
      filesRead: 0,
      bytesRead: 0,
      snapshots: 0,
    });
    expect(contents(db)).toEqual(before);
    const added = assistant({ id: "m2" });
    appendLines(transcript(folder), [added]);
    expect(await sync(db, folder)).toMatchObject({
      filesRead: 1,
      bytesRead: JSON.stringify(added).length + 1,
      snapshots: 1,
    });
    expect(totals(db)).toBe(200);
  });

  it("stores no snapshot when a session's figures are as before", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    writeLines(transcript(folder), [assistant({ id: "m1" })]);
    await sync(clocked.db, folder);
    appendLines(transcript(folder), [assistant({ id: "m1" })]);
    expect(await sync(clocked.db, folder)).toMatchObject({
      filesRead: 1,
      sessionsChanged: 1,
      snapshots: 0,
    });
  });

  it("keeps everything when transcripts are deleted, and notes which are gone", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    const { db } = clocked;
    writeLines(transcript(folder), [assistant({ id: "m1" })]);
    writeLines(transcript(folder, "session-2"), [assistant({ id: "m2", sessionId: "session-2" })]);
    await sync(db, folder);
    const before = contents(db);
    rmSync(transcript(folder));
    expect(await sync(db, folder)).toMatchObject({ filesFound: 1, filesMissing: 1, filesRead: 0 });
    expect(await sync(db, folder)).toMatchObject({ filesMissing: 1 });
    expect(contents(db)).toEqual(before);
    expect(
      db.sources.list("claude").filter(({ missing_since }) => missing_since === NOON),
    ).toHaveLength(1);
    rmSync(folder.at("projects"), { recursive: true });
    await sync(db, folder);
    expect(contents(db)).toEqual(before);
  });

  it("comes to the same after a file is renamed, rewritten shorter, appended twice or touched", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    const { db } = clocked;
    const lines = Array.from({ length: 5 }, (_, i) =>
      assistant({ id: `m${i}`, timestamp: NOON + i }),
    );
    writeLines(transcript(folder), lines);
    await sync(db, folder);
    const before = totals(db);
    appendLines(transcript(folder), [...lines, ...lines]);
    await sync(db, folder);
    expect(totals(db)).toBe(before);
    renameSync(transcript(folder), transcript(folder, "renamed"));
    await sync(db, folder);
    expect(totals(db)).toBe(before);
    writeLines(transcript(folder, "renamed"), lines.slice(0, 2));
    await sync(db, folder);
    expect(totals(db)).toBe(before);
    utimesSync(transcript(folder, "renamed"), 1, 1);
    await sync(db, folder);
    expect(totals(db)).toBe(before);
    expect(db.messages.count()).toBe(5);
  });

  it("reads a file from the start when it was rewritten in place, even to the same length", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    const { db } = clocked;
    // Far from both edges of the file, whose hash would give a change away.
    const pad = { pad: "x".repeat(5000) };
    const first = ["m1", "m2", "m3"].map((id) => assistant({ id, extra: pad }));
    writeLines(transcript(folder), first);
    await sync(db, folder);
    const size = statSync(transcript(folder)).size;
    writeLines(transcript(folder), [
      first[0] as object,
      JSON.stringify(first[1]).replace('"m2"', '"mX"') + "\n",
      first[2] as object,
    ]);
    expect(statSync(transcript(folder)).size).toBe(size);
    utimesSync(transcript(folder), 5, 5);
    await sync(db, folder);
    expect(
      db.messages
        .bySession("session-1")
        .map(({ message_id }) => message_id)
        .sort(),
    ).toEqual(["m1", "m2", "m3", "mX"]);
    truncateSync(transcript(folder), 0);
    writeLines(transcript(folder), [assistant({ id: "fresh", extra: { pad: "x".repeat(size) } })]);
    await sync(db, folder);
    expect(db.messages.count()).toBe(5);
  });

  it("uses a last line that is whole but has no line end, and a cut one once it is finished", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    const { db } = clocked;
    const last = JSON.stringify(
      assistant({ id: "m2", content: [{ type: "text", text: "日本語 🚀" }] }),
    );
    writeLines(transcript(folder), [assistant({ id: "m1" }), last.slice(0, 150)]);
    expect(await sync(db, folder)).toMatchObject({ malformedCount: 0 });
    expect(totals(db)).toBe(100);
    appendLines(transcript(folder), [last.slice(150)]);
    await sync(db, folder);
    expect(totals(db)).toBe(200);
    appendLines(transcript(folder), ["\n", assistant({ id: "m3" })]);
    expect(await sync(db, folder)).toMatchObject({ malformedCount: 0 });
    expect(totals(db)).toBe(300);
  });

  it("survives CRLF, blank lines, a byte order mark, spaces in JSON and null ids inside a tool's input", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    const spaced = JSON.stringify(assistant({ id: "m2" }))
      .replaceAll(":{", ": {")
      .replaceAll('":', '" :');
    const nullId = assistant({
      id: "m3",
      content: [
        { type: "tool_use", id: "t", input: { id: null, text: '"usage":{"input_tokens":999999}' } },
      ],
    });
    writeLines(transcript(folder), [
      `\ufeff${JSON.stringify(assistant({ id: "m1" }))}\r\n`,
      "\r\n",
      "   \n",
      `${spaced}\r\n`,
      nullId,
    ]);
    expect(await sync(clocked.db, folder)).toMatchObject({ malformedCount: 0 });
    expect(totals(clocked.db)).toBe(300);
  });

  it("keeps names beyond ASCII as they are, escaped in the file or not", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    const plain = assistant({ id: "m1", cwd: "/home/dév/日本 🚀" });
    const escaped = JSON.stringify(
      assistant({ id: "m2", cwd: "/home/dév", sessionId: "s-é" }),
    ).replaceAll("é", "\\u00e9");
    writeLines(transcript(folder), [plain, `${escaped}\n`]);
    await sync(clocked.db, folder);
    const projects = clocked.db.connection.readOnce(
      "SELECT project, session_id FROM usage_messages ORDER BY message_id",
    );
    expect(projects).toEqual([
      ["/home/dév/日本 🚀", "session-1"],
      ["/home/dév", "s-é"],
    ]);
  });

  it("counts and names malformed lines by file and line, and goes on", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    writeLines(transcript(folder), [
      assistant({ id: "m1" }),
      "not json at all {{{\n",
      '{"type":"assistant","message":{"usage":{}} \n',
      assistant({ id: "m2", usage: { output_tokens: -5 } }),
      assistant({ id: "m3" }),
    ]);
    const report = await sync(clocked.db, folder);
    expect(report.malformedCount).toBe(3);
    expect(report.malformed.map(({ line, path }) => [path, line])).toEqual(
      [2, 3, 4].map((line) => [transcript(folder), line]),
    );
    expect(totals(clocked.db)).toBe(200);
    appendLines(transcript(folder), ["again bad\n"]);
    const second = await sync(clocked.db, folder);
    expect(second.malformed).toEqual([
      { path: transcript(folder), line: 6, reason: "not a JSON object" },
    ]);
    expect(clocked.db.sources.list("claude")[0]?.malformed_count).toBe(4);
  });

  it("stores a limit that was hit as one event, however often it is read", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    const limit = assistant({
      model: "<synthetic>",
      content: [{ type: "text", text: "Claude AI usage limit reached|1770000000" }],
      extra: { isApiErrorMessage: true },
    });
    writeLines(transcript(folder), [limit, limit]);
    await sync(clocked.db, folder);
    appendLines(transcript(folder), [limit]);
    await sync(clocked.db, folder);
    expect(clocked.db.events.recent()).toMatchObject([
      { hook_event_type: "UsageLimitReached", session_id: "session-1" },
    ]);
    expect(clocked.db.messages.count()).toBe(0);
  });

  it("leaves a resumed session's copies with the older file, whatever the names", async () => {
    for (const [older, newer] of [
      ["a", "b"],
      ["b", "a"],
    ] as const) {
      using folder = tempFolder();
      using clocked = clockedDb();
      const copied = (sessionId: string): object => assistant({ id: "m1", sessionId });
      writeLines(transcript(folder, older), [copied(older)]);
      writeLines(transcript(folder, newer), [
        copied(newer),
        assistant({ id: "m2", sessionId: newer }),
      ]);
      utimesSync(transcript(folder, older), 1000, 1000);
      utimesSync(transcript(folder, newer), 2000, 2000);
      await sync(clocked.db, folder);
      expect(clocked.db.messages.bySession(older).map(({ message_id }) => message_id)).toEqual([
        "m1",
      ]);
      expect(clocked.db.messages.bySession(newer).map(({ message_id }) => message_id)).toEqual([
        "m2",
      ]);
    }
  });

  it("passes folders, loops of links and other things in a transcript's place, naming what it cannot read", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    writeLines(transcript(folder), [assistant({ id: "m1" })]);
    mkdirSync(transcript(folder, "folder"));
    symlinkSync(folder.at("projects"), folder.at("projects", "loop"));
    symlinkSync(folder.at("nowhere"), transcript(folder, "dangling"));
    writeFileSync(transcript(folder, "binary"), Buffer.from([0, 255, 10, 1, 2, 3, 10]));
    const report = await sync(clocked.db, folder);
    expect(report).toMatchObject({
      filesFound: 2,
      malformedCount: 2,
      unreadable: [{ path: transcript(folder, "folder"), reason: "EISDIR" }],
    });
    expect(totals(clocked.db)).toBe(100);
    rmSync(folder.at("projects"), { recursive: true });
    writeFileSync(folder.at("projects"), "a file");
    expect((await sync(clocked.db, folder)).unreadable).toEqual([
      { path: folder.at("projects"), reason: "ENOTDIR" },
    ]);
  });

  it("passes a link that leads to itself, and reads the rest", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    writeLines(transcript(folder), [assistant({ id: "m1" })]);
    symlinkSync("loop.jsonl", transcript(folder, "loop"));
    const report = await sync(clocked.db, folder);
    expect(report.unreadable).toEqual([{ path: transcript(folder, "loop"), reason: "ELOOP" }]);
    expect(totals(clocked.db)).toBe(100);
  });

  it("lets an error of the listener through as it is", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    writeLines(transcript(folder), ["bad\n", assistant({ id: "m1" })]);
    const broken = Object.assign(new Error("EPIPE: broken pipe"), {
      code: "EPIPE",
      syscall: "write",
    });
    const throwing = syncTranscripts(clocked.db, {
      claudeRoots: [folder.at("projects")],
      onEvent: () => {
        throw broken;
      },
    });
    expect(throwing).rejects.toBe(broken);
  });

  it("gives a fork's copies to the older file even when that one grew later", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    const copied = (sessionId: string): object => assistant({ id: "m1", sessionId });
    writeLines(transcript(folder, "original"), [copied("original")]);
    await Bun.sleep(15);
    writeLines(transcript(folder, "fork"), [copied("fork")]);
    await Bun.sleep(15);
    appendLines(transcript(folder, "original"), [assistant({ id: "m2", sessionId: "original" })]);
    await sync(clocked.db, folder);
    expect(clocked.db.messages.bySession("original")).toHaveLength(2);
    expect(clocked.db.messages.bySession("fork")).toEqual([]);
  });

  it("lets others run while a file says nothing of usage", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    const silent = JSON.stringify({ type: "file-history-snapshot", snapshot: "x".repeat(1 << 20) });
    writeLines(transcript(folder), [
      ...Array.from({ length: 24 }, () => `${silent}\n`),
      assistant(),
    ]);
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    let events = 0;
    await syncTranscripts(clocked.db, {
      claudeRoots: [folder.at("projects")],
      onEvent: () => events++,
    });
    clearInterval(timer);
    expect(events).toBeGreaterThan(3);
    expect(turns).toBeGreaterThan(0);
    expect(totals(clocked.db)).toBe(100);
  });

  it("says nothing of files below other roots", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    writeLines(transcript(folder), [assistant({ id: "m1" })]);
    await sync(clocked.db, folder);
    const report = await syncTranscripts(clocked.db, { claudeRoots: [folder.at("elsewhere")] });
    expect(report.filesMissing).toBe(0);
    expect(clocked.db.sources.list("claude")).toMatchObject([{ missing_since: null }]);
  });

  it("stops at a whole step when it is aborted, and goes on from there", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    const { db } = clocked;
    const lines = Array.from({ length: 12_000 }, (_, i) => assistant({ id: `m${i}` }));
    writeLines(transcript(folder), lines);
    const stop = new AbortController();
    const interrupted = syncTranscripts(db, {
      claudeRoots: [folder.at("projects")],
      signal: stop.signal,
      onEvent: () => stop.abort(),
    });
    expect((await errorOfAsync(interrupted)).code).toBe("CANCELLED");
    const [source] = db.sources.list("claude");
    const stored = db.messages.count();
    expect(stored).toBeGreaterThan(0);
    expect(stored).toBeLessThan(12_000);
    expect(source?.line_count).toBe(stored);
    expect(await sync(db, folder)).toMatchObject({ messages: { inserted: 12_000 - stored } });
    expect(totals(db)).toBe(1_200_000);
  });

  it("refuses options that it does not know", async () => {
    using clocked = clockedDb();
    expect(
      (await errorOfAsync(syncTranscripts(clocked.db, { claudeRoots: [], root: "x" } as never)))
        .code,
    ).toBe("OPTION_UNKNOWN");
  });
});

/**
 * Strategy: several processes sync the same transcripts into one file, and are killed with SIGKILL at random moments.
 * Invariants: what is stored is always whole (hours equal messages, database valid); a last undisturbed sync makes it
 * equal to one that was never disturbed.
 */
describe("syncTranscripts() under kills and beside others", () => {
  const seed = Number(process.env["USAGEDB_TEST_SEED"] ?? Date.now() % 1_000_000);
  it(`ends equal to an undisturbed sync (seed ${seed})`, async () => {
    let state = seed;
    const random = (): number => (state = (state * 48_271 + 11) % 2_147_483_647) / 2_147_483_647;
    using folder = tempFolder();
    for (let file = 0; file < 8; file++) {
      const lines = Array.from({ length: 3000 }, (_, i) =>
        assistant({
          id: `m${file % 6}-${Math.floor(i / 2)}`,
          sessionId: `s${file}`,
          timestamp: NOON + i * 60_000,
          usage: { output_tokens: i % 7 },
        }),
      );
      writeLines(transcript(folder, `s${file}`), lines);
      utimesSync(transcript(folder, `s${file}`), 1000 + file, 1000 + file);
    }
    writeLines(folder.at("sessions", "rollout-1.jsonl"), [sessionMeta(), ...codexTurns(7000)]);
    {
      mkdirSync(folder.at("opencode"));
      using source = new OpencodeDb(folder.at("opencode", "opencode.db"));
      source.session("ses_1");
      source.database.transaction(() => {
        for (let i = 0; i < 6000; i++) source.message({ id: `msg_${i}`, created: NOON + i });
      })();
    }
    const spawn = (path: string): Bun.Subprocess =>
      Bun.spawn([process.execPath, "src/cli/bin.ts", "sync", "--quiet", "--db", path], {
        env: {
          ...process.env,
          HOME: folder.path,
          CLAUDE_CONFIG_DIR: folder.path,
          CODEX_HOME: folder.path,
          XDG_DATA_HOME: folder.path,
        },
        stdout: "ignore",
        stderr: "ignore",
      });
    await spawn(folder.at("calm.db")).exited;
    for (let round = 0; round < 8; round++) {
      const victims = [spawn(folder.at("wild.db")), spawn(folder.at("wild.db"))];
      await Bun.sleep(20 + random() * 250);
      for (const victim of victims) victim.kill("SIGKILL");
      await Promise.all(victims.map(({ exited }) => exited));
    }
    const last = [spawn(folder.at("wild.db")), spawn(folder.at("wild.db"))];
    expect(await Promise.all(last.map(({ exited }) => exited))).toEqual([0, 0]);
    using calm = openUsageDb(folder.at("calm.db"), { mode: "read" });
    const agents = calm.connection.readOnce(
      "SELECT agent, count(*) FROM usage_messages GROUP BY 1",
    );
    expect(agents).toEqual([
      ["claude", 9000],
      ["codex", 7000],
      ["opencode", 6000],
    ]);
    using wild = openUsageDb(folder.at("wild.db"), { mode: "read" });
    expect(wild.migrations.validate().findings).toEqual([]);
    // A snapshot commits with what it tells of, so no kill leaves a session without its newest one.
    const sums = wild.connection.readOnce(
      `SELECT session_id, sum(input_tokens + output_tokens + cache_write_5m_tokens + cache_write_1h_tokens + cache_read_tokens)
       FROM usage_messages GROUP BY session_id`,
    );
    expect(sums.length).toBeGreaterThan(0);
    for (const [sessionId, sum] of sums) {
      const data = wild.snapshots.latest(String(sessionId))?.snapshot_data ?? "{}";
      expect(parseUsageStats(data)).toMatchObject({
        version: 2,
        current_session: { total_tokens: sum },
      });
    }
    const figures = (db: UsageDb): unknown =>
      db.connection.readOnce(
        "SELECT message_id, timestamp, model, output_tokens FROM usage_messages ORDER BY message_id",
      );
    expect(figures(wild)).toEqual(figures(calm));
    expect(reportDaily(wild, { timeZone: "UTC" })).toEqual(reportDaily(calm, { timeZone: "UTC" }));
  }, 60_000);
});
