import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { renderPlainTable } from "../../src/cli/plain-table.ts";
import { renderTable } from "../../src/cli/table.ts";

const COLUMNS = [
  { title: "Day" },
  { title: "Models" },
  { title: "Tokens", align: "right" },
] as const;

/** What reports have in cells: names, wide characters, several lines, nothing, and what would move a cursor. */
const cell = fc
  .array(fc.constantFrom("opus-4-6", "1,234", "日本語", "e\u0301", "👩‍🚀", "\u001b[2J", "a b", ""), {
    minLength: 1,
    maxLength: 3,
  })
  .map((lines) => lines.join("\n"));

describe("renderPlainTable()", () => {
  it("draws what cli-table3 draws", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell, cell), { maxLength: 5 }), (rows) => {
        const trimmed = (text: string): string => text.replace(/\n+$/, "");
        expect(trimmed(renderPlainTable(COLUMNS, rows))).toBe(trimmed(renderTable(COLUMNS, rows)));
      }),
    );
  });

  it("keeps the lines of a cell below one another, and figures to the right", () => {
    expect(renderPlainTable(COLUMNS, [["2026-02-12", "opus\nhaiku", "7"]])).toBe(
      ["Day         Models  Tokens", "2026-02-12  opus         7", "            haiku"].join("\n"),
    );
  });
});
