/** A yes or no from the person at the terminal. */
import { InputError } from "../errors.ts";
import type { ArgValues } from "./command.ts";
import { printableLines } from "./output.ts";

export const YES_ARG = {
  yes: { type: "boolean", description: "do not ask" },
} as const;

/**
 * True when `--yes` was given or the person agrees; a script has to say so.
 * @param action the words after "Cannot" when there is nobody to ask.
 * @throws {InputError} CLI_USAGE when there is nobody to ask.
 */
export async function isAgreed(
  args: ArgValues,
  { action, question }: { readonly action: string; readonly question: string },
): Promise<boolean> {
  if (args["yes"] === true) return true;
  if (process.stdin.isTTY !== true) {
    throw new InputError(
      "CLI_USAGE",
      `Cannot ${action} without asking: there is no terminal, expected --yes`,
      { hint: "Pass --yes when you have seen what will be written." },
    );
  }
  const { createConsola } = await import("consola");
  const terminal = createConsola({ stdout: process.stderr, stderr: process.stderr });
  return (
    (await terminal.prompt(printableLines(question), { type: "confirm", initial: false })) === true
  );
}
