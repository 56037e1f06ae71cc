/** The provider's own word on its limits, as Codex hands it on with every token count. */
import { type Fields, fieldsOf, timeOf } from "../json-fields.ts";

export interface WindowLimit {
  readonly windowMinutes: number;
  readonly usedPercent: number;
  /** Epoch milliseconds; null when it is not said. */
  readonly resetsAt: number | null;
}

/** A reset moves by a second or so between two answers about one window. */
const RESET_JITTER_MS = 60_000;

/** The windows that a payload tells of; they are known by their length, not by being called primary. */
export function readRateLimits(value: unknown, timestamp: number): WindowLimit[] {
  const limits = fieldsOf(value);
  return [limits["primary"], limits["secondary"]].flatMap((entry) => {
    const window = fieldsOf(entry);
    const windowMinutes = window["window_minutes"];
    const usedPercent = window["used_percent"];
    if (!isMinutes(windowMinutes) || !isPercent(usedPercent)) return [];
    return [{ windowMinutes, usedPercent, resetsAt: resetOf(window, timestamp) }];
  });
}

function resetOf(window: Fields, timestamp: number): number | null {
  const { resets_at: at, resets_in_seconds: seconds } = window;
  const resetsAt =
    typeof at === "number"
      ? at * 1000
      : typeof seconds === "number"
        ? timestamp + seconds * 1000
        : undefined;
  return timeOf(resetsAt) ?? null;
}

/** A year; longer windows are a mistake of units. */
const MAX_WINDOW_MINUTES = 527_040;

function isMinutes(value: unknown): value is number {
  return (
    Number.isInteger(value) && (value as number) > 0 && (value as number) <= MAX_WINDOW_MINUTES
  );
}

/** More than a hundred is seen in the field; a million is not. */
function isPercent(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= 1_000_000;
}

/** True when the second tells nothing that the first did not. */
export function isSameLimit(known: WindowLimit | undefined, next: WindowLimit): boolean {
  return (
    known !== undefined &&
    known.usedPercent === next.usedPercent &&
    Math.abs((known.resetsAt ?? 0) - (next.resetsAt ?? 0)) < RESET_JITTER_MS
  );
}
