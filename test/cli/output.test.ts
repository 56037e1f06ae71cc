import { describe, expect, it } from "bun:test";
import { assert, jsonValue, property } from "fast-check";
import { printable, printableLines, renderJson } from "../../src/cli/output.ts";

/** Everything by which text can act on a terminal or hide in it. */
const CODES = [
  ...Array.from({ length: 0x20 }, (_, code) => code),
  ...Array.from({ length: 0x21 }, (_, index) => 0x7f + index),
  0x61c,
  0x200b,
  0x200e,
  0x200f,
  0x2028,
  0x2029,
  0x202a,
  0x202e,
  0x2060,
  0x2066,
  0x2069,
  0xfeff,
];
/** Soft hyphen, joiners, fillers, separators of scripts, variation selectors, tags. */
const INVISIBLE = [
  0xad, 0x34f, 0x115f, 0x180e, 0x200c, 0x200d, 0x2064, 0x206a, 0x3164, 0xfe00, 0xfe0f, 0xffa0,
  0xfff9, 0x1d173, 0xe0001, 0xe0041, 0xe0100,
];
const isLineCharacter = (code: number): boolean => code === 9 || code === 10;

describe("printable()", () => {
  it("turns every control and bidirectional character into a visible escape", () => {
    for (const code of CODES)
      expect(printable(`a${String.fromCodePoint(code)}b`)).toBe(`a\\u{${code.toString(16)}}b`);
  });

  it("leaves letters of any script as they are", () => {
    for (const text of ["Zażółć 漢字 עברית 👩 \\ \"'", "❤️ 🇵🇱", "\u0600\u0661", "e\u0301"])
      expect(printable(text)).toBe(text);
  });

  it("shows what is drawn as nothing", () => {
    for (const code of INVISIBLE)
      expect(printable(`a${String.fromCodePoint(code)}b`)).toBe(`a\\u{${code.toString(16)}}b`);
  });
});

describe("printableLines()", () => {
  it("keeps line ends and tabs, and nothing else that acts", () => {
    expect(printableLines("a\r\nb\tc\n\u001b[31md\re")).toBe("a\nb\tc\n\\u{1b}[31md\\u{d}e");
    for (const code of CODES.filter((known) => !isLineCharacter(known)))
      expect(printableLines(String.fromCodePoint(code))).toBe(`\\u{${code.toString(16)}}`);
  });
});

describe("renderJson()", () => {
  it("escapes what a terminal would act on and still says the same", () => {
    const text = [...CODES, ...INVISIBLE].map((code) => String.fromCodePoint(code)).join("");
    const json = renderJson({ [text]: text });
    expect(JSON.parse(json)).toEqual({ [text]: text });
    expect(printableLines(json)).toBe(json);
  });

  it("gives back every value that JSON can hold", () => {
    assert(
      property(jsonValue(), (value) => {
        const same: unknown = JSON.parse(JSON.stringify(value));
        expect(JSON.parse(renderJson(value))).toEqual(same);
      }),
    );
  });
});
