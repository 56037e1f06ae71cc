/** Checks at the border: what SQLite would silently round, cut or turn into NULL is refused by name here. */
import { describeKind, refuseValue } from "../errors.ts";

export { checkKeys } from "../errors.ts";

/** 1973-03-03 in milliseconds; in seconds the year 5138, so that no date of ours in seconds gets through. */
export const MIN_TIMESTAMP_MS = 100_000_000_000;
/** The end of the year 9999. */
export const MAX_TIMESTAMP_MS = 253_402_300_799_999;

/** A string that SQLite stores as it is: no NUL, which cuts it, and no lone surrogate, which changes it. */
export function checkText(field: string, value: unknown, maxLength = 1_000_000_000): string {
  if (typeof value !== "string") return refuseValue(field, describeKind(value), "a string");
  if (value.includes("\0")) return refuseValue(field, "a string with a NUL", "text without NUL");
  if (!value.isWellFormed())
    return refuseValue(field, "a string with a lone surrogate", "well-formed text");
  if (value.length > maxLength)
    return refuseValue(field, `${value.length} characters`, `at most ${maxLength} characters`);
  return value;
}

export function checkNonEmpty(field: string, value: unknown, maxLength?: number): string {
  const text = checkText(field, value, maxLength);
  return text === "" ? refuseValue(field, "an empty string", "a non-empty string") : text;
}

export function checkInteger(field: string, value: unknown, min: number, max: number): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max)
    return value;
  return refuseValue(field, describeNumber(value), `an integer from ${min} to ${max}`);
}

export function checkNumber(field: string, value: unknown, min: number, max: number): number {
  if (typeof value === "number" && value >= min && value <= max) return value;
  return refuseValue(field, describeNumber(value), `a number from ${min} to ${max}`);
}

/** Epoch milliseconds; seconds and microseconds are out of range. */
export function checkTimestamp(field: string, value: unknown): number {
  if (
    typeof value === "number" &&
    Number.isInteger(value) &&
    value >= MIN_TIMESTAMP_MS &&
    value <= MAX_TIMESTAMP_MS
  ) {
    return value;
  }
  return refuseValue(
    field,
    describeNumber(value),
    `epoch milliseconds from ${MIN_TIMESTAMP_MS} to ${MAX_TIMESTAMP_MS} (not seconds)`,
  );
}

export function checkOneOf<const Choice extends string>(
  field: string,
  value: unknown,
  choices: readonly Choice[],
): Choice {
  if (typeof value === "string" && (choices as readonly string[]).includes(value))
    return value as Choice;
  return refuseValue(
    field,
    typeof value === "string" ? JSON.stringify(value.slice(0, 40)) : describeKind(value),
    `one of ${choices.join(", ")}`,
  );
}

/** JSON text, from a string that already is JSON or from a value; whether a string is JSON is SQLite's to check. */
export function checkJson(field: string, value: unknown): string {
  if (typeof value === "string") return checkText(field, value);
  let text: string | undefined;
  try {
    text = JSON.stringify(value) as string | undefined;
  } catch (cause) {
    const observed = cause instanceof Error ? cause.message : "not serialisable";
    return refuseValue(field, observed, "a value that JSON can hold");
  }
  return text ?? refuseValue(field, describeKind(value), "a value that JSON can hold");
}

/** A function, or undefined. */
export function checkFunction(field: string, value: unknown): void {
  if (value !== undefined && typeof value !== "function") {
    refuseValue(field, describeKind(value), "a function");
  }
}

/** Any moment that a Date can hold, in epoch milliseconds: for the ends of ranges. */
export function checkMoment(field: string, value: unknown): number {
  return checkNumber(field, value, -MAX_MOMENT_MS, MAX_MOMENT_MS);
}

const MAX_MOMENT_MS = 8_640_000_000_000_000;

function describeNumber(value: unknown): string {
  return typeof value === "number" ? String(value) : describeKind(value);
}
