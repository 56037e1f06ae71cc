/** Options that are whole numbers. */
import { InputError } from "../errors.ts";
import type { ArgValues } from "./command.ts";

/**
 * Reads a whole number; undefined when the option was not given.
 * @throws {InputError} CLI_USAGE for anything else, and outside the range.
 */
export function numberArg(
  args: ArgValues,
  name: string,
  { from, to }: { readonly from: number; readonly to: number },
): number | undefined {
  const text = args[name];
  if (typeof text !== "string") return undefined;
  const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= from && number <= to) return number;
  throw new InputError(
    "CLI_USAGE",
    `Cannot use --${name}: it is ${JSON.stringify(text)}, expected a whole number from ${from} to ${to}`,
    { details: { argument: name }, hint: `Pass a number, for instance --${name} ${from}.` },
  );
}
