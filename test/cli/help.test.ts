import { describe, expect, it } from "bun:test";
import type { Command, CommandGroup } from "../../src/cli/command.ts";
import { isGroup } from "../../src/cli/command.ts";
import { ROOT } from "../../src/cli/commands/index.ts";
import { renderHelp } from "../../src/cli/help.ts";
import { printableLines } from "../../src/cli/output.ts";

interface Named<Node> {
  readonly name: string;
  readonly node: Node;
}

function* walk(
  node: Command | CommandGroup,
  name: string,
): Generator<Named<Command | CommandGroup>> {
  yield { name, node };
  if (!isGroup(node)) return;
  for (const [word, { load }] of Object.entries(node.commands))
    yield* walk(load(), `${name} ${word}`);
}

const NODES = [...walk(ROOT, "usagedb")];
const COMMANDS = NODES.filter((entry): entry is Named<Command> => !isGroup(entry.node)).map(
  ({ name, node }) => [name, node] as const,
);
const GROUPS = NODES.filter((entry): entry is Named<CommandGroup> => isGroup(entry.node)).map(
  ({ name, node }) => [name, node] as const,
);

describe("the command tree", () => {
  it.each([
    "usagedb migrate up",
    "usagedb migrate status",
    "usagedb migrate plan",
    "usagedb migrate rollback",
    "usagedb migrate redo",
    "usagedb migrate validate",
    "usagedb migrate create",
    "usagedb migrate test",
    "usagedb version",
  ])("has %s", (name) => {
    expect(COMMANDS.map(([known]) => known)).toContain(name);
  });

  it.each(GROUPS)("knows the fallback of %s", (_, group) => {
    expect(Object.keys(group.commands)).toContain(group.fallback);
  });

  it.each(GROUPS)("describes every command of %s", (_, group) => {
    for (const [word, { description }] of Object.entries(group.commands))
      expect({ word, description }).toEqual({ word, description: expect.stringMatching(/^\S/) });
  });

  it.each(COMMANDS)("calls %s by the last word of its name", (name, command) => {
    expect(name.split(" ").at(-1)).toBe(command.meta.name);
  });
});

describe("renderHelp()", () => {
  it.each(COMMANDS)("shows description, examples and every flag of %s", async (name, command) => {
    const help = await renderHelp(command, name);
    expect(command.meta.description).not.toBe("");
    expect(help).toContain(command.meta.description);
    expect(command.examples.length).toBeGreaterThan(0);
    for (const [line, does] of command.examples) {
      expect(help).toContain(line);
      expect(does).not.toBe("");
      expect(help).toContain(does);
    }
    for (const [flag, definition] of Object.entries(command.args)) {
      const shown = definition.type === "positional" ? flag.toUpperCase() : `--${flag}`;
      expect(help).toContain(shown);
      expect({ flag, description: definition.description ?? "" }).toEqual({
        flag,
        description: expect.stringMatching(/\S/),
      });
    }
  });

  it.each(COMMANDS)("has --help in %s", (_, command) => {
    expect(command.args["help"]).toBeDefined();
  });

  it.each(GROUPS)("lists every command of %s with its description", async (name, group) => {
    const help = await renderHelp(group, name);
    expect(help).toContain(group.meta.description);
    for (const [word, { description, isHidden = false }] of Object.entries(group.commands)) {
      expect({ word, isShown: help.includes(word) }).toEqual({ word, isShown: !isHidden });
      expect(help.includes(description)).toBe(!isHidden);
    }
  });

  it.each(NODES.map(({ name, node }) => [name, node] as const))(
    "has neither escapes nor trailing blanks in the help of %s",
    async (name, node) => {
      const help = await renderHelp(node, name);
      expect(help).toBe(printableLines(help));
      expect(help).toBe(help.replace(/ +$/gm, "").trim());
    },
  );
});

/** The part of a shell line that is ours: behind variables and pipes. */
const commandIn = (line: string): string =>
  (line.split("| ").at(-1) ?? line).replace(/^([A-Z_]+=\S+ )+/, "");

describe("an example", () => {
  it.each(
    COMMANDS.flatMap(([name, { examples }]) => examples.map(([line]) => [name, line] as const)),
  )("of %s starts a program that exists: %s", (_, line) => {
    expect(commandIn(line)).toMatch(/^(usagedb|bun scripts\/[a-z-]+\.ts)\b/);
  });

  it.each(
    COMMANDS.flatMap(([name, command]) =>
      command.examples.map(([line]) => [name, line, command] as const),
    ),
  )("of %s has only flags that it takes: %s", (_, line, command) => {
    const known = Object.keys(command.args);
    const flags = [...commandIn(line).matchAll(/ --([a-z-]+)/g)].flatMap(([, flag]) => flag ?? []);
    if (line.includes("--version")) return;
    for (const flag of flags) expect(known).toContain(flag);
  });
});
