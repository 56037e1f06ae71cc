/** `--help`: usage and options by citty, examples by us. */
import { type CommandDef, renderUsage } from "citty";
import { type Command, type CommandGroup, isGroup } from "./command.ts";

/** The help text of a command or a group; colours only where stdout is a terminal. */
export async function renderHelp(node: Command | CommandGroup, name: string): Promise<string> {
  const usage = await renderUsage(
    isGroup(node) ? groupDefinition(node, name) : commandDefinition(node, name),
  );
  const text = process.stdout.isTTY === true ? usage : Bun.stripANSI(usage);
  const examples = isGroup(node) ? [] : node.examples;
  const usageLines = text.trimEnd().replace(/ +$/gm, "");
  if (examples.length === 0) return usageLines;
  const width = Math.max(...examples.map(([line]) => line.length));
  const lines = examples.map(([line, does]) => `  ${line.padEnd(width)}  ${does}`);
  return `${usageLines}\n\nEXAMPLES\n\n${lines.join("\n")}`;
}

function commandDefinition(command: Command, name: string): CommandDef {
  return { meta: { name, description: command.meta.description }, args: command.args };
}

function groupDefinition(group: CommandGroup, name: string): CommandDef {
  const subCommands = Object.fromEntries(
    Object.entries(group.commands)
      .filter(([, { isHidden }]) => isHidden !== true)
      .map(([key, { description }]) => [key, { meta: { name: key, description } }]),
  );
  return { meta: { name, description: group.meta.description }, subCommands };
}
