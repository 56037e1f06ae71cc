/** Lists in columns that fit the screen: the ones that matter least are left out first. */
import { type Line, pad, type Role, span, widthOf } from "./watch/line.ts";

export interface Column<Row> {
  readonly title: string;
  readonly text: (row: Row) => string;
  readonly align?: "left" | "right";
  readonly role?: Role;
  /** Columns with the largest number are left out first; 0 stays. */
  readonly rank: number;
  /** May be cut down to so many columns of the terminal. */
  readonly leastWidth?: number;
}

const BETWEEN = "  ";

/** A title line and one line a row, none wider than `width`; and the titles of the columns that were left out. */
export function columnLines<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  {
    width,
    isSelected = () => false,
  }: {
    readonly width: number;
    readonly isSelected?: (row: Row) => boolean;
  },
): { readonly head: Line; readonly body: readonly Line[]; readonly leftOut: readonly string[] } {
  const cells = rows.map((row) => columns.map((column) => column.text(row)));
  const wanted = columns.map((column, index) =>
    Math.max(widthOf(column.title), ...cells.map((texts) => widthOf(texts[index] ?? ""))),
  );
  const shown = choose(columns, wanted, width);
  const widths = shrink(columns, wanted, { shown, width });
  const lineOf = (texts: readonly string[], roleOf: (index: number) => Role): Line =>
    shown.flatMap((index, position) => [
      ...(position === 0 ? [] : [span(BETWEEN)]),
      span(
        pad(texts[index] ?? "", widths.get(index) ?? 0, columns[index]?.align ?? "left"),
        roleOf(index),
      ),
    ]);
  return {
    leftOut: columns.filter((_, index) => !shown.includes(index)).map(({ title }) => title),
    head: lineOf(
      columns.map(({ title }) => title),
      () => "muted",
    ),
    body: cells.map((texts, row) =>
      lineOf(texts, (index) =>
        isSelected(rows[row] as Row) ? "accent" : (columns[index]?.role ?? "plain"),
      ),
    ),
  };
}

/** The rows to show from `scroll` on; a list that became shorter meanwhile shows its last page. */
export function pageOf(rows: readonly Line[], scroll: number, listRows: number): readonly Line[] {
  const first = Math.max(0, Math.min(scroll, rows.length - listRows));
  return rows.slice(first, first + listRows);
}

const least = (column: { readonly leastWidth?: number } | undefined, wanted: number): number =>
  Math.min(wanted, column?.leastWidth ?? wanted);

/** The columns that fit, at their least width, in their order. */
function choose<Row>(
  columns: readonly Column<Row>[],
  wanted: readonly number[],
  width: number,
): number[] {
  let shown = columns.map((_, index) => index);
  const total = (): number =>
    shown.reduce((sum, index) => sum + least(columns[index], wanted[index] ?? 0), 0) +
    BETWEEN.length * (shown.length - 1);
  while (shown.length > 1 && total() > width) {
    const highest = Math.max(...shown.map((index) => columns[index]?.rank ?? 0));
    if (highest === 0) break;
    shown = shown.filter((index) => columns[index]?.rank !== highest);
  }
  return shown;
}

/** Takes what is too much from the columns that may be cut. */
function shrink<Row>(
  columns: readonly Column<Row>[],
  wanted: readonly number[],
  { shown, width }: { readonly shown: readonly number[]; readonly width: number },
): Map<number, number> {
  const widths = new Map(shown.map((index) => [index, wanted[index] ?? 0]));
  let surplus =
    [...widths.values()].reduce((sum, one) => sum + one, 0) +
    BETWEEN.length * (shown.length - 1) -
    width;
  for (const index of shown) {
    if (surplus <= 0) break;
    const now = widths.get(index) ?? 0;
    const cut = Math.min(surplus, now - least(columns[index], now));
    widths.set(index, now - cut);
    surplus -= cut;
  }
  return widths;
}
