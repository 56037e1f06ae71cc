/**
 * The tables of `table.ts`, line for line, for reports: loading cli-table3 takes as long as the report itself. Of a
 * cell's text nothing is interpreted.
 */
import { printable } from "./output.ts";
import type { Column } from "./table.ts";

const BETWEEN = "  ";

/** Plain columns, two spaces apart; a cell may have several lines. */
export function renderPlainTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string {
  const table = [
    columns.map(({ title }) => [title]),
    ...rows.map((row) => columns.map((_, index) => (row[index] ?? "").split("\n").map(printable))),
  ];
  const widths = columns.map((_, index) =>
    table.reduce((widest, row) => Math.max(widest, ...(row[index] ?? []).map(widthOf)), 0),
  );
  return table
    .flatMap((row) => {
      const height = Math.max(1, ...row.map((cell) => cell.length));
      return Array.from({ length: height }, (_, line) =>
        row
          .map((cell, index) =>
            padded(cell[line] ?? "", widths[index] ?? 0, columns[index]?.align ?? "left"),
          )
          .join(BETWEEN)
          .trimEnd(),
      );
    })
    .join("\n");
}

function padded(text: string, width: number, align: "left" | "right"): string {
  const blanks = " ".repeat(Math.max(0, width - widthOf(text)));
  return align === "left" ? text + blanks : blanks + text;
}

const widthOf = (text: string): number => Bun.stringWidth(text);
