import { describe, expect, it } from "bun:test";
import { existsSync } from "node:fs";
import { openUsageDb, type SyncReport } from "../../../src/index.ts";
import { OpencodeDb } from "../../support/opencode-db.ts";
import { sessionMeta, turnContext, turns } from "../../support/rollouts.ts";
import { tempFolder, type TempFolder } from "../../support/temp-folder.ts";
import { assistant, writeLines } from "../../support/transcripts.ts";
import { NOON } from "../../support/usage-db.ts";
import { type CliResult, spawnCli } from "../spawn-cli.ts";

const run = (folder: TempFolder, ...argv: string[]): Promise<CliResult> =>
  spawnCli([...argv, "--db", folder.at("usage.db")], { env: { HOME: folder.path } });

/** A home with something of every agent, where each keeps it by itself. */
function writeHome(folder: TempFolder): void {
  writeLines(folder.at(".claude", "projects", "-app", "s1.jsonl"), [
    assistant({ id: "m1", usage: { output_tokens: 1 } }),
    assistant({ id: "m1" }),
  ]);
  writeLines(folder.at(".codex", "sessions", "2026", "11", "20", "rollout-1.jsonl"), [
    sessionMeta(),
    turnContext("gpt-5"),
    ...turns(2),
  ]);
  writeLines(folder.at(".gemini", "tmp", "app", "chats", "session-1.jsonl"), [
    { sessionId: "g1", projectHash: "x" },
    {
      id: "g",
      type: "gemini",
      timestamp: new Date(NOON).toISOString(),
      model: "gemini-2.5-pro",
      tokens: { input: 10, output: 2, cached: 0 },
    },
  ]);
  writeLines(folder.at(".local", "share", "opencode", "keep"), []);
  using source = new OpencodeDb(folder.at(".local", "share", "opencode", "opencode.db"));
  source.session("ses_1");
  source.message({ id: "msg_1" });
}

describe("usagedb sync", () => {
  it("finds every agent's transcripts below the home, and says what it read of each", async () => {
    using folder = tempFolder();
    writeHome(folder);
    const first = await run(folder, "sync");
    expect(first.exitCode).toBe(0);
    expect(first.stdout).toMatch(
      /^Read .* from 4 of 4 transcript\(s\), 5 new message\(s\)\.\n {2}Claude Code: .*, 1 new message\(s\)\n {2}Codex CLI: .*, 2 new message\(s\)\n {2}opencode: .*, 1 new message\(s\)\n {2}Gemini CLI: .*, 1 new message\(s\)\n$/,
    );
    expect(await run(folder, "sync")).toEqual({
      exitCode: 0,
      stdout: "Nothing new in 4 transcript(s).\n",
      stderr: "",
    });
  });

  it("reads the agents that are named, and refuses one that it does not know", async () => {
    using folder = tempFolder();
    writeHome(folder);
    const { stdout } = await run(folder, "sync", "--agent", "codex, gemini", "--json");
    const report = JSON.parse(stdout) as SyncReport & { roots: string[] };
    expect(report.agents.map(({ agent, messages }) => [agent, messages.inserted])).toEqual([
      ["codex", 2],
      ["gemini", 1],
    ]);
    expect(report.roots).toEqual([
      folder.at(".codex", "sessions"),
      folder.at(".codex", "archived_sessions"),
      folder.at(".gemini", "tmp"),
    ]);
    const refused = await run(folder, "sync", "--agent", "codex,copilot");
    expect([refused.exitCode, refused.stdout]).toEqual([2, ""]);
    expect(refused.stderr).toContain('it is "copilot", expected claude, codex, opencode, gemini');
  });

  it("says where it looked when it found nothing", async () => {
    using folder = tempFolder();
    const { exitCode, stderr } = await run(folder, "sync");
    expect(exitCode).toBe(0);
    expect(stderr).toContain("No transcripts were found. Looked in:");
    expect(stderr).toContain(folder.at(".local", "share", "opencode"));
  });

  it("stops at a whole step when it is interrupted, and goes on from there", async () => {
    using folder = tempFolder();
    const lines = Array.from({ length: 60_000 }, (_, i) => assistant({ id: `m${i}` }));
    writeLines(folder.at(".claude", "projects", "-app", "s1.jsonl"), lines);
    const child = Bun.spawn(
      [process.execPath, "src/cli/bin.ts", "sync", "--db", folder.at("usage.db")],
      { env: { PATH: process.env["PATH"] ?? "", HOME: folder.path }, stderr: "pipe" },
    );
    // From its first commit on there is something to leave whole.
    const counted = (): number => {
      if (!existsSync(folder.at("usage.db"))) return 0;
      try {
        using db = openUsageDb(folder.at("usage.db"), { mode: "read" });
        return db.messages.count();
      } catch {
        return 0;
      }
    };
    while (counted() === 0 && child.exitCode === null) await Bun.sleep(5);
    child.kill("SIGINT");
    const exitCode = await child.exited;
    // A machine that is fast enough was done before it heard of it.
    expect([0, 130]).toContain(exitCode);
    using db = openUsageDb(folder.at("usage.db"));
    expect(db.sources.list("claude")[0]?.line_count).toBe(db.messages.count());
    if (exitCode === 130) expect(await child.stderr.text()).toContain("interrupted");
    await run(folder, "sync", "--quiet");
    expect(db.messages.count()).toBe(60_000);
  }, 30_000);
});

describe("usagedb explain", () => {
  it("prints every line that claims a message, and why one counts", async () => {
    using folder = tempFolder();
    writeHome(folder);
    await run(folder, "sync");
    const { exitCode, stdout, stderr } = await run(folder, "explain", "m1");
    expect([exitCode, stderr]).toEqual([0, ""]);
    const path = folder.at(".claude", "projects", "-app", "s1.jsonl");
    expect(stdout.split("\n").slice(0, 8)).toEqual([
      "m1: 2 line(s) claim it.",
      "Counts for claude, claude-opus-4-6, session session-1, project /home/dev/app.",
      "",
      expect.stringMatching(new RegExp(`^\\* ${path}:\\d+$`)),
      "    counts: the largest total",
      "    2026-11-20T12:00:00.000Z  main chain  request req_1",
      "    session session-1",
      "    100 tokens: 10 input, 20 output, 30 cache write, 40 cache read",
    ]);
    expect(stdout).toContain(`  ${path}:0\n    does not count: 19 tokens less`);
    const json = await run(folder, "explain", "m1", "--agent", "claude", "--json");
    expect(JSON.parse(json.stdout)).toMatchObject({
      messageId: "m1",
      claims: [{ verdict: "counts" }, { verdict: "smaller-total" }],
      filesSearched: 1,
    });
  });

  it("fails by name for an id that nobody has, and without one", async () => {
    using folder = tempFolder();
    writeHome(folder);
    await run(folder, "sync");
    const unknown = await run(folder, "explain", "m9", "--json");
    expect([unknown.exitCode, unknown.stdout]).toEqual([1, ""]);
    expect(JSON.parse(unknown.stderr)).toMatchObject({
      error: { code: "MESSAGE_UNKNOWN", details: { filesSearched: 4, filesGone: 0 } },
    });
    expect((await run(folder, "explain")).exitCode).toBe(2);
    expect((await run(folder, "explain", "m1", "--agent", "x")).exitCode).toBe(2);
  });
});
