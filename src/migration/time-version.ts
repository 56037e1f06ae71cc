/** Versions that are moments: `20240131123456`, as most tools write them into their file names. */
import type { Version } from "./version.ts";

const DAY_MS = 86_400_000;
/** Days from 1 March of year 0 to 1 January 1970, in the calendar that is reckoned back. */
const EPOCH_DAY = 719_468;
const DAYS_PER_ERA = 146_097;

/**
 * The version `YYYYMMDDhhmmss` of a moment in epoch milliseconds, in UTC, cut to whole seconds. It is the
 * calendar's arithmetic because this layer has no clock. Defined from year 1 to 9999.
 */
export function versionOfTime(epochMs: number): Version {
  const days = Math.floor(epochMs / DAY_MS);
  const seconds = Math.floor((epochMs - days * DAY_MS) / 1000);
  const shifted = days + EPOCH_DAY;
  const era = Math.floor(shifted / DAYS_PER_ERA);
  const dayOfEra = shifted - era * DAYS_PER_ERA;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  // The year begins in March, so that a leap day is its last.
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1;
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const time =
    Math.floor(seconds / 3600) * 10_000 + (Math.floor(seconds / 60) % 60) * 100 + (seconds % 60);
  return ((year * 100 + month) * 100 + day) * 1_000_000 + time;
}
