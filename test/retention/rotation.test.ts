import { describe, expect, it } from "bun:test";
import { expendable, type RotatedBackup } from "../../src/retention/rotation.ts";
import { NOON } from "../support/usage-db.ts";

const DAY = 86_400_000;

/** 2026-11-20 is a Friday. */
const daysAgo = (days: number, sizeBytes = 1000, hours = 0): RotatedBackup => ({
  path: `-${days}d${hours === 0 ? "" : `-${hours}h`}`,
  at: NOON - days * DAY - hours * 3_600_000,
  sizeBytes,
});

const kept = (backups: readonly RotatedBackup[], made: RotatedBackup): string[] => {
  const gone = new Set(expendable(backups, made));
  return backups.filter((backup) => !gone.has(backup)).map(({ path }) => path);
};

describe("expendable()", () => {
  it("keeps the newest of each of seven days and of each of four weeks", () => {
    const made = daysAgo(0);
    const daily = Array.from({ length: 60 }, (_, index) => daysAgo(index + 1));
    expect(kept([made, ...daily], made)).toEqual([
      "-0d",
      "-1d",
      "-2d",
      "-3d",
      "-4d",
      "-5d",
      "-6d",
      "-12d",
      "-19d",
    ]);
  });

  it("lets the earlier of two on one day go, oldest first", () => {
    const made = daysAgo(0);
    const backups = [daysAgo(1), daysAgo(1, 1000, 2), daysAgo(2), daysAgo(2, 1000, 1), made];
    expect(expendable(backups, made).map(({ path }) => path)).toEqual(["-2d-1h", "-1d-2h"]);
  });

  it("keeps what is old where nothing newer is: days without a backup do not count", () => {
    const made = daysAgo(0);
    expect(kept([daysAgo(400), daysAgo(800), made], made)).toEqual(["-400d", "-800d", "-0d"]);
  });

  it("never lets the one just made go, however the clock stood before", () => {
    const made = daysAgo(0);
    const future = Array.from({ length: 20 }, (_, index) => daysAgo(-100 - index));
    expect(expendable([made, ...future], made)).not.toContain(made);
  });

  it("keeps fewer of a large database, and two whatever their size", () => {
    const large = (days: number): RotatedBackup => daysAgo(days, 2e9);
    const made = large(0);
    expect(kept([made, large(1), large(2), large(3), large(4), large(5)], made)).toEqual([
      "-0d",
      "-1d",
      "-2d",
      "-3d",
    ]);
    const huge = daysAgo(1, 100e9);
    expect(kept([made, huge, large(2)], made)).toEqual(["-0d", "-1d"]);
  });
});
