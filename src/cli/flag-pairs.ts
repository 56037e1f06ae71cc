/** Options that exclude each other. */
import { InputError } from "../errors.ts";
import type { ArgValues } from "./command.ts";

/** @throws {InputError} CLI_USAGE when more than one of the flags is given. */
export function refuseTogether(command: string, args: ArgValues, flags: readonly string[]): void {
  const given = flags.filter((flag) => args[flag] !== undefined);
  if (given.length < 2) return;
  const observed = given.map((flag) => `--${flag}`).join(" and ");
  throw new InputError(
    "CLI_USAGE",
    `Cannot run \`${command}\`: ${observed} were given, expected one of them`,
    {
      details: { command, observed },
      hint: `Leave out ${given.map((flag) => `--${flag}`).join(" or ")}.`,
    },
  );
}
