/** How often something runs, in the words of each scheduler. */
import { InputError } from "../../errors.ts";
import { nearest } from "../suggest.ts";

const MINUTES: Readonly<Record<string, number>> = {
  "5m": 5,
  "10m": 10,
  "15m": 15,
  "20m": 20,
  "30m": 30,
  "1h": 60,
  "2h": 120,
  "3h": 180,
  "4h": 240,
  "6h": 360,
  "8h": 480,
  "12h": 720,
  "1d": 1440,
};

/** Every one divides the hour or the day, so that all schedulers can keep it. */
export const CADENCE_NAMES: readonly string[] = Object.keys(MINUTES);

const NIGHT_HOUR = 4;

export interface Cadence {
  readonly name: string;
  readonly minutes: number;
  /** Five fields. */
  readonly cron: string;
  /** What stands behind systemd's `OnCalendar=`. */
  readonly calendar: string;
}

/**
 * @param seed a number by which the minute is chosen: not every database of every machine at the full hour.
 * @throws {InputError} CLI_USAGE.
 */
export function cadenceOf(name: string, seed: number): Cadence {
  const minutes = MINUTES[name];
  if (minutes === undefined) {
    throw new InputError(
      "CLI_USAGE",
      `Cannot use --every ${JSON.stringify(name)}: expected ${nearest(name, CADENCE_NAMES) ?? `one of ${CADENCE_NAMES.join(", ")}`}`,
      { details: { argument: "every", known: CADENCE_NAMES } },
    );
  }
  if (minutes < 60) {
    const first = seed % minutes;
    return {
      name,
      minutes,
      cron: `${first}-59/${minutes} * * * *`,
      calendar: `*-*-* *:${padded(first)}/${minutes}:00`,
    };
  }
  const minute = seed % 60;
  const hours = minutes / 60;
  if (hours === 1)
    return { name, minutes, cron: `${minute} * * * *`, calendar: `*-*-* *:${padded(minute)}:00` };
  const first = hours === 24 ? NIGHT_HOUR : Math.floor(seed / 60) % hours;
  const [cronHours, hour] =
    hours === 24
      ? [String(first), padded(first)]
      : [`${first}-23/${hours}`, `${padded(first)}/${hours}`];
  return {
    name,
    minutes,
    cron: `${minute} ${cronHours} * * *`,
    calendar: `*-*-* ${hour}:${padded(minute)}:00`,
  };
}

const padded = (value: number): string => String(value).padStart(2, "0");
