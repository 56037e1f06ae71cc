/** The times of the earlier usage database: seconds, milliseconds and worse in one column. */
import { MIN_TIMESTAMP_MS } from "../../store/checks.ts";

export type TimeRepair =
  | "seconds"
  | "microseconds"
  | "nanoseconds"
  | "fraction-of-a-millisecond"
  | "time-as-text"
  | "unusable-time";

export interface ReadTime {
  /** Epoch milliseconds; null when no time can be made of it. */
  readonly at: number | null;
  /** What had to be done; null for milliseconds. */
  readonly repair: TimeRepair | null;
  /** True when the old value can be had back from `at` and `repair`. */
  readonly isExact: boolean;
}

/** Each unit covers 3 March 1973 to 5138, so that no number means two times. */
const UNITS: readonly {
  readonly from: number;
  readonly perMs: number;
  readonly repair: TimeRepair | null;
}[] = [
  { from: MIN_TIMESTAMP_MS / 1e3, perMs: 1e-3, repair: "seconds" },
  { from: MIN_TIMESTAMP_MS, perMs: 1, repair: null },
  { from: MIN_TIMESTAMP_MS * 1e3, perMs: 1e3, repair: "microseconds" },
  { from: MIN_TIMESTAMP_MS * 1e6, perMs: 1e6, repair: "nanoseconds" },
];

const UNUSABLE: ReadTime = { at: null, repair: "unusable-time", isExact: false };

/** Reads a time of any unit, as a number or as ISO text; text without a zone is UTC, as SQLite writes it. */
export function readTime(value: unknown): ReadTime {
  if (typeof value === "number") return readNumber(value);
  if (typeof value !== "string") return UNUSABLE;
  // A whole number that JavaScript would round arrives as its digits.
  return /^\d{1,19}$/.test(value) ? readNumber(Number(value)) : readText(value);
}

function readNumber(value: number): ReadTime {
  const unit = UNITS.findLast(({ from }) => value >= from);
  if (unit === undefined || value >= unit.from * 1e3) return UNUSABLE;
  const at = unit.repair === "seconds" ? Math.round(value * 1e3) : Math.floor(value / unit.perMs);
  const isWhole = Number.isSafeInteger(value);
  const isExact = isWhole && (unit.perMs < 1 || value % unit.perMs === 0);
  return { at, repair: unit.repair ?? (isWhole ? null : "fraction-of-a-millisecond"), isExact };
}

function readText(text: string): ReadTime {
  const plain = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:?\d\d)?$/.exec(
    text.trim(),
  );
  if (plain === null) return UNUSABLE;
  const at = Date.parse(`${plain[1]}T${plain[2]}${plain[3] ?? "Z"}`);
  const isSensible = at >= MIN_TIMESTAMP_MS && at < MIN_TIMESTAMP_MS * 1e3;
  return isSensible ? { at, repair: "time-as-text", isExact: false } : UNUSABLE;
}

/** True for the start of a block, `2025-09-30T10:00:00.000Z`, which stands where a session should. */
export function isBlockId(sessionId: string): boolean {
  return /^(gap-)?\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?$/.test(sessionId);
}
