/** Reading parsed JSON that has no schema: what is of another kind than expected is as good as missing. */
import { MAX_TIMESTAMP_MS, MIN_TIMESTAMP_MS } from "../store/checks.ts";

/** No response has ten billion tokens; a few such lines would take every sum beyond what a number can hold. */
export const MAX_TOKENS = 10_000_000_000;

export type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const NONE: Fields = {};

/** The object in a field; an empty one when there is none. */
export function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : NONE;
}

/** A non-empty string that SQLite keeps as it is. */
export function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" && !value.includes("\0") && value.isWellFormed()
    ? value
    : undefined;
}

/** 0 when missing, -1 when it is there and no count of tokens. */
export function tokensOf(value: unknown): number {
  if (value === undefined || value === null) return 0;
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= MAX_TOKENS
    ? value
    : -1;
}

/** Epoch milliseconds of an ISO text, or of a number that is such already; undefined for anything else. */
export function timeOf(value: unknown): number | undefined {
  const time = typeof value === "string" ? Date.parse(value) : value;
  return typeof time === "number" && time >= MIN_TIMESTAMP_MS && time <= MAX_TIMESTAMP_MS
    ? Math.trunc(time)
    : undefined;
}

/** A cost in dollars; null when there is no usable one. */
export function costOf(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : null;
}
