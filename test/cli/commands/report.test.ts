import { describe, expect, it } from "bun:test";
import { openUsageDb } from "../../../src/index.ts";
import { sessionMeta, turnContext, turns } from "../../support/rollouts.ts";
import { tempFolder, type TempFolder } from "../../support/temp-folder.ts";
import { assistant, writeLines } from "../../support/transcripts.ts";
import { NOON } from "../../support/usage-db.ts";
import { type CliResult, spawnCli } from "../spawn-cli.ts";

const HOUR = 3_600_000;

const run = (folder: TempFolder, ...argv: string[]): Promise<CliResult> =>
  spawnCli([...argv, "--db", folder.at("usage.db")], { env: { HOME: folder.path, TZ: "UTC" } });

async function synced(folder: TempFolder): Promise<void> {
  const line = (id: string, cwd: string, timestamp: number): object =>
    assistant({ id, cwd, timestamp, sessionId: cwd });
  writeLines(folder.at(".claude", "projects", "-app", "s1.jsonl"), [
    line("m1", "/home/dev/app", NOON),
    line("m2", "/home/dev/web", NOON + HOUR),
  ]);
  writeLines(folder.at(".codex", "sessions", "2026", "11", "20", "rollout-1.jsonl"), [
    sessionMeta(),
    turnContext("gpt-5"),
    ...turns(2),
  ]);
  expect((await run(folder, "sync")).exitCode).toBe(0);
}

describe("usagedb report", () => {
  it("takes only what --agent, --project and --model name", async () => {
    using folder = tempFolder();
    await synced(folder);
    const messages = async (...argv: string[]): Promise<number[]> => {
      const { stdout } = await run(folder, "report", "daily", "--json", ...argv);
      const report = JSON.parse(stdout) as { daily: { messageCount: number }[] };
      return report.daily.map(({ messageCount }) => messageCount);
    };
    expect(await messages()).toEqual([4]);
    expect(await messages("--agent", "claude")).toEqual([2]);
    expect(await messages("--agent", "codex, claude")).toEqual([4]);
    expect(await messages("--project", "dev/web")).toEqual([1]);
    expect(await messages("--model", "opus-4-6,gpt-5", "--agent", "codex")).toEqual([2]);
    const session = await run(
      folder,
      "report",
      "session",
      "--agent",
      "claude",
      "--project",
      "app",
      "--csv",
    );
    expect(session.stdout.split("\n").map((one) => one.split(",")[0])).toEqual([
      "session",
      "/home/dev/app",
      "",
    ]);
  });

  it("says what there is where a name has no usage, on stderr", async () => {
    using folder = tempFolder();
    await synced(folder);
    for (const report of ["weekly", "session"]) {
      expect(await run(folder, "report", report, "--agent", "claude,cluade")).toMatchObject({
        exitCode: 0,
        stdout: expect.stringContaining("opus-4-6"),
        stderr: 'No usage of agent "cluade"; there is usage of claude, codex.\n',
      });
    }
    expect(await run(folder, "report", "daily", "--project", "nowhere", "--json")).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('"daily": []'),
      stderr: expect.stringContaining('No usage of project "nowhere"; there is usage of /home/dev'),
    });
  });

  it("verifies every report, and says which one differs", async () => {
    using folder = tempFolder();
    await synced(folder);
    for (const report of ["daily", "session", "blocks"])
      expect(await run(folder, "report", report, "--verify")).toMatchObject({
        exitCode: 0,
        stderr: "Verified: the hours and the sessions are what the messages say.\n",
      });
    {
      using db = openUsageDb(folder.at("usage.db"));
      db.connection.runOnce("UPDATE usage_rollups SET output_tokens = output_tokens + 1");
    }
    expect(await run(folder, "report", "session", "--verify", "--json")).toMatchObject({
      exitCode: 3,
      stderr: expect.stringContaining("/home/dev/web"),
    });
  });

  it("refuses two beginnings, and prints CSV with its header even without rows", async () => {
    using folder = tempFolder();
    await synced(folder);
    expect(
      await run(folder, "report", "daily", "--since", "2026-01-01", "--last", "3d"),
    ).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("--since is given too") });
    for (const [report, title] of [
      ["daily", "day,models,"],
      ["session", "session,project,models,"],
      ["blocks", "block,models,"],
    ] as const) {
      const csv = ["--csv", "--since", "2001-01-01", "--until", "2001-01-02"];
      const { stdout } = await run(folder, "report", report, ...csv);
      expect(stdout).toBe(
        `${title}inputTokens,outputTokens,cacheCreationTokens,cacheReadTokens,totalTokens,totalCost\n`,
      );
    }
    const { stdout } = await run(folder, "report", "session", "--csv", "--agent", "claude");
    expect(stdout).toContain("/home/dev/web,/home/dev/web,claude-opus-4-6");
  });

  it("shows blocks, days and past moments by the settings, and by the flags before them", async () => {
    using folder = tempFolder();
    await synced(folder);
    {
      using db = openUsageDb(folder.at("usage.db"));
      db.config.update({ timezone: "Asia/Kolkata", time_format: "12h", reset_hour: 18 });
      const snapshot_data = { tokens: 1 };
      db.snapshots.insert({ session_id: "s", snapshot_data, timestamp: Date.UTC(2026, 0, 1) });
    }
    const blocks = await run(folder, "report", "blocks", "--agent", "claude");
    expect(blocks.stdout).toContain("Block (Asia/Kolkata)");
    expect(blocks.stdout).toContain("2026-11-20 5:30 PM - 10:30 PM");
    const clock = ["--timezone", "UTC", "--time-format", "24h"];
    const flagged = await run(folder, "report", "blocks", "--agent", "claude", ...clock);
    expect(flagged.stdout).toContain("2026-11-20 12:00 - 17:00");
    // 12:00 UTC is 17:30 in Kolkata: before the day begins at 18:00.
    const daily = await run(folder, "report", "daily", "--agent", "claude");
    expect(daily.stdout).toContain("2026-11-19");
    const at = (...argv: string[]): Promise<CliResult> =>
      run(folder, "snapshots", "at", "--session", "s", ...argv);
    // Midnight of 2026-01-01 UTC is 05:30 in Kolkata.
    expect((await at("2026-01-01T05:29:59")).exitCode).toBe(1);
    expect((await at("2026-01-01T05:30")).exitCode).toBe(0);
    expect((await at("2026-01-01T00:00:00Z")).exitCode).toBe(0);
    expect((await at("2026-01-01T01:00:00+01:00")).exitCode).toBe(0);
    expect((await at("2025-12-31T23:59:59Z")).exitCode).toBe(1);
    expect((await at("2026-01-01T00:00:00", "--timezone", "UTC")).exitCode).toBe(0);
    expect((await at("2026-01-01")).exitCode).toBe(0);
    expect(await at("yesterday")).toMatchObject({ exitCode: 2 });
    expect(await at("2026-01-01", "--timezone", "Mars/Base")).toMatchObject({ exitCode: 2 });
  });
});
