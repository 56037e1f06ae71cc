/** What a command is: citty's definition, plus examples and an exit code. */
import type { ArgsDef } from "citty";
import type { ExitCode } from "../errors.ts";
import type { Output } from "./output.ts";

export type ArgValues = Readonly<Record<string, string | boolean | undefined>>;

export interface CommandContext {
  readonly args: ArgValues;
  readonly output: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** For long work: a signal that the first Ctrl-C aborts, so that it stops at its next whole point. */
  readonly interruptSignal: () => AbortSignal;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

export interface Command {
  readonly meta: { readonly name: string; readonly description: string };
  /**
   * Positionals are those of type "positional", in order. The last one may stand several times when its hint ends with
   * an ellipsis; its value is all of them, joined by commas.
   */
  readonly args: ArgsDef;
  /** The words that an argument may be, where there are few: for completion. */
  readonly choices?: Readonly<Record<string, readonly string[]>>;
  /** Command lines with what they do, for `--help`. */
  readonly examples: readonly (readonly [line: string, does: string])[];
  readonly run: (context: CommandContext) => Promise<ExitCode>;
}

/** A node of the command tree: names are known at once, definitions are loaded when needed. */
export interface CommandGroup {
  readonly meta: { readonly name: string; readonly description: string };
  readonly commands: Readonly<
    Record<
      string,
      {
        readonly description: string;
        readonly load: () => Command | CommandGroup;
        /** True for what only the program itself calls: no help and no suggestion names it. */
        readonly isHidden?: boolean;
      }
    >
  >;
  /** The subcommand that runs when none is named. */
  readonly fallback: string;
  /** Words that are no subcommands but the fallback's own arguments: `usagedb maintain prune`. */
  readonly fallbackWords?: () => readonly string[];
}

export function isGroup(node: Command | CommandGroup): node is CommandGroup {
  return "commands" in node;
}

/** Options that every command takes. */
export const GLOBAL_ARGS = {
  db: {
    type: "string",
    valueHint: "FILE",
    description: "database file (default: $USAGEDB_PATH, else the user's data folder)",
  },
  json: { type: "boolean", description: "print data as JSON" },
  quiet: { type: "boolean", description: "print nothing but data and errors" },
  help: { type: "boolean", alias: "h", description: "show this help" },
} as const satisfies ArgsDef;
