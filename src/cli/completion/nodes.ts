/** The command tree as a shell completes it: which words and flags may follow where, and what they take. */
import type { ArgDef } from "citty";
import { HAZARD_KINDS } from "../../migration/hazard-kind.ts";
import { isRepeatable } from "../argv.ts";
import { type Command, type CommandGroup, isGroup } from "../command.ts";

/** What may stand in an argument's place; null for what only the user knows. */
export type Candidates =
  | { readonly kind: "file" }
  | { readonly kind: "folder" }
  | { readonly kind: "words"; readonly words: readonly string[] }
  | null;

export interface CompletionFlag {
  /** With its dashes. */
  readonly flag: string;
  /** `-h`; null when it has none. */
  readonly short: string | null;
  readonly description: string;
  readonly takesValue: boolean;
  readonly candidates: Candidates;
}

export interface CompletionNode {
  /** The words that lead there, joined by spaces; empty for the program itself. */
  readonly path: string;
  /** Its commands; empty for a command. */
  readonly words: readonly { readonly word: string; readonly description: string }[];
  readonly flags: readonly CompletionFlag[];
  /** One an argument, in order; empty for a group. */
  readonly positionals: readonly Candidates[];
}

/** Every node of the tree, parents before their children. */
export function completionNodes(root: CommandGroup): CompletionNode[] {
  return [...nodesOf(root, "")];
}

function* nodesOf(node: Command | CommandGroup, path: string): Generator<CompletionNode> {
  if (!isGroup(node)) {
    yield { path, words: [], flags: flagsOf(node), positionals: positionalsOf(node) };
    return;
  }
  const commands = Object.entries(node.commands).filter(([, { isHidden }]) => isHidden !== true);
  const words = commands.map(([word, { description }]) => ({ word, description }));
  const own = (node.fallbackWords?.() ?? []).map((word) => ({
    word,
    description: `only ${word}`,
  }));
  yield { path, words: [...words, ...own], flags: flagsOf(fallbackOf(node)), positionals: [] };
  for (const [word, { load }] of commands)
    yield* nodesOf(load(), path === "" ? word : `${path} ${word}`);
}

/** The command that runs when a group's name stands alone: its flags may follow. */
function fallbackOf(group: CommandGroup): Command {
  const node = group.commands[group.fallback]?.load();
  if (node === undefined) throw new TypeError(`${group.meta.name} has no ${group.fallback}`);
  return isGroup(node) ? fallbackOf(node) : node;
}

function flagsOf({ args, choices = {} }: Command): CompletionFlag[] {
  return Object.entries(args)
    .filter(([, definition]) => definition.type !== "positional")
    .map(([name, definition]) => {
      const alias = "alias" in definition ? [definition.alias].flat()[0] : undefined;
      return {
        flag: `--${name}`,
        short: alias === undefined ? null : `-${alias}`,
        description: definition.description ?? "",
        takesValue: definition.type === "string",
        candidates: definition.type === "string" ? candidatesOf(name, definition, choices) : null,
      };
    });
}

function positionalsOf({ args, choices = {} }: Command): Candidates[] {
  return Object.entries(args)
    .filter(([, definition]) => definition.type === "positional")
    .flatMap(([name, definition]) => {
      const candidates = candidatesOf(name, definition, choices);
      const times = isRepeatable(definition) ? (choices[name]?.length ?? 1) : 1;
      return Array.from({ length: times }, () => candidates);
    });
}

/** The hint that `--help` shows says what is meant: `FILE`, `FOLDER`, `asc|desc`. */
function candidatesOf(
  name: string,
  { valueHint = name.toUpperCase() }: ArgDef,
  choices: NonNullable<Command["choices"]>,
): Candidates {
  const words = choices[name];
  if (words !== undefined) return { kind: "words", words };
  if (valueHint.includes("|")) return { kind: "words", words: valueHint.split("|") };
  switch (valueHint) {
    case "FILE":
      return { kind: "file" };
    case "FOLDER":
    case "MIGRATIONS":
      return { kind: "folder" };
    case "KINDS":
      return { kind: "words", words: HAZARD_KINDS };
    default:
      return null;
  }
}
