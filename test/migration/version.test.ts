import { describe, expect, it } from "bun:test";
import * as fc from "fast-check";
import { formatVersion, parseVersion } from "../../src/migration/version.ts";

describe("parseVersion()", () => {
  it.each([
    ["1", 1],
    ["001", 1],
    ["000", 0],
    ["20260101120000", 20_260_101_120_000],
    ["999999999999999", 999_999_999_999_999],
  ])("reads %p as %p", (text, version) => {
    expect(parseVersion(text)).toBe(version);
  });

  it.each(["", " 1", "1 ", "-1", "+1", "1.0", "1e3", "0x1", "١", "1_0", "1000000000000000"])(
    "refuses %p",
    (text) => {
      expect(parseVersion(text)).toBeUndefined();
    },
  );

  it("reads back whatever formatVersion() wrote, and orders as numbers do", () => {
    const version = fc.integer({ min: 0, max: 999_999_999_999_999 });
    fc.assert(
      fc.property(version, version, (left, right) => {
        expect(parseVersion(formatVersion(left))).toBe(left);
        const [a, b] = [parseVersion(formatVersion(left)), parseVersion(formatVersion(right))];
        expect(Math.sign((a ?? NaN) - (b ?? NaN))).toBe(Math.sign(left - right));
      }),
    );
  });
});

describe("formatVersion()", () => {
  it("pads to three digits and leaves longer versions alone", () => {
    expect([0, 7, 42, 999, 1000, 20_260_101_120_000].map(formatVersion)).toEqual([
      "000",
      "007",
      "042",
      "999",
      "1000",
      "20260101120000",
    ]);
  });
});
