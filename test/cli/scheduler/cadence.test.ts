import { describe, expect, it } from "bun:test";
import { CADENCE_NAMES, cadenceOf } from "../../../src/cli/scheduler/cadence.ts";
import { errorOf } from "../../support/error-of.ts";

const SEEDS = [0, 1, 59, 61, 1439, 987_654_321];
const CASES = CADENCE_NAMES.flatMap((name) => SEEDS.map((seed) => [name, seed] as const));

describe("cadenceOf()", () => {
  it.each(CASES)("keeps %s with the seed %d, by cron's own reading of it", (name, seed) => {
    const { cron, minutes } = cadenceOf(name, seed);
    let at = new Date(Date.UTC(2026, 2, 3, 4, 5));
    const gaps = new Set<number>();
    for (let i = 0; i < 30; i++) {
      const next = Bun.cron.parse(cron, at, { tz: "UTC" });
      if (next === null) throw new Error(`${cron} never comes`);
      if (i > 0) gaps.add((next.getTime() - at.getTime()) / 60_000);
      at = next;
    }
    expect([...gaps]).toEqual([minutes]);
  });

  it("suggests the right word for a wrong one", () => {
    expect(errorOf(() => cadenceOf("1hr", 0)).message).toContain("expected 1h");
    expect(errorOf(() => cadenceOf("7m", 0)).code).toBe("CLI_USAGE");
  });

  const hasSystemd = Bun.which("systemd-analyze") !== null;
  it.skipIf(!hasSystemd)("says the same to systemd as to cron", () => {
    for (const [name, seed] of CASES.filter((entry) => entry[1] > 1000)) {
      const { calendar, cron } = cadenceOf(name, seed);
      const base = "2026-03-03 04:05:00 UTC";
      const { stdout, exitCode } = Bun.spawnSync(
        ["systemd-analyze", "calendar", `--base-time=${base}`, "--iterations=3", `${calendar} UTC`],
        { env: { TZ: "UTC", LC_ALL: "C" } },
      );
      expect({ calendar, exitCode }).toEqual({ calendar, exitCode: 0 });
      const moments = [
        ...stdout.toString().matchAll(/(?:elapse|#\d+): \w+ ([\d-]+ [\d:]+) UTC/g),
      ].map(([, moment]) => Date.parse(`${String(moment).replace(" ", "T")}Z`));
      expect(moments).toHaveLength(3);
      let at = Date.parse("2026-03-03T04:05:00Z");
      for (const moment of moments) {
        expect(moment).toBe(Number(Bun.cron.parse(cron, at, { tz: "UTC" })?.getTime()));
        at = moment;
      }
    }
  });
});
