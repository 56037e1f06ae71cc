/** A yes or no from the person at the terminal. */
import { createInterface } from "node:readline/promises";
import { InputError } from "../errors.ts";
import type { CommandContext } from "./command.ts";

export const YES_ARG = {
  yes: { type: "boolean", description: "do not ask" },
} as const;

/**
 * True when `--yes` was given or the person agrees; false for any other answer, and at the end of input.
 * @throws {InputError} CLI_USAGE when there is nobody to ask.
 */
export async function isAgreed(
  { args }: Pick<CommandContext, "args">,
  question: string,
): Promise<boolean> {
  if (args["yes"] === true) return true;
  if (process.stdin.isTTY !== true) {
    throw new InputError(
      "CLI_USAGE",
      "Cannot ask: standard input is no terminal, expected one, or --yes",
      { hint: "Pass --yes when you have seen what will be written." },
    );
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${question} [y/N] `);
    return /^y(es)?$/i.test(answer.trim());
  } catch (error) {
    // Ctrl-C or Ctrl-D is a no.
    if (error instanceof Error && error.name === "AbortError") return false;
    throw error;
  } finally {
    terminal.close();
  }
}
