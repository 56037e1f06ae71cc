/** Bars and sparklines. */
import { type Line, type Role, span } from "./line.ts";

const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
const LEVELS = "▁▂▃▄▅▆▇█";

/** A bar of `width` columns, filled to a share of 0 to 1; more is full. */
export function bar(share: number, width: number, role: Role): Line {
  const eighths = Math.round(Math.max(0, Math.min(1, share)) * width * 8);
  const filled = "█".repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? "");
  return [span(filled, role), span("░".repeat(width - filled.length), "track")];
}

/** One column a number, as high as its share of the largest; nothing stays blank. */
export function sparkline(numbers: readonly number[]): string {
  const largest = Math.max(0, ...numbers);
  return numbers
    .map((number) =>
      number <= 0 ? " " : (LEVELS[Math.ceil((number / largest) * LEVELS.length) - 1] ?? ""),
    )
    .join("");
}

/** Calm, then worth a look, then nearly used up. */
export function roleOfPercent(percent: number): Role {
  if (percent >= 90) return "bad";
  return percent >= 70 ? "warn" : "good";
}
