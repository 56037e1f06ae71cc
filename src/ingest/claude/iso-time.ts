/** Times as agents write them: `2026-02-12T15:36:12.270Z`. */

const LENGTH = 24;
const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;
const PUNCTUATION: readonly (readonly [at: number, byte: number])[] = [
  [4, 45],
  [7, 45],
  [10, 84],
  [13, 58],
  [16, 58],
  [19, 46],
  [23, 90],
];

/**
 * Epoch milliseconds of the time that stands from `start` to `end`; NaN for any other way of writing it, and for the
 * 29th of February, which a parser has to judge.
 */
export function isoTimeOf(bytes: Uint8Array, start: number, end: number): number {
  if (end - start !== LENGTH) return NaN;
  for (const [at, byte] of PUNCTUATION) if (bytes[start + at] !== byte) return NaN;
  const year = digits(bytes, start, 4);
  const month = digits(bytes, start + 5, 2);
  const day = digits(bytes, start + 8, 2);
  const hour = digits(bytes, start + 11, 2);
  const minute = digits(bytes, start + 14, 2);
  const second = digits(bytes, start + 17, 2);
  const ms = digits(bytes, start + 20, 3);
  // NaN is in no range.
  const isPlain =
    year >= 1970 &&
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= (MONTH_DAYS[month - 1] as number) &&
    hour <= 23 &&
    minute <= 59 &&
    second <= 59 &&
    ms >= 0;
  if (!isPlain) return NaN;
  return dayStart(year, month, day) + ((hour * 60 + minute) * 60 + second) * 1000 + ms;
}

/** The day asked for last: lines come by time. */
const last = { date: 0, startMs: 0 };

function dayStart(year: number, month: number, day: number): number {
  const date = (year * 100 + month) * 100 + day;
  if (date !== last.date) {
    last.date = date;
    last.startMs = Date.UTC(year, month - 1, day);
  }
  return last.startMs;
}

function digits(bytes: Uint8Array, at: number, count: number): number {
  let number = 0;
  for (let i = at; i < at + count; i++) {
    const digit = (bytes[i] as number) - 48;
    if (digit < 0 || digit > 9) return NaN;
    number = number * 10 + digit;
  }
  return number;
}
