import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "bun:test";
import { openUsageDb } from "../../../src/index.ts";
import { holdLock } from "../../support/held-lock.ts";
import { type TempFolder, tempFolder } from "../../support/temp-folder.ts";
import { type CliResult, spawnCli } from "../spawn-cli.ts";

const EVENT = { session_id: "s", hook_event_name: "PreToolUse", tool_use_id: "t1", cwd: "/p" };
const FINE = { stdout: "", stderr: "", exitCode: 0 };

function hook(folder: TempFolder, body: unknown, ...argv: string[]): Promise<CliResult> {
  const stdin = typeof body === "string" ? body : JSON.stringify(body);
  return spawnCli(["hook", "--db", folder.at("x.db"), ...argv], { stdin });
}

function payloads(folder: TempFolder): unknown[] {
  using db = openUsageDb(folder.at("x.db"), { mode: "read" });
  return db.events.recent().map(({ payload }) => JSON.parse(payload) as unknown);
}

describe("usagedb hook", () => {
  it("stores an event once, in a database that it makes, and prints nothing", async () => {
    using folder = tempFolder();
    expect(await hook(folder, EVENT)).toEqual(FINE);
    expect(await hook(folder, EVENT)).toEqual(FINE);
    expect(payloads(folder)).toEqual([EVENT]);
    expect(existsSync(folder.at("x.db-spool"))).toBe(false);
    using db = openUsageDb(folder.at("x.db"));
    expect(db.sessions.get("s")?.last_seen_at).toBe(db.events.recent()[0]?.timestamp ?? 0);
  });

  it("keeps what was asked for, and tells whose it is", async () => {
    using folder = tempFolder();
    const event = { ...EVENT, prompt: "p", tool_response: "o" };
    await hook(folder, event, "--keep", "output", "--source-app", "mine");
    expect(payloads(folder)).toMatchObject([{ tool_response: "o" }]);
    expect(payloads(folder)).not.toMatchObject([{ prompt: "p" }]);
    using db = openUsageDb(folder.at("x.db"), { mode: "read" });
    expect(db.events.recent()[0]?.source_app).toBe("mine");
  });

  it("spools while the database is busy, and the next hook brings it in", async () => {
    using folder = tempFolder();
    await hook(folder, EVENT);
    {
      await using _lock = await holdLock(folder.at("x.db"));
      const { stdout, stderr, exitCode } = await hook(folder, { ...EVENT, tool_use_id: "t2" });
      expect([stdout, exitCode]).toEqual(["", 0]);
      expect(stderr).toStartWith("usagedb hook: the event is spooled: Cannot store hook events");
      expect(statSync(folder.at("x.db-spool")).mode & 0o777).toBe(0o600);
    }
    expect(await hook(folder, { ...EVENT, tool_use_id: "t3" })).toEqual(FINE);
    expect(payloads(folder)).toHaveLength(3);
    expect(existsSync(folder.at("x.db-spool"))).toBe(false);
  });

  it("spools beside a file that is no database of ours, and leaves that as it is", async () => {
    using folder = tempFolder();
    writeFileSync(folder.at("x.db"), "not a database at all, but somebody's notes");
    const { stderr, exitCode } = await hook(folder, EVENT);
    expect([exitCode, stderr]).toEqual([0, expect.stringContaining("the event is spooled")]);
    expect(readFileSync(folder.at("x.db-spool"), "utf8")).toContain('"t1"');
    expect(readFileSync(folder.at("x.db"), "utf8")).toStartWith("not a database");
  });

  it("lets `sync` bring in what hooks spooled", async () => {
    using folder = tempFolder();
    await hook(folder, EVENT);
    {
      await using _lock = await holdLock(folder.at("x.db"));
      await hook(folder, { ...EVENT, tool_use_id: "t2" });
    }
    const env = { CLAUDE_CONFIG_DIR: folder.path };
    await spawnCli(["sync", "--db", folder.at("x.db")], { env });
    expect(payloads(folder)).toHaveLength(2);
  });

  it.each([
    ["no JSON", "{"],
    ["nothing", ""],
    ["no event", '{"a":1}'],
  ])("has a remark on %s, and does not trouble the agent", async (_, body) => {
    using folder = tempFolder();
    const { stdout, stderr, exitCode } = await hook(folder, body);
    expect([stdout, exitCode]).toEqual(["", 0]);
    expect(stderr).toStartWith("usagedb hook: Cannot read a hook's event");
  });

  it("says by 1 that an event was lost, never by 2, which forbids", async () => {
    using folder = tempFolder();
    expect(await hook(folder, "x".repeat((16 << 20) + 1))).toMatchObject({
      exitCode: 1,
      stderr: "usagedb hook: the event is lost: stdin is too long\n",
    });
    const nowhere = await spawnCli(["hook", "--db", "/dev/null/x.db"], {
      stdin: JSON.stringify(EVENT),
    });
    expect(nowhere.exitCode).toBe(1);
    expect((await hook(folder, EVENT, "--misspelt")).exitCode).toBe(1);
    expect((await hook(folder, EVENT, "--keep", "all")).exitCode).toBe(1);
  });

  it("does not wait for ever for who opened stdin and says nothing", async () => {
    using folder = tempFolder();
    const child = Bun.spawn(
      [process.execPath, "src/cli/bin.ts", "statusline", "--db", folder.at("x.db")],
      { stdin: "pipe", stdout: "pipe", stderr: "pipe" },
    );
    expect(await child.exited).toBe(0);
    expect(await child.stderr.text()).toContain("stdin is open and silent");
    await child.stdin.end();
  });
});
