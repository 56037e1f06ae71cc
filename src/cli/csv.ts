/** CSV that a spreadsheet reads and does not run. */

/** By what a cell begins that a spreadsheet takes for a formula, in full width too. */
const FORMULA = /^[=+\-@\t\r\n＝＋－＠]/;
/** A number is one whatever its sign: the reader's sums have to stay what they are. */
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

/** Rows as CSV without a line end behind the last; a cell that would be run is text with an apostrophe before it. */
export async function renderCsv(
  rows: readonly (readonly (string | number | null)[])[],
): Promise<string> {
  const { stringify } = await import("csv-stringify/sync");
  return stringify(rows.map((row) => row.map(harmless))).replace(/\n$/, "");
}

function harmless(cell: string | number | null): string | number | null {
  if (typeof cell !== "string" || !FORMULA.test(cell) || NUMBER.test(cell)) return cell;
  return `'${cell}`;
}
