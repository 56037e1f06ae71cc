/** Moments as ledgers have them: seconds, milliseconds, and text in a handful of forms. */

/** The bounds of `applied_at` in our ledger: what lies outside is no moment at which a migration ran. */
const EARLIEST_MS = 100_000_000_000;
const LATEST_MS = 253_402_300_799_999;

/**
 * SQLite's own form and ISO 8601, with what Go appends. SQLite's functions write UTC and no zone, so a text
 * without one is taken for UTC.
 */
const DATE_TIME =
  /^(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))? ?(Z|[+-]\d\d:?\d\d)?(?: [A-Z]{3,5})?$/;
/** How JavaScript writes a Date that is turned into text; its zone is in it. */
const JAVASCRIPT_TEXT = /^[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d{4} \d\d:\d\d:\d\d GMT[+-]\d{4}/;

/** Epoch milliseconds; null for what can't be told for certain to be a moment. */
export function readMoment(value: unknown): number | null {
  const ms = typeof value === "number" ? ofNumber(value) : ofText(value);
  return ms !== null && ms >= EARLIEST_MS && ms <= LATEST_MS ? ms : null;
}

/** The unit is told by the size: seconds, milliseconds or microseconds of this century do not overlap. */
function ofNumber(number: number): number {
  if (number < EARLIEST_MS) return Math.round(number * 1000);
  return Math.round(number < EARLIEST_MS * 1000 ? number : number / 1000);
}

function ofText(value: unknown): number | null {
  if (typeof value !== "string") return null;
  if (/^\d+(?:\.\d+)?$/.test(value)) return ofNumber(Number(value));
  if (JAVASCRIPT_TEXT.test(value)) return Date.parse(value);
  const found = DATE_TIME.exec(value);
  if (found === null) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = found
    .slice(1, 7)
    .map(Number);
  const fraction = Math.floor(Number(`0.${found[7] ?? "0"}`) * 1000);
  const utc = Date.UTC(year, month - 1, day, hour, minute, second, fraction);
  const isReal =
    new Date(utc).getUTCDate() === day && month <= 12 && hour < 24 && minute < 60 && second < 60;
  return isReal ? utc - offsetMs(found[8]) : null;
}

function offsetMs(zone: string | undefined): number {
  if (zone === undefined || zone === "Z") return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2));
  return (zone.startsWith("-") ? -minutes : minutes) * 60_000;
}
