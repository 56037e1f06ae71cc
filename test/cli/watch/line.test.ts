import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import {
  clip,
  clipLine,
  lineWidth,
  pad,
  plainText,
  span,
  spread,
  widthOf,
} from "../../../src/cli/watch/line.ts";

describe("clip()", () => {
  it.each([
    ["abc", 3, "abc"],
    ["abcd", 3, "ab…"],
    ["日本語", 5, "日本…"],
    ["日本語", 4, "日…"],
    ["e\u0301e\u0301e\u0301", 2, "e\u0301…"],
    ["abc", 0, ""],
    ["", 0, ""],
  ])("cuts %j to %d columns", (text, width, expected) => {
    expect(clip(text, width)).toBe(expected);
  });
});

const texts = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc.string({ unit: "grapheme", maxLength: 30 }),
);
const lines = fc.array(
  texts.map((text) => span(text.replace(/\p{C}/gu, "x"))),
  { maxLength: 5 },
);

describe("a line", () => {
  it("is never wider than what it was cut to", () => {
    fc.assert(
      fc.property(lines, fc.nat(60), (line, width) => {
        expect(lineWidth(clipLine(line, width))).toBeLessThanOrEqual(width);
      }),
    );
  });

  it("is exactly as wide as the screen when two share it", () => {
    fc.assert(
      fc.property(lines, lines, fc.integer({ min: 1, max: 60 }), (left, right, width) => {
        const shared = spread(left, right, width);
        expect(lineWidth(shared)).toBeLessThanOrEqual(width);
        if (lineWidth(right) < width && lineWidth(left) + lineWidth(right) < width)
          expect(lineWidth(shared)).toBe(width);
      }),
    );
  });

  it("is padded to a width on the side away from its alignment", () => {
    expect([pad("日", 4), pad("ab", 4, "right"), pad("abcdef", 4)]).toEqual([
      "日  ",
      "  ab",
      "abc…",
    ]);
    expect(widthOf(pad("日本", 3))).toBe(3);
    expect(plainText([span("a "), span("b  ")])).toBe("a b");
  });
});
