/** The keys of `watch`. */
import { EMPTY_LINE, type Line, span } from "./line.ts";

const KEYS: readonly (readonly [keys: string, does: string])[] = [
  ["1 2 3 4, r d m s", "realtime, daily, monthly, session"],
  ["tab, left, right", "the next view, the one before"],
  ["t, T", "the next theme, the one before"],
  ["z, Z", "the next time zone, the one before"],
  ["f", "12-hour or 24-hour clock"],
  ["a", "the next agent with usage"],
  ["up, down, page keys, g, G", "scroll"],
  ["u", "read what is new, now"],
  ["w", "keep view, theme, zone and clock as the settings"],
  ["Ctrl-L", "draw the screen anew"],
  ["Ctrl-Z", "to the shell, and back with `fg`"],
  ["q, Ctrl-C", "quit"],
];

export function renderHelpView(): Line[] {
  const width = Math.max(...KEYS.map(([keys]) => keys.length));
  return [
    [span("Keys", "title")],
    EMPTY_LINE,
    ...KEYS.map(([keys, does]) => [span(keys.padEnd(width + 2), "accent"), span(does)]),
    EMPTY_LINE,
    [span("Keys change nothing for good but w; `usagedb config set` does too.", "muted")],
    [span("? or Esc closes this page.", "muted")],
  ];
}
