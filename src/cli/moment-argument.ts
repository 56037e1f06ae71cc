/** A moment as people write it: with a zone of its own, or in that of the settings. */
import { InputError } from "../errors.ts";
import { dayFromText, type DayRule } from "../report/local-days.ts";
import { rangeOf } from "../report/range.ts";

/**
 * Epoch milliseconds of an ISO 8601 time. Without a zone it is local, and a date alone is the beginning of that day,
 * as in every report.
 * @throws {InputError} CLI_USAGE for what is no time, VALUE_INVALID for an unknown zone.
 */
export function momentOf(text: string, rule: DayRule): number {
  // An unknown zone is refused in the words of every other report.
  rangeOf(rule);
  const day = dayFromText(text, rule);
  if (day !== null) return day.startMs;
  try {
    return /(?:Z|[+-]\d{2}(?::?\d{2})?)$/i.test(text) && text.includes(":")
      ? Temporal.Instant.from(text).epochMilliseconds
      : Temporal.PlainDateTime.from(text).toZonedDateTime(rule.timeZone).epochMilliseconds;
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new InputError(
      "CLI_USAGE",
      `Cannot use time: ${JSON.stringify(text)} is no time, expected ISO 8601`,
      {
        details: { argument: "time" },
        hint: "Write a time like 2026-02-12T16:00:00Z.",
        cause,
      },
    );
  }
}
