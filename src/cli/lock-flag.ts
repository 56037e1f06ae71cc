/** How long a command waits for the write lock. */
import { InputError } from "../errors.ts";
import type { ArgValues } from "./command.ts";

export const LOCK_ARG = {
  "lock-timeout": {
    type: "string",
    valueHint: "TIME",
    description: "how long to wait for another process's lock: 500ms, 30s, 5m (default: 5s)",
  },
} as const;

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };
const MAX_MS = 3_600_000;

/**
 * Reads `--lock-timeout` in milliseconds; undefined when it was not given.
 * @throws {InputError} CLI_USAGE for anything but a number with a unit, up to an hour.
 */
export function lockTimeoutMs(args: ArgValues): number | undefined {
  const text = args["lock-timeout"];
  if (typeof text !== "string") return undefined;
  const [, digits, unit] = /^(\d{1,9})(ms|s|m)$/.exec(text) ?? [];
  const timeoutMs = Number(digits) * (UNIT_MS[unit ?? ""] ?? Number.NaN);
  if (timeoutMs <= MAX_MS) return timeoutMs;
  throw new InputError(
    "CLI_USAGE",
    `Cannot use --lock-timeout: it is ${JSON.stringify(text)}, expected a time such as 500ms, 30s or 5m, at most 60m`,
    { details: { argument: "lock-timeout" } },
  );
}
