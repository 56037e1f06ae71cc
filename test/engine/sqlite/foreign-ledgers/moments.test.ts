import { describe, expect, it } from "bun:test";
import { readMoment } from "../../../../src/engine/sqlite/foreign-ledgers/moments.ts";

const AT = Date.UTC(2024, 1, 29, 10, 20, 30);

describe("readMoment()", () => {
  it.each([
    [AT, AT],
    [AT / 1000, AT],
    [AT * 1000, AT],
    [AT + 0.4, AT],
    [String(AT), AT],
    ["1709202030.5", AT + 500],
    ["2024-02-29 10:20:30", AT],
    ["2024-02-29 10:20:30.123456789", AT + 123],
    ["2024-02-29T10:20:30.5Z", AT + 500],
    ["2024-02-29T12:20:30+02:00", AT],
    ["2024-02-29 05:20:30-0500", AT],
    ["2024-02-29 10:20:30 +0000 UTC", AT],
    ["Thu Feb 29 2024 11:20:30 GMT+0100 (Central European Standard Time)", AT],
  ])("reads %p", (value, expected) => {
    expect(readMoment(value)).toBe(expected);
  });

  it.each([
    null,
    undefined,
    "",
    "soon",
    "2024-02-30 10:20:30",
    "2024-02-29 25:20:30",
    "2024-13-01 10:20:30",
    "2024-02-29",
    "29.02.2024 10:20:30",
    0,
    -5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    1e30,
    new Uint8Array([1]),
  ])("does not guess at %p", (value) => {
    expect(readMoment(value)).toBeNull();
  });
});
