import { describe, expect, it, spyOn } from "bun:test";
import { type Command, type CommandGroup, isGroup } from "../../src/cli/command.ts";
import { ROOT } from "../../src/cli/commands/index.ts";
import { main } from "../../src/cli/main.ts";

function* commandsOf(
  node: Command | CommandGroup,
  words: readonly string[] = [],
): Generator<readonly [line: string, command: Command]> {
  if (!isGroup(node)) {
    yield [words.join(" "), node];
    return;
  }
  for (const [word, { load }] of Object.entries(node.commands))
    yield* commandsOf(load(), [...words, word]);
}

const COMMANDS = [...commandsOf(ROOT)];

/** Runs a command line in this process and keeps what it prints. */
async function printed(
  argv: readonly string[],
): Promise<{ stdout: string[]; stderr: string[]; exitCode: number }> {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const log = spyOn(console, "log").mockImplementation((text: string) => void stdout.push(text));
  const error = spyOn(console, "error").mockImplementation(
    (text: string) => void stderr.push(text),
  );
  try {
    const exitCode = await main({ argv, env: { HOME: "/nonexistent" } });
    return { stdout, stderr, exitCode };
  } finally {
    log.mockRestore();
    error.mockRestore();
  }
}

describe("every command", () => {
  it.each(COMMANDS)(
    "`%s` takes --json, --quiet, --db and --help, and has an example",
    (_, command) => {
      expect(command.args).toMatchObject({
        json: { type: "boolean" },
        quiet: { type: "boolean" },
        db: { type: "string" },
        help: { type: "boolean" },
      });
      expect(command.examples.length).toBeGreaterThan(0);
    },
  );

  it.each(COMMANDS)("`%s` answers --help on stdout, with its examples", async (line, command) => {
    const { stdout, stderr, exitCode } = await printed([...line.split(" "), "--help"]);
    expect([stderr, exitCode]).toEqual([[], 0]);
    for (const [example] of command.examples) expect(stdout.join("\n")).toContain(example);
  });

  it.each(COMMANDS)("`%s` tells of an error as JSON on stderr alone with --json", async (line) => {
    const { stdout, stderr, exitCode } = await printed([
      ...line.split(" "),
      "--json",
      "--no-such-flag",
    ]);
    expect([stdout, exitCode]).toEqual([[], 2]);
    expect(JSON.parse(stderr.join("\n"))).toEqual({
      error: {
        code: "CLI_USAGE",
        message: expect.stringContaining("--no-such-flag"),
        hint: expect.stringMatching(/\S/),
        details: expect.any(Object),
      },
    });
  });
});
