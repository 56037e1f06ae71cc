import { describe, expect, it } from "bun:test";
import { isBlockId, readTime } from "../../../src/ingest/events-db/times.ts";

const AT = Date.UTC(2025, 8, 30, 10);

describe("readTime()", () => {
  it.each([
    [AT, { at: AT, repair: null, isExact: true }],
    [AT / 1000, { at: AT, repair: "seconds", isExact: true }],
    [AT / 1000 + 0.25, { at: AT + 250, repair: "seconds", isExact: false }],
    [AT + 0.5, { at: AT, repair: "fraction-of-a-millisecond", isExact: false }],
    [AT * 1000, { at: AT, repair: "microseconds", isExact: true }],
    [AT * 1000 + 7, { at: AT, repair: "microseconds", isExact: false }],
    [`${AT}123456`, { at: AT, repair: "nanoseconds", isExact: false }],
    ["2025-09-30T10:00:00Z", { at: AT, repair: "time-as-text", isExact: false }],
    ["2025-09-30 10:00:00", { at: AT, repair: "time-as-text", isExact: false }],
    ["2025-09-30T12:00:00+02:00", { at: AT, repair: "time-as-text", isExact: false }],
  ])("reads %p", (value, expected) =>
    expect(readTime(value)).toEqual(expected as ReturnType<typeof readTime>),
  );

  it.each([
    [100_000_000, 100_000_000_000, "seconds"],
    [99_999_999_999, 99_999_999_999_000, "seconds"],
    [100_000_000_000, 100_000_000_000, null],
    [99_999_999_999_999, 99_999_999_999_999, null],
    [100_000_000_000_000, 100_000_000_000, "microseconds"],
  ] as const)("takes the border %d for what it is", (value, at, repair) =>
    expect(readTime(value)).toMatchObject({ at, repair }),
  );

  it.each([0, -1, 99_999_999, 1e21, Number.NaN, Infinity, null, "", "soon", "2025-13-45 10:00"])(
    "makes nothing of %p",
    (value) =>
      expect(readTime(value)).toEqual({ at: null, repair: "unusable-time", isExact: false }),
  );
});

describe("isBlockId()", () => {
  it.each([
    ["2025-09-30T10:00:00.000Z", true],
    ["2025-09-30T10:00:00Z", true],
    ["gap-2025-09-30T10:00:00.000Z", true],
    ["session-2025-09-30", false],
    ["2025-09-30", false],
    ["0b5b1c1e-8f3e-4f6c-9a51-3c1c8f3f7a77", false],
  ])("tells %p apart: %p", (text, expected) => expect(isBlockId(text)).toBe(expected));
});
