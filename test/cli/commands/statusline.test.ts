import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "bun:test";
import { openUsageDb, reportDaily, type UsageDb } from "../../../src/index.ts";
import { holdLock } from "../../support/held-lock.ts";
import { type TempFolder, tempFolder } from "../../support/temp-folder.ts";
import { message } from "../../support/usage-message.ts";
import { type CliResult, spawnCli } from "../spawn-cli.ts";

const inSeconds = (minutes: number): number => Math.floor(Date.now() / 1000) + minutes * 60;

const status = (): object => ({
  session_id: "s",
  model: { id: "claude-opus-4-6", display_name: "Opus 4.6" },
  cost: { total_cost_usd: 1.236 },
  context_window: { used_percentage: 26.4 },
  rate_limits: {
    five_hour: { used_percentage: 42.5, resets_at: inSeconds(130.5) },
    seven_day: { used_percentage: 81, resets_at: inSeconds(5000) },
    seven_day_opus: { used_percentage: 12, resets_at: inSeconds(5000) },
  },
});

function statusline(folder: TempFolder, input: unknown, ...argv: string[]): Promise<CliResult> {
  const stdin = typeof input === "string" ? input : JSON.stringify(input);
  return spawnCli(["statusline", "--db", folder.at("x.db"), ...argv], { stdin });
}

function withDb<T>(folder: TempFolder, work: (db: UsageDb) => T): T {
  using db = openUsageDb(folder.at("x.db"));
  return work(db);
}

const samplesOf = (db: UsageDb): unknown[][] =>
  db.connection.readOnce("SELECT limit_name, used_percent FROM usage_limit_samples ORDER BY id");

describe("usagedb statusline", () => {
  it("prints model, cost, today, limits and context on one line, and stores the limits once", async () => {
    using folder = tempFolder();
    const expected = {
      stdout: "Opus 4.6 | $1.24 session | $0.00 today | 5h 43% 2h10m left | 7d 81% | ctx 26%\n",
      stderr: "",
      exitCode: 0,
    };
    const input = status();
    expect(await statusline(folder, input)).toEqual(expected);
    expect(await statusline(folder, input)).toEqual(expected);
    expect(withDb(folder, samplesOf)).toEqual([
      ["five_hour", 42.5],
      ["seven_day", 81],
      ["seven_day_opus", 12],
    ]);
  });

  it("counts as today's what the daily report counts, in the zone and from the hour of the settings", async () => {
    using folder = tempFolder();
    const tokens = withDb(folder, (db) => {
      db.config.update({ timezone: "Asia/Kolkata", reset_hour: 3 });
      for (let hour = 0; hour < 60; hour++)
        db.messages.record([
          message({
            message_id: `m${hour}`,
            timestamp: Date.now() - hour * 1_700_000,
            input_tokens: 1000 + hour,
          }),
        ]);
      const { daily } = reportDaily(db, { timeZone: "Asia/Kolkata", resetHour: 3, lastDays: 1 });
      return daily[0]?.totalTokens ?? 0;
    });
    expect(tokens).toBeGreaterThan(1000);
    const first = JSON.parse((await statusline(folder, "{}", "--json")).stdout) as object;
    expect(first).toMatchObject({ today: { tokens } });
    withDb(folder, (db) => db.config.update({ timezone: "Asia/Kolkata", reset_hour: null }));
    const midnight = withDb(folder, (db) =>
      reportDaily(db, { timeZone: "Asia/Kolkata", lastDays: 1 }),
    );
    const second = JSON.parse((await statusline(folder, "{}", "--json")).stdout) as object;
    expect(second).toMatchObject({ today: { tokens: midnight.daily[0]?.totalTokens } });
  });

  it("knows the limits from the last sample when it was handed none, while they hold", async () => {
    using folder = tempFolder();
    await statusline(folder, status());
    const later = await statusline(folder, { session_id: "t", model: { id: "haiku" } });
    expect(later.stdout).toBe("haiku | $0.00 today | 5h 43% 2h10m left | 7d 81%\n");
    const over = { rate_limits: { five_hour: { used_percentage: 9, resets_at: inSeconds(-1) } } };
    expect((await statusline(folder, over)).stdout).toBe("$0.00 today | 7d 81%\n");
  });

  it("has colours only when it is asked, whatever NO_COLOR says then", async () => {
    using folder = tempFolder();
    const escape = "\u001b[";
    expect((await statusline(folder, status())).stdout).not.toContain(escape);
    expect((await statusline(folder, status(), "--no-color")).stdout).not.toContain(escape);
    const coloured = await spawnCli(["statusline", "--color", "--db", folder.at("x.db")], {
      stdin: JSON.stringify(status()),
      env: { NO_COLOR: "1" },
    });
    expect(coloured.stdout).toContain(`5h ${escape}32m43%${escape}0m`);
    expect(coloured.stdout).toContain(`7d ${escape}31m81%${escape}0m`);
    expect((await statusline(folder, status(), "--color", "--no-color")).exitCode).toBe(2);
  });

  it.each([
    ["no JSON", "{"],
    ["a list", "[]"],
    ["nothing", ""],
    [
      "fields of other kinds",
      '{"model":7,"cost":[],"rate_limits":{"five_hour":3,"x":{"used_percentage":"9"}},"context_window":null}',
    ],
    [
      "figures that are none",
      '{"cost":{"total_cost_usd":-1},"context_window":{"used_percentage":1e999}}',
    ],
    ["100,000 brackets", "[".repeat(100_000)],
  ])("prints what it can for %s", async (_, input) => {
    using folder = tempFolder();
    withDb(folder, () => undefined);
    expect(await statusline(folder, input)).toEqual({
      stdout: "$0.00 today\n",
      stderr: "",
      exitCode: 0,
    });
  });

  it("shows no control character that a model's name has", async () => {
    using folder = tempFolder();
    const { stdout } = await statusline(folder, { model: { display_name: "a\u001b[2Jb\u202ec" } });
    expect(stdout).toStartWith("a\\u{1b}[2Jb\\u{202e}c | ");
  });

  it("waits for no lock, and still knows what can be read", async () => {
    using folder = tempFolder();
    withDb(folder, () => undefined);
    await using _lock = await holdLock(folder.at("x.db"));
    const { stdout, stderr, exitCode } = await statusline(folder, status());
    expect([stdout, exitCode]).toEqual([
      "Opus 4.6 | $1.24 session | $0.00 today | 5h 43% 2h10m left | 7d 81% | ctx 26%\n",
      0,
    ]);
    expect(stderr).toContain("Cannot store a limit sample");
  });

  it("does without a database that is behind, damaged or not to be made, and leaves it as it is", async () => {
    using folder = tempFolder();
    writeFileSync(folder.at("x.db"), "no database");
    expect(await statusline(folder, status())).toMatchObject({
      stdout: "Opus 4.6 | $1.24 session | 5h 43% 2h10m left | 7d 81% | ctx 26%\n",
      stderr: expect.stringContaining("is busy or not up to date"),
      exitCode: 0,
    });
    expect(readFileSync(folder.at("x.db"), "utf8")).toBe("no database");
    const nowhere = await spawnCli(["statusline", "--db", "/dev/null/x.db"], { stdin: "{}" });
    expect(nowhere).toMatchObject({ stdout: "usagedb: nothing to show yet\n", exitCode: 0 });
    const behind = folder.at("behind.db");
    await spawnCli(["migrate", "rollback", "7", "--db", behind, "--no-backup"]);
    await spawnCli(["migrate", "up", "--to", "7", "--db", behind]);
    const result = await spawnCli(["statusline", "--db", behind], { stdin: "{}" });
    expect(result).toMatchObject({ exitCode: 0, stdout: "usagedb: nothing to show yet\n" });
    const { stdout } = await spawnCli(["migrate", "status", "--json", "--db", behind]);
    expect(JSON.parse(stdout)).toMatchObject({ currentVersion: 7 });
  });
});
