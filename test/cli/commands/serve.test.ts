import { readFileSync } from "node:fs";
import { describe, expect, it } from "bun:test";
import { openUsageDb } from "../../../src/index.ts";
import { holdLock } from "../../support/held-lock.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { spawnCli } from "../spawn-cli.ts";

const event = (id: number): string =>
  JSON.stringify({ session_id: "s", hook_event_name: "PreToolUse", tool_use_id: `t${id}` });

describe("usagedb serve", () => {
  it.each(["SIGTERM", "SIGINT", "SIGKILL"] as const)(
    "loses nothing that it answered to %s, though the database was locked",
    async (signal) => {
      using folder = tempFolder();
      const path = folder.at("x.db");
      openUsageDb(path).close();
      const child = Bun.spawn(
        [process.execPath, "src/cli/bin.ts", "serve", "--hooks", "--port", "0", "--db", path],
        { stdin: "ignore", stdout: "pipe", stderr: "pipe" },
      );
      const { value } = await child.stdout.getReader().read();
      const url = /http:\S+(?=;)/.exec(new TextDecoder().decode(value))?.[0] ?? "";
      const token = readFileSync(`${path}-hook-token`, "utf8").trim();
      const post = (id: number): Promise<Response> =>
        fetch(`${url}/events`, {
          method: "POST",
          body: event(id),
          headers: { Authorization: `Bearer ${token}` },
        });
      {
        await using _lock = await holdLock(path);
        for (let id = 0; id < 20; id++) expect((await post(id)).status).toBe(202);
        if (signal === "SIGKILL") child.kill(signal);
      }
      child.kill(signal);
      await child.exited;
      if (signal !== "SIGKILL") {
        expect(child.exitCode).toBe(0);
        expect(await child.stderr.text()).toContain("20 event(s) taken, 20 stored");
      }
      // Whoever writes next brings in what is left.
      await spawnCli(["hook", "--db", path], { stdin: event(20) });
      using db = openUsageDb(path);
      expect(db.events.recent()).toHaveLength(21);
    },
  );

  it("wants to be told what to serve, and where a page stands", async () => {
    expect(await spawnCli(["serve"])).toMatchObject({ exitCode: 2 });
    expect(await spawnCli(["serve", "--hooks", "--origin", "localhost"])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("is no page's origin"),
    });
    expect(await spawnCli(["serve", "--hooks", "--port", "70000"])).toMatchObject({ exitCode: 2 });
  });
});
