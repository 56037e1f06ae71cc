import { describe, expect, it } from "bun:test";
import * as fc from "fast-check";
import { versionOfTime } from "../../src/migration/time-version.ts";

describe("versionOfTime()", () => {
  it("writes a moment as its year, month, day, hour, minute and second in UTC", () => {
    expect(versionOfTime(Date.UTC(2024, 1, 29, 23, 59, 58) + 999)).toBe(20_240_229_235_958);
    expect(versionOfTime(0)).toBe(19_700_101_000_000);
  });

  it("agrees with the calendar of JavaScript at every moment up to year 9999", () => {
    fc.assert(
      fc.property(fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 }), (time) => {
        const text = new Date(time).toISOString().slice(0, 19).replace(/\D/g, "");
        expect(versionOfTime(time)).toBe(Number(text));
      }),
    );
  });
});
