import {
  chmodSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "bun:test";
import { type TempFolder, tempFolder } from "../../support/temp-folder.ts";
import { type CliResult, spawnCli } from "../spawn-cli.ts";

type Settings = Record<string, unknown> & {
  hooks: Record<string, { matcher?: string; hooks: Record<string, unknown>[] }[]>;
};

/** As people write it: entries on one line, entries on several, another program's hooks. */
const WRITTEN = `{
    "permissions": { "allow": ["Bash(ls:*)", "Read"], "deny": [] },
    "hooks": {
        "PreToolUse": [
            { "matcher": "Bash", "hooks": [ { "type": "command", "command": "my-guard.sh" } ] }
        ],
        "Stop": [{"hooks":[{"type":"command","command":"say done; usagedb hook"}]}]
    },
    "statusLine": null,
    "model": "opus"
}
`;

const TEXTS = {
  "as people write it": WRITTEN.replace('    "statusLine": null,\n', ""),
  "on one line": '{"model":"opus","hooks":{"Stop":[{"hooks":[]}]}}',
  "with Windows line ends and tabs":
    '{\r\n\t"model": "opus",\r\n\t"list": [\r\n\t\t1\r\n\t]\r\n}\r\n',
  "with a byte order mark": '\ufeff{\n  "model": "opus"\n}\n',
  empty: "{}\n",
} as const;

const EVENTS = 12;

function run(folder: TempFolder, ...argv: string[]): Promise<CliResult> {
  const env = { CLAUDE_CONFIG_DIR: folder.path, XDG_DATA_HOME: folder.at("data") };
  return spawnCli(["hook", ...argv], { env });
}

function settingsIn(folder: TempFolder): Settings {
  return JSON.parse(
    readFileSync(folder.at("settings.json"), "utf8").replace("\ufeff", ""),
  ) as Settings;
}

const copiesIn = (folder: TempFolder): string[] =>
  readdirSync(folder.path).filter((name) => name.endsWith(".backup"));

describe("usagedb hook install", () => {
  it.each(Object.entries(TEXTS))(
    "puts every hook once into settings %s, and uninstall restores them to the byte",
    async (_, text) => {
      using folder = tempFolder();
      writeFileSync(folder.at("settings.json"), text);
      expect(await run(folder, "install", "--statusline")).toMatchObject({ exitCode: 0 });
      const installed = readFileSync(folder.at("settings.json"), "utf8");
      const again = await run(folder, "install", "--statusline", "--json");
      expect(JSON.parse(again.stdout)).toMatchObject({ isChanged: false, backup: null });
      expect(readFileSync(folder.at("settings.json"), "utf8")).toBe(installed);
      const { hooks, statusLine } = settingsIn(folder);
      const own = Object.values(hooks)
        .flat()
        .flatMap((group) => group.hooks)
        .filter(({ timeout }) => timeout === 5);
      expect(own).toHaveLength(EVENTS);
      expect(statusLine).toMatchObject({ command: expect.stringMatching(/bin\.ts statusline$/) });
      const [copy] = copiesIn(folder);
      expect(readFileSync(folder.at(copy ?? ""), "utf8")).toBe(text);
      expect(statSync(folder.at(copy ?? "")).mode & 0o777).toBe(0o600);
      expect(await run(folder, "uninstall")).toMatchObject({ exitCode: 0 });
      expect(readFileSync(folder.at("settings.json"), "utf8")).toBe(text === "" ? "{}\n" : text);
    },
  );

  it("runs the hook that it wrote, from a folder whose settings of Bun are hostile", async () => {
    using folder = tempFolder();
    const database = folder.at("it's here", "usage.db");
    await run(folder, "install", "--db", database, "--source-app", "my app", "--statusline");
    writeFileSync(folder.at("bunfig.toml"), 'preload = ["./evil.ts"]\n');
    writeFileSync(folder.at("evil.ts"), 'require("node:fs").writeFileSync("evil", "");');
    const { hooks, statusLine } = settingsIn(folder);
    const shell = async (command: unknown, stdin: string): Promise<string> => {
      const child = Bun.spawn(["sh", "-c", String(command)], {
        cwd: folder.path,
        env: { PATH: process.env["PATH"] ?? "", HOME: folder.path },
        stdin: Buffer.from(stdin),
        stdout: "pipe",
        stderr: "pipe",
      });
      const [text, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
      expect([await child.exited, errors]).toEqual([0, ""]);
      return text;
    };
    const command = hooks["Stop"]?.[0]?.hooks[0]?.["command"];
    expect(await shell(command, '{"session_id":"s","hook_event_name":"Stop"}')).toBe("");
    expect(existsSync(folder.at("evil"))).toBe(false);
    const line = await shell((statusLine as { command: string }).command, "{}");
    expect(line).toBe("$0.00 today\n");
    const { openUsageDb } = await import("../../../src/index.ts");
    using db = openUsageDb(database, { mode: "read" });
    expect(db.events.recent()).toMatchObject([{ source_app: "my app", hook_event_type: "Stop" }]);
  });

  it("posts where the agent can, with a secret that others cannot read any more", async () => {
    using folder = tempFolder();
    writeFileSync(folder.at("settings.json"), "{}", { mode: 0o644 });
    expect(await run(folder, "install", "--http", "--port", "4711")).toMatchObject({ exitCode: 0 });
    const token = readFileSync(folder.at("data/usagedb/usage.db-hook-token"), "utf8").trim();
    const { hooks } = settingsIn(folder);
    expect(hooks["PreToolUse"]?.[0]?.hooks[0]).toEqual({
      type: "http",
      url: "http://127.0.0.1:4711/events",
      headers: { Authorization: `Bearer ${token}`, "X-Usagedb-Hook": "1" },
      timeout: 5,
    });
    // Claude Code runs no HTTP hook when a session starts.
    expect(hooks["SessionStart"]?.[0]?.hooks[0]).toMatchObject({ type: "command" });
    expect(statSync(folder.at("settings.json")).mode & 0o777).toBe(0o600);
    // Another way of installing takes the place of the first.
    await run(folder, "install");
    expect(readFileSync(folder.at("settings.json"), "utf8")).not.toContain('"http"');
    expect(settingsIn(folder).hooks["PreToolUse"]).toHaveLength(1);
    await run(folder, "uninstall");
    expect(readFileSync(folder.at("settings.json"), "utf8")).toBe("{}");
  });

  it("changes nothing for a dry run, and shows no secret", async () => {
    using folder = tempFolder();
    writeFileSync(folder.at("settings.json"), WRITTEN);
    const { stdout, exitCode } = await run(folder, "install", "--http", "--dry-run");
    expect(exitCode).toBe(0);
    expect(stdout).toContain('+                        "url": "http://127.0.0.1:4000/events"');
    expect(stdout).toContain("Bearer <token>");
    expect(readFileSync(folder.at("settings.json"), "utf8")).toBe(WRITTEN);
    expect(readdirSync(folder.path)).toEqual(["settings.json"]);
  });

  it("writes through a link to the file itself, with the rights that it had", async () => {
    using folder = tempFolder();
    const real = folder.at("dotfiles.json");
    writeFileSync(real, "{}");
    chmodSync(real, 0o640);
    symlinkSync(real, folder.at("settings.json"));
    await run(folder, "install");
    expect(lstatSync(folder.at("settings.json")).isSymbolicLink()).toBe(true);
    expect(readFileSync(real, "utf8")).toContain("SessionStart");
    expect(statSync(real).mode & 0o777).toBe(0o640);
  });

  it("makes a file that is missing, private, with its folder", async () => {
    using folder = tempFolder();
    const file = folder.at("new", "settings.json");
    expect(await run(folder, "install", "--settings", file)).toMatchObject({ exitCode: 0 });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder.at("new"))).toEqual(["settings.json"]);
  });

  it.each([
    ["comments", '{ // mine\n "a": 1 }', "it is not JSON"],
    ["a list", "[]", "it is an array"],
    ["hooks that are text", '{"hooks":"x"}', '"hooks" is a string'],
    ["an event that is an object", '{"hooks":{"Stop":{}}}', '"hooks.Stop" is an object'],
    ["bytes that are no text", Buffer.from([0x7b, 0xff, 0x7d]), "it is not UTF-8"],
    [
      "100,000 brackets",
      `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`,
      "it is nested too deeply",
    ],
  ])("refuses %s, and leaves them as they are", async (_, text, observed) => {
    using folder = tempFolder();
    writeFileSync(folder.at("settings.json"), text);
    const { stderr, exitCode } = await run(folder, "install", "--json");
    expect([exitCode, JSON.parse(stderr)]).toMatchObject([
      1,
      { error: { code: "SETTINGS_INVALID", details: { observed } } },
    ]);
    expect(readFileSync(folder.at("settings.json"))).toEqual(Buffer.from(text));
    expect(readdirSync(folder.path)).toEqual(["settings.json"]);
  });

  it("refuses a link to nothing, and another program's status line", async () => {
    using folder = tempFolder();
    symlinkSync(folder.at("nowhere"), folder.at("settings.json"));
    expect((await run(folder, "install")).exitCode).toBe(1);
    expect(existsSync(folder.at("nowhere"))).toBe(false);
    const file = folder.at("other.json");
    writeFileSync(file, '{"statusLine":{"type":"command","command":"mine | usagedb statusline"}}');
    const { stderr } = await run(folder, "install", "--statusline", "--settings", file, "--json");
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "STATUS_LINE_TAKEN" } });
  });

  it("warns of settings that keep hooks from running", async () => {
    using folder = tempFolder();
    writeFileSync(
      folder.at("settings.json"),
      '{"disableAllHooks":true,"allowedHttpHookUrls":["https://x/*"]}',
    );
    const { stderr } = await run(folder, "install", "--http");
    expect(stderr).toContain("disableAllHooks");
    expect(stderr).toContain("http://127.0.0.1:4000/events must match");
  });
});

describe("usagedb hook uninstall", () => {
  it("removes what install wrote wherever it stands, and nothing that only looks like it", async () => {
    using folder = tempFolder();
    const others = [
      "usagedb hook | tee log",
      "usagedb hooks",
      "echo usagedb hook",
      "not-usagedb hook",
      "usagedb sync",
      "usagedb hook && rm -rf x",
    ];
    const own = [
      "usagedb hook",
      "/opt/bin/usagedb hook --keep prompts",
      "'/a b/bun' --no-env-file '/c d/cli/bin.ts' hook",
    ];
    const handlers = [...others, ...own].map((command) => ({ type: "command", command }));
    const settings = { hooks: { MyOwnEvent: [{ matcher: "x", hooks: handlers }] } };
    writeFileSync(folder.at("settings.json"), JSON.stringify(settings, null, 2));
    await run(folder, "uninstall");
    const left = settingsIn(folder).hooks["MyOwnEvent"]?.[0]?.hooks.map(({ command }) => command);
    expect(left).toEqual(others);
  });

  it("says when there is nothing to remove", async () => {
    using folder = tempFolder();
    const { stdout, exitCode } = await run(folder, "uninstall");
    expect([exitCode, stdout]).toEqual([
      0,
      `There are no hooks of usagedb in ${join(folder.path, "settings.json")}.\n`,
    ]);
    expect(existsSync(folder.at("settings.json"))).toBe(false);
  });
});
