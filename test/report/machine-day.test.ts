import { describe, expect, it } from "bun:test";

/** In a process of its own, because a process has one zone. */
const SCRIPT = `
  import { Database } from "bun:sqlite";
  import { Connection } from "./src/engine/sqlite/connection.ts";
  import { dayOf } from "./src/report/local-days.ts";
  import { machineDay } from "./src/report/machine-day.ts";
  using connection = new Connection(new Database(":memory:"), ":memory:");
  const zone = process.env.TZ;
  let [same, left, different] = [0, 0, []];
  for (const resetHour of [0, 2])
    for (let at = Date.UTC(2026, 0, 1); at < Date.UTC(2027, 0, 3); at += 23_100_000) {
      const day = machineDay(connection, at, resetHour);
      const { startMs, endMs } = dayOf(at, { timeZone: zone, resetHour });
      if (day === null) left++;
      else if (day.startMs === startMs && day.endMs === endMs) same++;
      else different.push([resetHour, new Date(at).toISOString(), day, startMs, endMs]);
    }
  console.log(JSON.stringify({ same, left, different: different.slice(0, 3) }));
`;

describe("machineDay()", () => {
  it.each([
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "America/Santiago",
  ])("is the day of the reports in %s, or leaves it to them", async (zone) => {
    const child = Bun.spawn([process.execPath, "-e", SCRIPT], {
      env: { PATH: process.env["PATH"] ?? "", TZ: zone },
      stdout: "pipe",
      stderr: "inherit",
    });
    const { same, left, different } = (await child.stdout.json()) as Record<string, unknown>;
    expect(different).toEqual([]);
    // Only the days around a change of the clock are left.
    expect(Number(left) / Number(same)).toBeLessThan(0.03);
  });
});
