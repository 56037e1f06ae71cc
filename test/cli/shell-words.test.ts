import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { shellWord, shellWords } from "../../src/cli/shell-words.ts";

describe("shellWord()", () => {
  it("is read as the text that it was written for, by us and by the shell", () => {
    const word = fc.string({ unit: "grapheme-ascii", minLength: 1 });
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 4 }), (words) => {
        expect(shellWords(words.map(shellWord).join(" "))).toEqual(words);
      }),
    );
    const words = ["plain", "a b", "it's", '"', "$HOME", "`x`", "a\\b", "*"];
    const script = `printf '%s\\n' ${words.map(shellWord).join(" ")}`;
    expect(Bun.spawnSync(["sh", "-c", script]).stdout.toString()).toBe(`${words.join("\n")}\n`);
  });
});

describe("shellWords()", () => {
  it.each([
    "a; b",
    "a | b",
    "a && b",
    "a > b",
    "$(a)",
    "`a`",
    "$a",
    '"$a"',
    "'a",
    "a*",
    "~/a",
    "a\nb",
    "a # b",
    "(a)",
  ])("does not pretend to understand %p", (line) => {
    expect(shellWords(line)).toBeNull();
  });
});
