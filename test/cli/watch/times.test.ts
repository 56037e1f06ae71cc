import { describe, expect, it } from "bun:test";
import {
  momentText,
  prefers12h,
  preciseTimeText,
  spanText,
  timeText,
} from "../../../src/cli/watch/times.ts";
import { NOON } from "../../support/usage-db.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const H24 = { timeZone: "UTC", is12h: false };
const H12 = { timeZone: "UTC", is12h: true };

describe("times", () => {
  it("are those of the zone and the clock", () => {
    expect(timeText(NOON, H24)).toBe("12:00");
    expect(timeText(NOON + 5 * MINUTE, H12)).toBe("12:05 PM");
    expect(timeText(NOON - 12 * HOUR, H12)).toBe("12:00 AM");
    expect(timeText(NOON, { ...H24, timeZone: "Asia/Kolkata" })).toBe("17:30");
    expect(preciseTimeText(NOON + 65_000, H12)).toBe("12:01:05 PM");
  });

  it("name the day where it is another one", () => {
    expect(momentText(NOON + HOUR, NOON, H24)).toBe("13:00");
    expect(momentText(NOON + DAY, NOON, H24)).toBe("Sat 12:00");
    expect(momentText(NOON - DAY, NOON, H12)).toBe("Thu 12:00 PM");
    expect(momentText(NOON - 9 * DAY, NOON, H24)).toBe("11 Nov 12:00");
    expect(momentText(NOON + HOUR, NOON, { ...H24, timeZone: "Asia/Tokyo" })).toBe("22:00");
  });

  it.each([
    [-5, "0s"],
    [59_999, "59s"],
    [MINUTE, "1m"],
    [HOUR - 1, "59m"],
    [HOUR + 5 * MINUTE, "1h 05m"],
    [DAY - 1, "23h 59m"],
    [3 * DAY + 4 * HOUR, "3d 4h"],
  ])("spans of %d ms are %s", (ms, text) => {
    expect(spanText(ms)).toBe(text);
  });
});

describe("prefers12h()", () => {
  it.each([
    [{}, false],
    [{ LANG: "C.UTF-8" }, false],
    [{ LANG: "en_US.UTF-8" }, true],
    [{ LANG: "en_US.UTF-8", LC_TIME: "de_DE.UTF-8" }, false],
    [{ LANG: "de_DE.UTF-8", LC_ALL: "en_US.UTF-8" }, true],
    [{ LANG: "de_DE@euro" }, false],
    [{ LANG: "not a locale" }, false],
    [{ LC_ALL: "", LANG: "en_US" }, true],
  ])("of %j is %p", (env, expected) => {
    expect(prefers12h(env)).toBe(expected);
  });
});
