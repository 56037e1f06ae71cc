/** The provider's own word on its limits, as Codex hands it on with every token count. */
import { fieldsOf } from "../json-fields.ts";

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
    if (!isPositive(windowMinutes) || typeof usedPercent !== "number" || !(usedPercent >= 0))
      return [];
    return [{ windowMinutes, usedPercent, resetsAt: resetOf(window, timestamp) }];
  });
}

function resetOf(window: Readonly<Record<string, unknown>>, timestamp: number): number | null {
  const { resets_at: at, resets_in_seconds: seconds } = window;
  if (isPositive(at)) return Math.round(at * 1000);
  return typeof seconds === "number" && seconds >= 0
    ? timestamp + Math.round(seconds * 1000)
    : null;
}

function isPositive(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value > 0;
}

/** True when the second tells nothing that the first did not. */
export function isSameLimit(known: WindowLimit | undefined, next: WindowLimit): boolean {
  return (
    known !== undefined &&
    known.usedPercent === next.usedPercent &&
    Math.abs((known.resetsAt ?? 0) - (next.resetsAt ?? 0)) < RESET_JITTER_MS
  );
}
