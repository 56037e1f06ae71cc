import { describe, expect, it } from "bun:test";
import { renderCsv } from "../../src/cli/csv.ts";

const cell = async (value: string | number | null): Promise<string> => await renderCsv([[value]]);

describe("renderCsv()", () => {
  it.each([
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2+3+cmd()",
    "@SUM(1)",
    "\t=1",
    "＝1",
    "－1+1",
    "-",
    "+",
  ])("makes text of the formula %j", async (text) => {
    expect(await cell(text)).toStartWith("'");
    expect(await cell(text)).toContain(text);
  });

  it.each(["\r=1", "\n=1", '=HYPERLINK("http://x","y")'])(
    "makes quoted text of the formula %j",
    async (text) => {
      expect(await cell(text)).toBe(`"'${text.replaceAll('"', '""')}"`);
    },
  );

  it("leaves numbers numbers, as values and as texts beyond 2^53", async () => {
    for (const value of [-1, -1.5, 1e300, "-9007199254740993", "+5", "-1.5e-3", "-.5"])
      expect(await cell(value)).toBe(String(value));
  });

  it("leaves other text and nothing as they are, and ends without a line end", async () => {
    expect(await renderCsv([["a", null, "b-c", "1=1", " =1"], [""]])).toBe("a,,b-c,1=1, =1\n");
  });
});
