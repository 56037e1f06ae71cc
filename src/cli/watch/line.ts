/** Lines of a screen: pieces of text with the part that each plays, cut and padded by the width they take. */

/** What a piece of text is; a theme gives each its colour. */
export type Role =
  "plain" | "title" | "label" | "muted" | "accent" | "good" | "warn" | "bad" | "track" | "selected";

export interface Span {
  readonly text: string;
  readonly role: Role;
}

export type Line = readonly Span[];

export const span = (text: string, role: Role = "plain"): Span => ({ text, role });
export const EMPTY_LINE: Line = [];

/** The columns that a text takes on a terminal. */
export function widthOf(text: string): number {
  return Bun.stringWidth(text);
}

const graphemes = new Intl.Segmenter();

/** Cuts text to a width; what was cut is shown as an ellipsis. */
export function clip(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  if (width <= 0) return "";
  let kept = "";
  let used = 0;
  for (const { segment } of graphemes.segment(text)) {
    const next = widthOf(segment);
    if (used + next > width - 1) break;
    kept += segment;
    used += next;
  }
  return `${kept}…`;
}

/** Exactly so wide: cut, or padded on the side away from `align`. */
export function pad(text: string, width: number, align: "left" | "right" = "left"): string {
  const kept = clip(text, width);
  const blanks = " ".repeat(Math.max(0, width - widthOf(kept)));
  return align === "left" ? kept + blanks : blanks + kept;
}

export function lineWidth(line: Line): number {
  return line.reduce((sum, { text }) => sum + widthOf(text), 0);
}

/** At most so wide. */
export function clipLine(line: Line, width: number): Line {
  if (lineWidth(line) <= width) return line;
  const kept: Span[] = [];
  let left = width;
  for (const { text, role } of line) {
    if (left <= 0) break;
    const piece = clip(text, left);
    kept.push({ text: piece, role });
    if (piece !== text) break;
    left -= widthOf(piece);
  }
  return kept;
}

/** Two lines as one, the second at the right edge; where both do not fit, the first one is cut. */
export function spread(left: Line, right: Line, width: number): Line {
  const rightWidth = lineWidth(right);
  if (rightWidth >= width) return clipLine(right, width);
  const kept = clipLine(left, Math.max(0, width - rightWidth - 1));
  const blanks = " ".repeat(width - rightWidth - lineWidth(kept));
  return [...kept, span(blanks), ...right];
}

/** The words alone, without blanks at the end. */
export function plainText(line: Line): string {
  return line
    .map(({ text }) => text)
    .join("")
    .trimEnd();
}
