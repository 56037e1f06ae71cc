/**
 * Runs commands one after the other in one process, because starting one for each would take most of the time. Reads
 * `{ cwd, argv }` a line and answers with `{ exitCode, stderr }` a line; who waits too long ends it.
 */
import { join } from "node:path";
import { writeSync } from "node:fs";
import { main } from "../../src/cli/main.ts";

let heard: string[] = [];
const listen = (...words: unknown[]): void => {
  heard.push(words.map(String).join(" "));
};
console.log = () => undefined;
console.error = listen;
console.warn = listen;

const decoder = new TextDecoder();
let rest = "";
for await (const chunk of Bun.stdin.stream()) {
  const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
  rest = lines.pop() ?? "";
  for (const line of lines) {
    const { cwd, argv } = JSON.parse(line) as { cwd: string; argv: string[] };
    heard = [];
    process.chdir(cwd);
    const exitCode = await main({
      argv: [...argv, "--db", "usage.db", "--json", "--quiet"],
      env: {
        PATH: process.env["PATH"],
        HOME: cwd,
        CLAUDE_CONFIG_DIR: join(cwd, "claude"),
        CODEX_HOME: join(cwd, "codex"),
        XDG_DATA_HOME: join(cwd, "data"),
        TZ: "UTC",
      },
    });
    process.chdir("/");
    writeSync(1, `${JSON.stringify({ exitCode, stderr: heard.join("\n") })}\n`);
  }
}
