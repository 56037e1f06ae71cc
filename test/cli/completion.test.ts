import { mkdirSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "bun:test";
import { ROOT } from "../../src/cli/commands/index.ts";
import { completionNodes } from "../../src/cli/completion/nodes.ts";
import { tempFolder, type TempFolder } from "../support/temp-folder.ts";
import { spawnCli } from "./spawn-cli.ts";

const NODES = completionNodes(ROOT);

const scripts = new Map<string, string>();
beforeAll(async () => {
  for (const shell of ["bash", "zsh", "fish"]) {
    const { stdout, stderr, exitCode } = await spawnCli(["completion", shell]);
    expect([stderr, exitCode]).toEqual(["", 0]);
    scripts.set(shell, stdout);
  }
});

/** A folder with a file, a folder and a file whose name has a space. */
function workplace(): TempFolder {
  const folder = tempFolder();
  mkdirSync(folder.at("migrations"));
  for (const name of ["migrations.md", "app.db", "two words.db"])
    writeFileSync(folder.at(name), "");
  return folder;
}

async function run(command: readonly string[], cwd: string): Promise<string> {
  const child = Bun.spawn([...command], {
    cwd,
    env: { PATH: process.env["PATH"] ?? "", HOME: cwd },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect([stderr, await child.exited]).toEqual(["", 0]);
  return stdout;
}

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** What a real bash would offer at the end of each line, sorted; a line is given as bash splits it. */
async function inBash(lines: readonly (readonly string[])[]): Promise<string[][]> {
  using folder = workplace();
  const program = [
    scripts.get("bash"),
    "complete -p usagedb",
    ...lines.map(
      (words) =>
        `COMP_WORDS=(usagedb ${words.map(quoted).join(" ")}); COMP_CWORD=${words.length}; _usagedb; echo --; printf '%s\\n' "\${COMPREPLY[@]}"`,
    ),
  ];
  const bash = ["bash", "--norc", "--noprofile", "-c", program.join("\n")];
  const output = await run(bash, folder.path);
  const [head, ...answers] = output.split("--\n");
  expect(head).toBe("complete -F _usagedb usagedb\n");
  // Flags begin with the dashes that part the answers, so those stand alone on their line.
  return answers.map((answer) =>
    answer
      .split("\n")
      .filter((line) => line !== "")
      .sort(),
  );
}

describe("completion in bash", () => {
  it("offers every command and every flag of the tree, and nothing else", async () => {
    const words = await inBash(
      NODES.filter((node) => node.words.length > 0).map(({ path }) =>
        [...path.split(" "), ""].filter(
          (word, index, all) => word !== "" || index === all.length - 1,
        ),
      ),
    );
    expect(words).toEqual(
      NODES.filter((node) => node.words.length > 0).map((node) =>
        node.words.map(({ word }) => word).sort(),
      ),
    );
    const flags = await inBash(
      NODES.map(({ path }) => [...path.split(" ").filter((word) => word !== ""), "-"]),
    );
    expect(flags).toEqual(NODES.map((node) => node.flags.map(({ flag }) => flag).sort()));
  });

  it.each<[string[], string[]]>([
    [["mig"], ["migrate"]],
    [["migrate", "st"], ["status"]],
    [["--db", "app.db", "migrate", "roll"], ["rollback"]],
    [["migrate", "--dir", "m"], ["migrations"]],
    [["migrate", "--dir", "=", "m"], ["migrations"]],
    [["migrate", "--dir", "="], ["migrations"]],
    [["migrate", "--dir", "migrations", "rollback", "--use"], ["--use-files"]],
    [
      ["sync", "--db", ""],
      ["app.db", "migrations", "migrations.md", "two words.db"],
    ],
    [["restore", "t"], ["two words.db"]],
    [["restore", "app.db", ""], []],
    [["config", "get", "refresh_r"], ["refresh_rate"]],
    [["config", "set", "theme", ""], []],
    [
      ["report", "daily", "--order", ""],
      ["asc", "desc"],
    ],
    [["migrate", "up", "--allow", "DROPS_T"], ["DROPS_TABLE"]],
    [["migrate", "up", "--to", ""], []],
    [
      ["completion", ""],
      ["bash", "fish", "zsh"],
    ],
    [["nonsense", ""], NODES[0]?.words.map(({ word }) => word).sort() ?? []],
  ])("completes %j", async (line, expected) => {
    expect(await inBash([line])).toEqual([expected]);
  });
});

/** What the script asks of zsh's own functions, printed. */
const ZSH = `
compdef() { :; }
_describe() { local -a found; found=("\${(@P)@[-1]}"); print -l -- "\${(@)found%%:*}"; }
compadd() { shift; print -l -- "$@"; }
_files() { print -r -- "files $*"; }
_message() { :; }
compset() { :; }
`;

describe("completion in zsh", () => {
  it.skipIf(Bun.which("zsh") === null)(
    "offers words, flags, values and files (skipped without zsh)",
    async () => {
      using folder = workplace();
      const answer = async (...words: string[]): Promise<string[]> => {
        const line = `words=(usagedb ${words.map(quoted).join(" ")}); CURRENT=\${#words}; _usagedb`;
        const zsh = ["zsh", "-f", "-c", [ZSH, scripts.get("zsh"), line].join("\n")];
        const output = await run(zsh, folder.path);
        return output.split("\n").filter((text) => text !== "");
      };
      for (const { path, words, flags } of NODES) {
        const line = path.split(" ").filter((word) => word !== "");
        expect(await answer(...line, "-")).toEqual(flags.map(({ flag }) => flag));
        if (words.length > 0)
          expect(await answer(...line, "")).toEqual(words.map(({ word }) => word));
      }
      expect(await answer("migrate", "--dir", "")).toEqual(["files -/"]);
      expect(await answer("--db", "app.db", "restore", "")).toEqual(["files "]);
      expect(await answer("config", "get", "")).toContain("timezone");
    },
  );
});

describe("completion in fish", () => {
  it.skipIf(Bun.which("fish") === null)(
    "offers words, flags, values and files (skipped without fish)",
    async () => {
      using folder = workplace();
      writeFileSync(folder.at("usagedb.fish"), scripts.get("fish") ?? "");
      const answer = async (line: string): Promise<string[]> => {
        const program = `source usagedb.fish; complete -C ${quoted(line)}`;
        const output = await run(["fish", "--no-config", "-c", program], folder.path);
        return output
          .split("\n")
          .filter((text) => text !== "")
          .map((text) => text.split("\t")[0] ?? "");
      };
      expect(await answer("usagedb mi")).toEqual(["migrate"]);
      expect(await answer("usagedb --db app.db migrate st")).toEqual(["status"]);
      expect(await answer("usagedb migrate --dir migrations rollback --use")).toEqual([
        "--use-files",
      ]);
      expect(await answer("usagedb config get refresh_r")).toEqual(["refresh_rate"]);
      expect(await answer("usagedb restore app")).toEqual(["app.db"]);
    },
  );
});

describe("usagedb completion", () => {
  it("gives the script as JSON too, and refuses a shell that it does not know", async () => {
    const { stdout } = await spawnCli(["completion", "bash", "--json"]);
    expect(JSON.parse(stdout)).toEqual({ shell: "bash", script: scripts.get("bash") });
    expect(await spawnCli(["completion", "tcsh"])).toMatchObject({
      stdout: "",
      exitCode: 2,
      stderr: expect.stringContaining("expected bash, zsh, fish"),
    });
  });
});

it("leaves out what is no command for people", () => {
  const words = completionNodes(ROOT).flatMap((node) => [
    node.path,
    ...node.words.map(({ word }) => word),
  ]);
  expect(words.filter((word) => word.includes("test-crash"))).toEqual([]);
  expect(words).toContain("migrate test");
});
