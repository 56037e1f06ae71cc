/** argv in, exit code out: finds the command, reads its arguments, runs it, renders its errors. */
import type { ArgsDef } from "citty";
import { InputError, type ExitCode, UsageDbError } from "../errors.ts";
import { parseArgs, refuseWord, takeWord } from "./argv.ts";
import { type Command, type CommandGroup, GLOBAL_ARGS, isGroup } from "./command.ts";
import { ROOT } from "./commands/index.ts";
import { Output, renderJson } from "./output.ts";

export interface MainOptions {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now?: () => number;
  /** What the user typed to get here, for help and errors. */
  readonly program?: string;
  /** The node of the command tree at which argv starts; `usagedb` itself when left out. */
  readonly start?: readonly string[];
}

/** Options that may stand before a command's name. */
const LEADING_ARGS: ArgsDef = {
  ...GLOBAL_ARGS,
  dir: { type: "string" },
  to: { type: "string" },
  "dry-run": { type: "boolean" },
  "allow-out-of-order": { type: "boolean" },
};

/** Runs one command line; never throws and never exits. */
export async function main({
  argv,
  env,
  now = Date.now,
  program = "usagedb",
  start = [],
}: MainOptions): Promise<ExitCode> {
  const plain = new Output({ isJson: argv.includes("--json"), isQuiet: argv.includes("--quiet") });
  try {
    const { node, name, rest } = findCommand([...start], argv, program);
    const isHelp = asksForHelp(rest);
    if (isGroup(node) || isHelp) {
      const { renderHelp } = await import("./help.ts");
      console.log(await renderHelp(node, name));
      return 0;
    }
    const args = parseArgs(name, rest, node.args);
    const output = new Output({ isJson: args["json"] === true, isQuiet: args["quiet"] === true });
    return await node.run({ args, output, env, interruptSignal, now });
  } catch (thrown) {
    const error = await typedError(thrown);
    const { renderError } = await import("./render-error.ts");
    if (plain.isJson) console.error(renderJson(renderError(error).json));
    else await plain.error(renderError(error).text);
    return error instanceof UsageDbError ? error.exitCode : 1;
  }
}

/**
 * What SQLite or the file system say where nobody expected it, of a damaged page or a full disk, has a code and a way
 * out as well.
 */
async function typedError(error: unknown): Promise<unknown> {
  if (error instanceof UsageDbError) return error;
  const { isSqliteError, toUsageDbError } = await import("../engine/sqlite/sqlite-errors.ts");
  // Of a pipe that nobody reads any more there is no path.
  const isOfFile = error instanceof Error && "syscall" in error && "path" in error;
  return isSqliteError(error) || isOfFile ? toUsageDbError(error, "use the database") : error;
}

/** After `--` a `--help` is an argument like any other. */
function asksForHelp(argv: readonly string[]): boolean {
  for (const token of argv) {
    if (token === "--") return false;
    if (token === "--help" || token === "-h") return true;
  }
  return false;
}

const commandNames = ({ commands }: CommandGroup): string[] =>
  Object.keys(commands).filter((name) => commands[name]?.isHidden !== true);

/** An argument of the command that runs when none is named; several may be joined by commas. */
function isFallbackWord(
  { commands, fallbackWords }: CommandGroup,
  word: string | undefined,
): boolean {
  if (word === undefined || fallbackWords === undefined || Object.hasOwn(commands, word))
    return false;
  const words = fallbackWords();
  return word.split(",").every((part) => words.includes(part));
}

interface FoundCommand {
  readonly node: Command | CommandGroup;
  /** As it is typed: `usagedb migrate status`. */
  readonly name: string;
  readonly rest: readonly string[];
}

function findCommand(start: string[], argv: readonly string[], program: string): FoundCommand {
  let node: Command | CommandGroup = ROOT;
  let name = program;
  let rest: readonly string[] = argv;
  while (isGroup(node)) {
    const group: CommandGroup = node;
    let word = start.shift();
    const isStart = word !== undefined;
    if (!isStart) {
      const taken = takeWord(rest, LEADING_ARGS);
      word = isFallbackWord(group, taken.word) ? undefined : taken.word;
      if (word === undefined && asksForHelp(rest)) return { node, name, rest };
      if (
        word === undefined &&
        group === ROOT &&
        (rest.includes("--version") || rest.includes("-v"))
      )
        word = "version";
      else if (word === taken.word) rest = taken.rest;
    }
    if (word === undefined) word = group.fallback;
    else if (!isStart) name = `${name} ${word}`;
    if (word === "help") return { node, name: name.slice(0, -" help".length), rest };
    if (!Object.hasOwn(group.commands, word)) {
      refuseWord(name.slice(0, name.length - word.length - 1), word, [
        ...commandNames(group),
        ...(group.fallbackWords?.() ?? []),
      ]);
    }
    const next = group.commands[word];
    if (next === undefined) throw new InputError("CLI_USAGE", `Cannot run \`${name}\``);
    node = next.load();
    if (word === "version") rest = rest.filter((token) => token !== "--version" && token !== "-v");
  }
  return { node, name, rest };
}

/**
 * The first Ctrl-C asks long work to stop at its next whole point; a second one ends the process, which
 * SQLite survives too.
 */
function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  return controller.signal;
}
