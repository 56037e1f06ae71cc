/** How this user reads a clock: by the flag, the setting, or the environment. */
import { checkOneOf } from "../store/checks.ts";
import { TIME_FORMATS } from "../store/usage-config.ts";
import type { UsageDb } from "../usage-db.ts";
import type { CommandContext } from "./command.ts";
import { prefers12h } from "./watch/times.ts";

export const TIME_FORMAT_ARG = {
  "time-format": {
    type: "string",
    valueHint: TIME_FORMATS.join("|"),
    description: "the clock (default: the setting)",
  },
} as const;

/** @throws {InputError} VALUE_INVALID for a format that is none. */
export function is12hClock(
  db: UsageDb,
  { args, env }: Pick<CommandContext, "args" | "env">,
): boolean {
  const flag = args["time-format"];
  const format =
    flag === undefined
      ? (db.config.get()?.time_format ?? "auto")
      : checkOneOf("time-format", flag, TIME_FORMATS);
  return format === "auto" ? prefers12h(env) : format === "12h";
}
