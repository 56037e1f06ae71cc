import { describe, expect, it } from "bun:test";
import { compact } from "../../src/cli/usage-text.ts";

describe("compact()", () => {
  it.each([
    [0, "0"],
    [999, "999"],
    [1000, "1.0k"],
    [99_949, "99.9k"],
    [99_950, "100k"],
    [999_499, "999k"],
    [999_500, "1.0M"],
    [12_345_678, "12.3M"],
    [999_950_000, "1.0G"],
  ])("shows %d as %s, never as a thousand of a unit", (count, text) => {
    expect(compact(count)).toBe(text);
  });
});
