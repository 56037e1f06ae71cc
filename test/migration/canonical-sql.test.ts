import { describe, expect, it } from "bun:test";
import * as fc from "fast-check";
import { canonicalModule, canonicalSql, isSameSql } from "../../src/migration/canonical-sql.ts";

const TOKENS = [
  "SELECT",
  "a",
  "b1",
  "'x  y'",
  '"q  r"',
  "[s t]",
  "1",
  "1.5",
  "(",
  ")",
  ",",
  ";",
  "||",
  "->>",
  "x'00'",
  "'-- no'",
  "'/* no */'",
  "é",
] as const;
const tokens = fc.array(fc.constantFrom(...TOKENS), { minLength: 1, maxLength: 25 });
const gap = fc.constantFrom(
  " ",
  "  ",
  "\n",
  "\r\n",
  "\t",
  " -- remark ' ;\n",
  '/* remark " ; */',
  " /**/ ",
);

/** Tokens with random white space and comments around them. */
const dressed = tokens.chain((list) =>
  fc.tuple(
    fc.constant(list),
    fc.array(gap, { minLength: list.length + 1, maxLength: list.length + 1 }),
    fc.array(gap, { minLength: list.length + 1, maxLength: list.length + 1 }),
  ),
);

const dress = (list: readonly string[], gaps: readonly string[]): string =>
  list.map((token, index) => `${gaps[index] ?? ""}${token}`).join("") + (gaps[list.length] ?? "");

describe("canonicalSql()", () => {
  it("is a promise for ever: ledgers hold checksums of exactly this form", () => {
    expect(
      canonicalSql(
        "\ufeff-- c\r\nCREATE  TABLE t(\r\n  a TEXT DEFAULT 'x  y', -- d\n  b INT/* e */\n);\n",
      ),
    ).toBe("CREATE TABLE t ( a TEXT DEFAULT 'x  y' , b INT ) ;");
  });

  it("is blind to comments, white space and line ends", () => {
    fc.assert(
      fc.property(dressed, ([list, left, right]) => {
        expect(canonicalSql(dress(list, left))).toBe(canonicalSql(dress(list, right)));
      }),
    );
  });

  it("is idempotent", () => {
    fc.assert(
      fc.property(dressed, ([list, gaps]) => {
        const once = canonicalSql(dress(list, gaps));
        expect(canonicalSql(once)).toBe(once);
      }),
    );
  });

  it("differs as soon as a token is changed, dropped or added", () => {
    fc.assert(
      fc.property(dressed, fc.nat(), fc.constantFrom(...TOKENS), ([list, gaps], pick, other) => {
        const at = pick % list.length;
        const before = canonicalSql(dress(list, gaps));
        const changed = list.with(at, other);
        if (list[at] !== other) expect(canonicalSql(dress(changed, gaps))).not.toBe(before);
        expect(canonicalSql(dress(list.toSpliced(at, 1), gaps))).not.toBe(before);
        expect(canonicalSql(dress(list.toSpliced(at, 0, other), gaps))).not.toBe(before);
      }),
    );
  });

  it.each([
    ["SELECT 'a b'", "SELECT 'a  b'"],
    ["SELECT a", "SELECT A"],
    ["SELECT a b", "SELECT ab"],
    ["SELECT 1 2", "SELECT 12"],
    ["SELECT '-- x'", "SELECT ''"],
    ["SELECT a | | b", "SELECT a || b"],
    ["SELECT x'00'", "SELECT x '00'"],
  ])("tells %p from %p", (left, right) => {
    expect(canonicalSql(left)).not.toBe(canonicalSql(right));
  });
});

describe("isSameSql()", () => {
  it("compares missing texts too", () => {
    expect(isSameSql(null, null)).toBe(true);
    expect(isSameSql(null, "")).toBe(false);
    expect(isSameSql("SELECT 1 -- a", null)).toBe(false);
    expect(isSameSql("SELECT 1 -- a", "SELECT\r\n1")).toBe(true);
  });
});

describe("canonicalModule()", () => {
  it("is blind to line ends and trailing white space, and to nothing else", () => {
    expect(canonicalModule("a  \r\n b\t\r\n\r\n")).toBe("a\n b");
    expect(canonicalModule("a // x")).not.toBe(canonicalModule("a"));
    expect(canonicalModule("a\n b")).not.toBe(canonicalModule("a\nb"));
  });
});

describe("isSameSql()", () => {
  it("takes a text that was damaged where it is stored for another one, and does not throw", () => {
    expect(isSameSql("SELECT 1\0", "SELECT 1")).toBe(false);
    expect(isSameSql("SELECT 1", "SELECT 'cut off")).toBe(false);
    expect(isSameSql("SELECT 1\0", "SELECT 1\0")).toBe(true);
  });
});
