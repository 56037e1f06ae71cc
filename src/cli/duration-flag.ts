/** Options that are spans of time. */
import { InputError } from "../errors.ts";
import type { ArgValues } from "./command.ts";

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };
const MAX_MS = 3_600_000;

/**
 * Reads a span in milliseconds; undefined when the option was not given.
 * @throws {InputError} CLI_USAGE for anything but a number with a unit, up to an hour.
 */
export function durationArg(args: ArgValues, name: string): number | undefined {
  const text = args[name];
  if (typeof text !== "string") return undefined;
  const [, digits, unit] = /^(\d{1,9})(ms|s|m)$/.exec(text) ?? [];
  const durationMs = Number(digits) * (UNIT_MS[unit ?? ""] ?? Number.NaN);
  if (durationMs <= MAX_MS) return durationMs;
  throw new InputError(
    "CLI_USAGE",
    `Cannot use --${name}: it is ${JSON.stringify(text)}, expected a time such as 500ms, 30s or 5m, at most 60m`,
    { details: { argument: name } },
  );
}
