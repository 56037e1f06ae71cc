/** How long a command waits for the write lock. */
import type { ArgValues } from "./command.ts";
import { durationArg } from "./duration-flag.ts";

export const LOCK_ARG = {
  "lock-timeout": {
    type: "string",
    valueHint: "TIME",
    description: "how long to wait for another process's lock: 500ms, 30s, 5m (default: 5s)",
  },
} as const;

/**
 * Reads `--lock-timeout` in milliseconds; undefined when it was not given.
 * @throws {InputError} CLI_USAGE for anything but a number with a unit, up to an hour.
 */
export function lockTimeoutMs(args: ArgValues): number | undefined {
  return durationArg(args, "lock-timeout");
}
