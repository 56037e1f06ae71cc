/** Moments and spans as people read them. */

export interface ClockStyle {
  /** An IANA zone. */
  readonly timeZone: string;
  readonly is12h: boolean;
}

const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const SECOND_MS = 1000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** What calendar and clock show there. UTC needs no rules of zones, and loading them takes longer than most reports. */
export function wallTime(ms: number, { timeZone }: Pick<ClockStyle, "timeZone">): Wall {
  return timeZone === "UTC"
    ? Temporal.PlainDateTime.from(new Date(ms).toISOString().slice(0, -"Z".length))
    : Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(timeZone).toPlainDateTime();
}

type Wall = Temporal.PlainDateTime;

/** `14:05`, or `2:05 PM`. */
export function timeText(ms: number, style: ClockStyle): string {
  return clockText(wallTime(ms, style), style, false);
}

/** `14:05:09`, or `2:05:09 PM`. */
export function preciseTimeText(ms: number, style: ClockStyle): string {
  return clockText(wallTime(ms, style), style, true);
}

function clockText(
  { hour, minute, second }: Temporal.PlainDateTime,
  { is12h }: ClockStyle,
  withSeconds: boolean,
): string {
  const two = (part: number): string => String(part).padStart(2, "0");
  const rest = `:${two(minute)}${withSeconds ? `:${two(second)}` : ""}`;
  return is12h ? `${hour % 12 || 12}${rest} ${hour < 12 ? "AM" : "PM"}` : two(hour) + rest;
}

/** The time, with the day where it is not that of `nowMs`: `Thu 14:05`, from a week on `12 Feb 14:05`. */
export function momentText(ms: number, nowMs: number, style: ClockStyle): string {
  const then = wallTime(ms, style);
  const time = clockText(then, style, false);
  if (then.toPlainDate().equals(wallTime(nowMs, style).toPlainDate())) return time;
  if (Math.abs(ms - nowMs) < 6 * DAY_MS) return `${WEEKDAYS[then.dayOfWeek - 1]} ${time}`;
  return `${then.day} ${MONTHS[then.month - 1]} ${time}`;
}

/** `3d 4h`, `2h 05m`, `45m`, `8s`. */
export function spanText(ms: number): string {
  const rest = Math.max(0, ms);
  if (rest < MINUTE_MS) return `${Math.floor(rest / SECOND_MS)}s`;
  if (rest < HOUR_MS) return `${Math.floor(rest / MINUTE_MS)}m`;
  if (rest < DAY_MS)
    return `${Math.floor(rest / HOUR_MS)}h ${String(Math.floor((rest % HOUR_MS) / MINUTE_MS)).padStart(2, "0")}m`;
  return `${Math.floor(rest / DAY_MS)}d ${Math.floor((rest % DAY_MS) / HOUR_MS)}h`;
}

/** Whether the people who set this environment read times with AM and PM. */
export function prefers12h(env: Readonly<Record<string, string | undefined>>): boolean {
  const name = [env["LC_ALL"], env["LC_TIME"], env["LANG"]].find(
    (value) => value !== undefined && value !== "",
  );
  const locale = name?.split(/[.@]/)[0]?.replaceAll("_", "-") ?? "";
  if (locale === "" || locale === "C" || locale === "POSIX") return false;
  try {
    return new Intl.DateTimeFormat(locale, { hour: "numeric" }).resolvedOptions().hour12 === true;
  } catch (error) {
    // A name that the system made up is no locale.
    if (error instanceof RangeError) return false;
    throw error;
  }
}
