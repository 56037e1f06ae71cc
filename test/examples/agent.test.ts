import { describe, expect, it } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { openUsageDb } from "../../src/index.ts";
import { tempFolder, type TempFolder } from "../support/temp-folder.ts";
import { appendLines, assistant, writeLines } from "../support/transcripts.ts";

interface Agent {
  readonly process: Bun.Subprocess<"ignore", "pipe", "inherit">;
  /** Waits until it has printed a line with this text. */
  saw(text: string): Promise<void>;
}

function start(folder: TempFolder): Agent {
  const process_ = Bun.spawn([process.execPath, "examples/agent.ts", folder.at("usage.db")], {
    env: { ...process.env, CLAUDE_CONFIG_DIR: folder.path },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  const reader = process_.stdout.getReader();
  let output = "";
  return {
    process: process_,
    async saw(text) {
      while (!output.includes(text)) {
        const chunk = await reader.read();
        if (chunk.done)
          throw new Error(`The agent ended before it printed ${JSON.stringify(text)}: ${output}`);
        output += new TextDecoder().decode(chunk.value);
      }
      output = output.slice(output.indexOf(text) + text.length);
    },
  };
}

const transcript = (folder: TempFolder): string => folder.at("projects", "p", "session-1.jsonl");

describe("examples/agent.ts", () => {
  it("stays under 80 lines", () => {
    expect(readFileSync("examples/agent.ts", "utf8").split("\n").length).toBeLessThan(80);
  });

  it("syncs again and again, and ends whole on SIGTERM", async () => {
    using folder = tempFolder();
    writeLines(transcript(folder), [assistant({ id: "m1" })]);
    {
      using db = openUsageDb(folder.at("usage.db"));
      db.config.update({ refresh_rate: 1 });
    }
    const agent = start(folder);
    await agent.saw("1 new message(s)");
    appendLines(transcript(folder), [assistant({ id: "m2" }), assistant({ id: "m3" })]);
    await agent.saw("2 new message(s)");
    agent.process.kill("SIGTERM");
    await agent.saw("stopped");
    expect(await agent.process.exited).toBe(0);
    expect(
      readdirSync(folder.path).filter(
        (name) => name.startsWith("usage") && !name.endsWith("-maintenance"),
      ),
    ).toEqual(["usage.db"]);
    using db = openUsageDb(folder.at("usage.db"), { mode: "read" });
    expect(db.messages.count()).toBe(3);
    expect(db.snapshots.listBySession("agent").length).toBeGreaterThanOrEqual(2);
    expect(db.migrations.validate().findings).toEqual([]);
  });

  it("leaves everything whole on SIGKILL, and goes on from there", async () => {
    using folder = tempFolder();
    writeLines(transcript(folder), [assistant({ id: "m1" })]);
    const killed = start(folder);
    await killed.saw("1 new message(s)");
    killed.process.kill("SIGKILL");
    await killed.process.exited;
    appendLines(transcript(folder), [assistant({ id: "m2" })]);
    const next = start(folder);
    await next.saw("1 new message(s)");
    next.process.kill("SIGTERM");
    expect(await next.process.exited).toBe(0);
    using db = openUsageDb(folder.at("usage.db"), { mode: "read" });
    expect(db.messages.count()).toBe(2);
    expect(db.migrations.validate().findings).toEqual([]);
  });
});
