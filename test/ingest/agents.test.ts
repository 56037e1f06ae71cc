import { describe, expect, it } from "bun:test";
import {
  copyFileSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { syncTranscripts, transcriptSources, type UsageDb } from "../../src/index.ts";
import { AGENT_NAMES, AGENTS } from "../../src/ingest/agents.ts";
import { errorOfAsync } from "../support/error-of.ts";
import { SESSION, sessionMeta, tokenCount, turnContext, turns } from "../support/rollouts.ts";
import { tempFolder, type TempFolder } from "../support/temp-folder.ts";
import { appendLines, assistant, writeLines } from "../support/transcripts.ts";
import { clockedDb, NOON } from "../support/usage-db.ts";

const rollout = (folder: TempFolder, name = SESSION): string =>
  folder.at("codex", "sessions", "2026", "11", "20", `rollout-2026-11-20T12-00-00-${name}.jsonl`);
const sources = (folder: TempFolder): object => ({
  claude: [folder.at("claude", "projects")],
  codex: [folder.at("codex", "sessions"), folder.at("codex", "archived_sessions")],
});
const sync = (db: UsageDb, folder: TempFolder): ReturnType<typeof syncTranscripts> =>
  syncTranscripts(db, { sources: sources(folder) });

/** A message's figures, in the order of time. */
function stored(db: UsageDb): unknown[] {
  return db.connection.readOnce(
    `SELECT agent, model, timestamp, input_tokens, cache_read_tokens, output_tokens
     FROM usage_messages ORDER BY timestamp, agent`,
  );
}
const paths = (db: UsageDb): unknown[] =>
  db.connection.readOnce(
    `SELECT DISTINCT path, missing_since IS NULL FROM usage_sources
     WHERE source_id IN (SELECT source_id FROM usage_messages)`,
  );

describe("syncTranscripts() of several agents", () => {
  it("reads what is there of each, and tells of each", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    writeLines(folder.at("claude", "projects", "-app", "s1.jsonl"), [assistant({ id: "m1" })]);
    writeLines(rollout(folder), [sessionMeta(), turnContext("gpt-5"), ...turns(3)]);
    const report = await sync(clocked.db, folder);
    expect(report).toMatchObject({ filesFound: 2, messages: { inserted: 4 } });
    expect(report.agents).toMatchObject([
      { agent: "claude", filesFound: 1, messages: { inserted: 1 } },
      { agent: "codex", filesFound: 1, messages: { inserted: 3 } },
    ]);
    expect(clocked.db.sessions.get(SESSION)).toMatchObject({
      agent: "codex",
      project: "/home/dev/app",
    });
    expect((await sync(clocked.db, folder)).filesRead).toBe(0);
  });

  it("keeps names beyond ASCII where lines depend on earlier ones too", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    writeLines(rollout(folder), [sessionMeta({ cwd: "/home/dév/日本 🚀" }), ...turns(1)]);
    await sync(clocked.db, folder);
    expect(clocked.db.messages.bySession(SESSION)).toMatchObject([
      { project: "/home/dév/日本 🚀" },
    ]);
  });

  it("says nothing of an agent that has no folder here", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    writeLines(rollout(folder), [sessionMeta(), ...turns(1)]);
    expect((await sync(clocked.db, folder)).agents.map(({ agent }) => agent)).toEqual(["codex"]);
    rmSync(folder.at("codex"), { recursive: true });
    expect((await sync(clocked.db, folder)).agents).toMatchObject([
      { agent: "codex", filesMissing: 1 },
    ]);
  });

  it("comes to the same however a rollout was read: at once, or a line a sync", async () => {
    using folder = tempFolder();
    using whole = clockedDb();
    using pieces = clockedDb();
    const lines = [sessionMeta(), turnContext("gpt-5"), ...turns(4), turnContext("gpt-5.3")];
    lines.push(...turns(2, { before: 4, from: Date.UTC(2026, 10, 20, 13) }));
    writeLines(rollout(folder), []);
    for (const line of lines) {
      appendLines(rollout(folder), [line]);
      await sync(pieces.db, folder);
    }
    await sync(whole.db, folder);
    expect(stored(pieces.db)).toEqual(stored(whole.db));
    expect(stored(whole.db)).toHaveLength(6);
  });

  it("uses a last count without a line end, and does not take its finished line for a repeat", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    const [first, second, third] = turns(3) as [object, object, object];
    writeLines(rollout(folder), [sessionMeta(), first, JSON.stringify(second)]);
    await sync(clocked.db, folder);
    // What is remembered is what stood before the offset, and not what was seen beyond it.
    const [{ reader_state = null } = {}] = clocked.db.sources.list("codex");
    expect(JSON.parse(reader_state ?? "{}")).toMatchObject({ total: { input: 101 } });
    appendLines(rollout(folder), ["\n", third]);
    await sync(clocked.db, folder);
    expect(stored(clocked.db)).toHaveLength(3);
  });

  it("counts a file that is in the archive too once, whichever is read first", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    writeLines(rollout(folder), [sessionMeta(), ...turns(3)]);
    const archived = folder.at("codex", "archived_sessions", "rollout-copy.jsonl");
    mkdirSync(folder.at("codex", "archived_sessions"), { recursive: true });
    copyFileSync(rollout(folder), archived);
    const report = await sync(clocked.db, folder);
    expect(report.messages).toMatchObject({ inserted: 3, unchanged: 3 });
  });

  it("follows a file into the archive, without reading it again", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    writeLines(rollout(folder), [sessionMeta(), ...turns(3)]);
    await sync(clocked.db, folder);
    const archived = folder.at("codex", "archived_sessions", "rollout-old.jsonl");
    mkdirSync(folder.at("codex", "archived_sessions"), { recursive: true });
    renameSync(rollout(folder), archived);
    expect(await sync(clocked.db, folder)).toMatchObject({ bytesRead: 0, filesMissing: 0 });
    expect(paths(clocked.db)).toEqual([[archived, 1]]);
    appendLines(archived, turns(1, { before: 3, from: Date.UTC(2026, 10, 20, 14) }));
    await sync(clocked.db, folder);
    expect(stored(clocked.db)).toHaveLength(4);
  });

  it("stores what the provider says of its limits once, however often a file is read", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    const limited = (time: number, used: number): object =>
      tokenCount({
        time,
        limits: {
          primary: { window_minutes: 300, used_percent: used, resets_at: 1_800_000_000 },
          secondary: { window_minutes: 1440, used_percent: used / 2 },
        },
      });
    const lines = [
      sessionMeta(),
      limited(NOON, 1),
      limited(NOON + 1000, 3),
      limited(NOON + 2000, 3),
    ];
    writeLines(rollout(folder), lines);
    writeLines(folder.at("codex", "archived_sessions", "rollout-copy.jsonl"), lines);
    expect((await sync(clocked.db, folder)).limitSamples).toBe(4);
    const list = (name: string): unknown[] =>
      clocked.db.limitSamples.list("codex", name, { fromMs: 0, toMs: NOON * 2 });
    const samples = list("five_hour");
    expect(samples).toMatchObject([
      { used_percent: 1, observed_at: NOON, resets_at: 1_800_000_000_000, session_id: SESSION },
      { used_percent: 3, observed_at: NOON + 1000 },
    ]);
    expect(list("1440_minutes")).toHaveLength(2);
    utimesSync(rollout(folder), 5, 5);
    expect((await sync(clocked.db, folder)).limitSamples).toBe(0);
    expect(list("five_hour")).toEqual(samples);
  });

  it("finds files that were away again, without reading them again", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    writeLines(rollout(folder), [sessionMeta(), ...turns(3)]);
    await sync(clocked.db, folder);
    renameSync(folder.at("codex"), folder.at("unmounted"));
    expect((await sync(clocked.db, folder)).filesMissing).toBe(1);
    expect(paths(clocked.db)).toEqual([[rollout(folder), 0]]);
    renameSync(folder.at("unmounted"), folder.at("codex"));
    expect(await sync(clocked.db, folder)).toMatchObject({ filesMissing: 0, bytesRead: 0 });
    expect(paths(clocked.db)).toEqual([[rollout(folder), 1]]);
  });

  it.each([
    ["zst", zstdCompressSync],
    ["gz", gzipSync],
  ] as const)(
    "follows a file that was compressed to .%s, and reads one that only was",
    async (ending, compress) => {
      using folder = tempFolder();
      using clocked = clockedDb();
      const lines = [sessionMeta(), turnContext("gpt-5"), ...turns(3)];
      writeLines(rollout(folder), lines);
      await sync(clocked.db, folder);
      const before = stored(clocked.db);
      const bytes = compress(
        Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join("")),
      );
      writeFileSync(`${rollout(folder)}.${ending}`, bytes);
      // Both are there for a moment.
      expect(await sync(clocked.db, folder)).toMatchObject({ filesFound: 1, filesRead: 0 });
      rmSync(rollout(folder));
      expect(await sync(clocked.db, folder)).toMatchObject({ filesMissing: 0, bytesRead: 0 });
      expect(stored(clocked.db)).toEqual(before);
      expect(paths(clocked.db)).toEqual([[`${rollout(folder)}.${ending}`, 1]]);
      expect((await sync(clocked.db, folder)).filesRead).toBe(0);
      using fresh = clockedDb();
      await sync(fresh.db, folder);
      expect(stored(fresh.db)).toEqual(before);
    },
  );

  it("reads a rollout that was expanded again and went on", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    const lines = [sessionMeta(), ...turns(2)];
    const bytes = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    mkdirSync(folder.at("codex", "sessions"), { recursive: true });
    const path = folder.at("codex", "sessions", "rollout.jsonl");
    writeFileSync(`${path}.zst`, zstdCompressSync(bytes));
    await sync(clocked.db, folder);
    rmSync(`${path}.zst`);
    writeLines(path, [...lines, ...turns(1, { before: 2, from: Date.UTC(2026, 10, 20, 14) })]);
    await sync(clocked.db, folder);
    expect(stored(clocked.db)).toHaveLength(3);
    expect(paths(clocked.db)).toEqual([[path, 1]]);
  });

  it("counts a compressed file that is none, or is cut, and reads the rest", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    writeLines(rollout(folder), [sessionMeta(), ...turns(1)]);
    writeFileSync(`${rollout(folder, "broken")}.gz`, "no gzip at all");
    const bytes = gzipSync(Buffer.alloc(100_000, "x"));
    writeFileSync(`${rollout(folder, "cut")}.gz`, bytes.subarray(0, bytes.length / 2));
    const report = await sync(clocked.db, folder);
    expect(report.unreadable.map(({ path }) => path).sort()).toEqual(
      ["broken", "cut"].map((name) => `${rollout(folder, name)}.gz`),
    );
    for (const { reason } of report.unreadable) expect(reason).toStartWith("cannot be expanded");
    expect(stored(clocked.db)).toHaveLength(1);
  });

  it("does not take another file for a renamed one because it has its inode or its place", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    writeLines(rollout(folder), [sessionMeta(), ...turns(2)]);
    await sync(clocked.db, folder);
    const { ino: old } = statSync(rollout(folder));
    rmSync(rollout(folder));
    writeLines(rollout(folder, "other"), [
      sessionMeta({ id: "other" }),
      ...turns(1, { from: Date.UTC(2026, 10, 21) }),
    ]);
    // The file system may or may not give the inode away again; as if it did.
    const { ino } = statSync(rollout(folder, "other"));
    clocked.db.connection.runOnce(
      `UPDATE usage_sources SET stamp = replace(stamp, '${old}:', '${ino}:')`,
    );
    expect(await sync(clocked.db, folder)).toMatchObject({ filesMissing: 1 });
    expect(stored(clocked.db)).toHaveLength(3);
    expect(clocked.db.sources.list("codex")).toHaveLength(2);
  });

  it("refuses sources of an agent that it does not know, and no sources at all", async () => {
    using clocked = clockedDb();
    const refusals = [
      [{ sources: { copilot: [] } }, "OPTION_UNKNOWN"],
      [{ sources: { codex: "/home" } }, "VALUE_INVALID"],
      [{ sources: { codex: [""] } }, "VALUE_INVALID"],
      [{}, "VALUE_INVALID"],
      [{ sources: { claude: [] }, claudeRoots: [] }, "VALUE_INVALID"],
    ] as const;
    for (const [options, code] of refusals) {
      const error = await errorOfAsync(syncTranscripts(clocked.db, options as never));
      expect(error.code).toBe(code);
    }
  });
});

describe("AGENTS", () => {
  it.each([...AGENT_NAMES])("has an ingester for %s that calls itself so", (name) => {
    expect(AGENTS[name].ingester().agent).toBe(name);
  });
});

describe("transcriptSources()", () => {
  it("knows every agent's folder below the home", () => {
    expect(transcriptSources({ home: "/home/dev" })).toEqual({
      claude: ["/home/dev/.config/claude/projects", "/home/dev/.claude/projects"],
      codex: ["/home/dev/.codex/sessions", "/home/dev/.codex/archived_sessions"],
      opencode: ["/home/dev/.local/share/opencode"],
      gemini: ["/home/dev/.gemini/tmp"],
    });
  });

  it("takes the agents' own settings, and leaves out whom it cannot find without a home", () => {
    expect(
      transcriptSources({
        home: "",
        codexHome: "/srv/codex",
        xdgDataHome: "/srv/data",
        opencodeDb: "other.db",
      }),
    ).toEqual({
      codex: ["/srv/codex/sessions", "/srv/codex/archived_sessions"],
      opencode: ["/srv/data/opencode", "/srv/data/opencode/other.db"],
    });
    expect(transcriptSources({ home: "", geminiCliHome: "/srv" })).toEqual({
      gemini: ["/srv/.gemini/tmp"],
    });
    expect(() => transcriptSources({ home: "" })).toThrow("home");
  });
});
