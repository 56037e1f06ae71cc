/**
 * Local days: which one a moment falls in, and when it begins and ends.
 *
 * Days follow the IANA database, so they last 23, 23.5, 24 or 25 hours, and begin at a reset hour of the wall
 * clock that need not be midnight.
 */
import { HOUR_MS } from "../store/token-counts.ts";

const DAY_MS = 24 * HOUR_MS;

export interface LocalDay {
  /** `YYYY-MM-DD`. */
  readonly date: string;
  /** Epoch milliseconds, inclusive and exclusive. */
  readonly startMs: number;
  readonly endMs: number;
}

export interface DayRule {
  /** An IANA zone. */
  readonly timeZone: string;
  /** 0 to 23. */
  readonly resetHour: number;
}

/** The local day that contains a moment. */
export function dayOf(atMs: number, rule: DayRule): LocalDay {
  if (rule.timeZone === "UTC") return utcDayOf(atMs, rule.resetHour);
  const local = Temporal.Instant.fromEpochMilliseconds(atMs)
    .toZonedDateTimeISO(rule.timeZone)
    .toPlainDate();
  // Around a change of the clock the wall's date can be off by one, by two where a day was skipped; the borders decide.
  for (const days of [0, -1, 1, -2]) {
    const date = local.add({ days });
    const day = dayFrom(date, rule);
    if (atMs >= day.startMs && atMs < day.endMs) return day;
  }
  return dayFrom(local, rule);
}

/** Loading the rules of the zones takes longer than a report, and UTC has none. */
function utcDayOf(atMs: number, resetHour: number): LocalDay {
  const offset = resetHour * HOUR_MS;
  const startMs = Math.floor((atMs - offset) / DAY_MS) * DAY_MS + offset;
  const date = new Date(startMs).toISOString().slice(0, "YYYY-MM-DD".length);
  return { date, startMs, endMs: startMs + DAY_MS };
}

/**
 * The day with a date, `YYYY-MM-DD` or `YYYYMMDD`.
 * Returns null when the text is no date.
 */
export function dayFromText(text: string, rule: DayRule): LocalDay | null {
  const match = /^(\d{4})-?(\d{2})-?(\d{2})$/.exec(text.trim());
  if (match === null) return null;
  try {
    return dayFrom(
      Temporal.PlainDate.from(`${match[1]}-${match[2]}-${match[3]}`, { overflow: "reject" }),
      rule,
    );
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function dayFrom(date: Temporal.PlainDate, rule: DayRule): LocalDay {
  return {
    date: date.toString(),
    startMs: startOf(date, rule),
    endMs: startOf(date.add({ days: 1 }), rule),
  };
}

function startOf(date: Temporal.PlainDate, { timeZone, resetHour }: DayRule): number {
  if (timeZone === "UTC") return Date.parse(`${date}T00:00:00Z`) + resetHour * HOUR_MS;
  // Midnight may not exist; the zone's own start of the day is then the first moment that does.
  if (resetHour === 0) return date.toZonedDateTime(timeZone).epochMilliseconds;
  return date.toZonedDateTime({ timeZone, plainTime: new Temporal.PlainTime(resetHour) })
    .epochMilliseconds;
}
