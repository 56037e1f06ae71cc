/**
 * Command lines, read strictly. citty accepts unknown flags, missing values and surplus arguments in silence,
 * and loading it costs as much as Bun itself; so it draws the help and this reads the words.
 */
import type { ArgDef, ArgsDef } from "citty";
import { InputError } from "../errors.ts";
import type { ArgValues } from "./command.ts";

/**
 * The first word that is neither a flag nor a flag's value, with the rest of the line.
 * Flags before it are kept: `--db x.db status` means the same as `status --db x.db`.
 */
export function takeWord(
  argv: readonly string[],
  args: ArgsDef,
): { readonly word: string | undefined; readonly rest: string[] } {
  for (let i = 0; i < argv.length; i++) {
    const token = argv[i] as string;
    if (token === "--") break;
    if (!token.startsWith("-") || token === "-") {
      return { word: token, rest: [...argv.slice(0, i), ...argv.slice(i + 1)] };
    }
    const name = token.replace(/^--?/, "");
    const flag = findFlag(name.split("=", 1)[0] ?? "", args);
    // An unknown flag may or may not take the next word: leave it to the command, which can name it.
    if (flag === undefined) break;
    if (!name.includes("=") && flag[1].type === "string") i++;
  }
  return { word: undefined, rest: [...argv] };
}

/**
 * Reads a command's arguments; every flag and positional of the result is declared in `args`.
 * @throws {InputError} CLI_USAGE for an unknown or repeated flag, a missing value, a surplus or missing argument.
 */
export function parseArgs(command: string, argv: readonly string[], args: ArgsDef): ArgValues {
  const values: Record<string, string | boolean | undefined> = {};
  const positionals: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const token = argv[i] as string;
    if (token === "--") {
      positionals.push(...argv.slice(i + 1));
      break;
    }
    if (!token.startsWith("-") || token === "-") {
      positionals.push(token);
      continue;
    }
    const equals = token.indexOf("=");
    const written = equals < 0 ? token : token.slice(0, equals);
    const inline = equals < 0 ? undefined : token.slice(equals + 1);
    const flag = findFlag(written.replace(/^--?/, ""), args);
    if (flag === undefined || (written.length > 2 && !written.startsWith("--")))
      refuseFlag(command, written, args);
    const [name, definition] = flag;
    if (name in values) refuse(command, `--${name} is given twice`, "it once");
    if (definition.type === "boolean") {
      if (inline !== undefined) refuse(command, `--${name} takes no value`, "the flag alone");
      values[name] = true;
      continue;
    }
    const value = inline ?? argv[++i];
    if (value === undefined || (inline === undefined && value.startsWith("--"))) {
      refuse(command, `--${name} has no value`, `--${name} ${hintOf(name, definition)}`);
    }
    values[name] = value;
  }
  assignPositionals(command, positionals, args, values);
  return values;
}

function assignPositionals(
  command: string,
  positionals: readonly string[],
  args: ArgsDef,
  values: Record<string, string | boolean | undefined>,
): void {
  const declared = Object.entries(args).filter(
    ([, definition]) => definition.type === "positional",
  );
  const surplus = positionals[declared.length];
  const last = declared.at(-1);
  const isRepeated = last !== undefined && isRepeatable(last[1]);
  if (surplus !== undefined && !isRepeated) {
    refuse(
      command,
      `the argument ${JSON.stringify(surplus)} is one too many`,
      declared.length === 0 ? "none" : `at most ${declared.length}`,
    );
  }
  const usage = [command, ...declared.map(([name]) => name.toUpperCase())].join(" ");
  for (const [index, [name, definition]] of declared.entries()) {
    const value =
      isRepeated && index === declared.length - 1 && surplus !== undefined
        ? positionals.slice(index).join(",")
        : positionals[index];
    if (value === undefined && definition.required === true)
      refuse(command, `${name.toUpperCase()} is missing`, `\`${usage}\``);
    if (value !== undefined) values[name] = value;
  }
}

/** An argument that may stand several times. */
export function isRepeatable({ valueHint }: ArgDef): boolean {
  return valueHint?.endsWith("…") === true;
}

function findFlag(name: string, args: ArgsDef): readonly [string, ArgDef] | undefined {
  for (const [known, definition] of Object.entries(args)) {
    if (definition.type === "positional") continue;
    const aliases =
      "alias" in definition && definition.alias !== undefined ? [definition.alias].flat() : [];
    if (known === name || aliases.includes(name)) return [known, definition];
  }
  return undefined;
}

const hintOf = (name: string, definition: ArgDef): string =>
  definition.valueHint ?? name.toUpperCase();

function refuseFlag(command: string, written: string, args: ArgsDef): never {
  const flags = Object.entries(args)
    .filter(([, definition]) => definition.type !== "positional")
    .map(([name]) => `--${name}`);
  const near = nearest(written, flags);
  refuse(
    command,
    `${written} is not a flag of it`,
    near === undefined ? `one of ${flags.join(", ")}` : near,
  );
}

/** @throws {InputError} CLI_USAGE always. */
export function refuseWord(command: string, word: string, words: readonly string[]): never {
  const near = nearest(word, words);
  refuse(command, `${JSON.stringify(word)} is not a command`, near ?? `one of ${words.join(", ")}`);
}

/** Loaded only for a slip of the finger. */
function nearest(word: string, candidates: readonly string[]): string | undefined {
  return (require("./suggest.ts") as typeof import("./suggest.ts")).nearest(word, candidates);
}

function refuse(command: string, observed: string, expected: string): never {
  throw new InputError(
    "CLI_USAGE",
    `Cannot run \`${command}\`: ${observed}, expected ${expected}`,
    {
      details: { command, observed, expected },
      hint: `Run \`${command} --help\` to see what it takes.`,
    },
  );
}
