import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { dayFromText, dayOf } from "../../src/report/local-days.ts";

const HOUR = 3_600_000;
const hoursOf = (date: string, timeZone: string, resetHour = 0): number => {
  const day = dayFromText(date, { timeZone, resetHour });
  return day === null ? Number.NaN : (day.endMs - day.startMs) / HOUR;
};

describe("dayFromText()", () => {
  it.each([
    ["2026-03-29", "Europe/Berlin", 23],
    ["2026-10-25", "Europe/Berlin", 25],
    ["2026-10-04", "Australia/Lord_Howe", 23.5],
    ["2026-04-05", "Australia/Lord_Howe", 24.5],
    ["2026-06-01", "Asia/Kolkata", 24],
    // The clock springs forward at midnight: the day begins at one.
    ["2018-11-04", "America/Sao_Paulo", 23],
    // Samoa skipped a whole day when it crossed the date line.
    ["2011-12-29", "Pacific/Apia", 24],
  ])("gives %s in %s %d hours", (date, timeZone, hours) => {
    expect(hoursOf(date, timeZone)).toBe(hours);
  });

  it("begins days at the reset hour of the wall clock", () => {
    const rule = { timeZone: "Europe/Berlin", resetHour: 4 };
    expect(dayFromText("2026-03-29", rule)).toEqual({
      date: "2026-03-29",
      startMs: Date.UTC(2026, 2, 29, 2),
      endMs: Date.UTC(2026, 2, 30, 2),
    });
    expect(hoursOf("2026-03-28", "Europe/Berlin", 4)).toBe(23);
  });

  it("reads both ways to write a date, and nothing else", () => {
    const rule = { timeZone: "UTC", resetHour: 0 };
    expect(dayFromText("20260212", rule)).toEqual(dayFromText("2026-02-12", rule));
    for (const text of ["", "2026-02-30", "2026-13-01", "12.2.2026", "2026-2-1", "tomorrow"]) {
      expect(dayFromText(text, rule)).toBeNull();
    }
  });
});

describe("dayOf()", () => {
  it("puts every moment into exactly the day whose borders hold it", () => {
    const zone = fc.constantFrom(
      "UTC",
      "Europe/Berlin",
      "Asia/Kolkata",
      "Australia/Lord_Howe",
      "America/Sao_Paulo",
      "Pacific/Apia",
      "America/New_York",
      "Asia/Kathmandu",
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 1_262_304_000, max: 1_800_000_000 }),
        zone,
        fc.integer({ min: 0, max: 23 }),
        (seconds, timeZone, resetHour) => {
          const rule = { timeZone, resetHour };
          const day = dayOf(seconds * 1000, rule);
          expect(day.startMs).toBeLessThanOrEqual(seconds * 1000);
          expect(day.endMs).toBeGreaterThan(seconds * 1000);
          expect(dayOf(day.startMs, rule)).toEqual(day);
          expect(dayOf(day.endMs, rule).startMs).toBe(day.endMs);
        },
      ),
      { numRuns: 400 },
    );
  });
});

it("gives the hours after a skipped day to the day before it, until the reset hour", () => {
  // Samoa went from the end of 29 December straight to 31 December.
  const rule = { timeZone: "Pacific/Apia", resetHour: 1 };
  const day = dayOf(Date.UTC(2011, 11, 30, 10), rule);
  expect(day).toMatchObject({ date: "2011-12-29", endMs: Date.UTC(2011, 11, 30, 11) });
  expect(dayOf(day.endMs, rule).startMs).toBe(day.endMs);
});

it("finds UTC's days by their dates without the rules of the zones, and the same ones", () => {
  const date = fc
    .date({ min: new Date("0001-01-01"), max: new Date("9999-12-31"), noInvalidDate: true })
    .map((day) => day.toISOString().slice(0, "YYYY-MM-DD".length));
  fc.assert(
    fc.property(
      fc.oneof(date, fc.constantFrom("9999-12-31", "0001-01-01", "2023-02-29")),
      fc.integer({ min: 0, max: 23 }),
      (text, resetHour) => {
        expect(dayFromText(text, { timeZone: "UTC", resetHour })).toEqual(
          dayFromText(text, { timeZone: "Etc/UTC", resetHour }),
        );
      },
    ),
  );
});

it("knows UTC's days without the rules of the zones, and the same ones", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 100_000_000_000, max: 4_000_000_000_000 }),
      fc.integer({ min: 0, max: 23 }),
      (atMs, resetHour) => {
        expect(dayOf(atMs, { timeZone: "UTC", resetHour })).toEqual(
          dayOf(atMs, { timeZone: "Etc/UTC", resetHour }),
        );
      },
    ),
  );
});
