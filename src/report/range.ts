/** Which moments and which days a report is about. */
import { InputError } from "../errors.ts";
import { checkInteger } from "../store/checks.ts";
import { dayFromText, dayOf, type DayRule, type LocalDay } from "./local-days.ts";

export interface RangeOptions {
  /** An IANA zone such as `Europe/Berlin`, or `UTC`. */
  readonly timeZone: string;
  /** The local hour at which a day begins, 0 to 23; 0 when left out. */
  readonly resetHour?: number;
  /** First and last local day, `YYYY-MM-DD` or `YYYYMMDD`, both inclusive. */
  readonly since?: string;
  readonly until?: string;
}

export interface Range {
  readonly rule: DayRule;
  /** Epoch milliseconds, inclusive and exclusive. */
  readonly fromMs: number;
  readonly toMs: number;
}

export const RANGE_OPTIONS = ["timeZone", "resetHour", "since", "until"] as const;

/** Beyond every hour that the database can hold. */
const END_OF_TIME = 253_402_300_800_000;

/** @throws {InputError} VALUE_INVALID for an unknown zone, a date that is none or a range that is empty. */
export function rangeOf(options: RangeOptions): Range {
  const rule: DayRule = {
    timeZone: checkTimeZone(options.timeZone),
    resetHour: checkInteger("resetHour", options.resetHour ?? 0, 0, 23),
  };
  const fromMs = options.since === undefined ? 0 : dayArg("since", options.since, rule).startMs;
  const toMs =
    options.until === undefined ? END_OF_TIME : dayArg("until", options.until, rule).endMs;
  if (fromMs < toMs) return { rule, fromMs, toMs };
  throw new InputError(
    "VALUE_INVALID",
    `Cannot report: until (${options.until ?? ""}) is before since (${options.since ?? ""}), expected since first`,
    { details: { field: "until" } },
  );
}

/** The first local day of the last `days` days, today included, as `YYYY-MM-DD`. */
export function sinceDaysAgo(days: number, nowMs: number, rule: DayRule): string {
  const today = Temporal.PlainDate.from(dayOf(nowMs, rule).date);
  return today.subtract({ days: days - 1 }).toString();
}

function dayArg(field: "since" | "until", text: string, rule: DayRule): LocalDay {
  const day = dayFromText(text, rule);
  if (day !== null) return day;
  throw new InputError(
    "VALUE_INVALID",
    `Cannot use ${field}: ${JSON.stringify(text)} is not a date, expected YYYY-MM-DD`,
    {
      details: { field, observed: text },
      hint: "Write a date like 2026-02-12.",
    },
  );
}

function checkTimeZone(zone: string): string {
  // Asking for it would load the rules of all zones, which takes longer than most reports.
  if (zone === "UTC") return zone;
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(zone);
    return zone;
  } catch (cause) {
    throw new InputError(
      "VALUE_INVALID",
      `Cannot use timeZone: ${JSON.stringify(zone)} is not known, expected an IANA zone like Europe/Berlin`,
      {
        details: { field: "timeZone", observed: zone },
        hint: "Use an IANA zone like Europe/Berlin, or UTC.",
        cause,
      },
    );
  }
}
