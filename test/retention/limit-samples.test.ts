import { describe, expect, it } from "bun:test";
import type { UsageDb } from "../../src/index.ts";
import { holdingSample, learnLimit } from "../../src/report/official-limits.ts";
import { chance, FAULT_ROUNDS, withSeed } from "../support/fault-rounds.ts";
import { clockedDb, NOON } from "../support/usage-db.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const samplesOf = (db: UsageDb) =>
  db.limitSamples.list("claude", "five_hour", { fromMs: 0, toMs: NOON + 1 });

/** What the samples teach, when a minute of a window costs as many tokens as it has seconds. */
const learned = (db: UsageDb) =>
  learnLimit(samplesOf(db), (fromMs, toMs) => ({
    tokens: (toMs - fromMs) / 997,
    costUsd: (toMs - fromMs) / 1e7,
  }));

async function thin(db: UsageDb): Promise<number> {
  const [job] = (await db.maintain({ jobs: ["thin"] })).jobs;
  expect(job?.error).toBeUndefined();
  return job?.rows ?? 0;
}

describe("thinned limit samples", () => {
  it("teach exactly what all of them taught, and say the same of the newest window", async () => {
    const dice = chance();
    const pick = <T>(list: readonly T[]): T => list[Math.floor(dice.next() * list.length)] as T;
    await withSeed(dice, async () => {
      for (let round = 0; round < 3 * FAULT_ROUNDS; round++) {
        using clocked = clockedDb();
        const { db } = clocked;
        db.retention.set("limit_samples", "hourly_after_ms", DAY);
        let rows = 0;
        for (let window = 0; window < 20; window++) {
          const resets_at = NOON + 3 * HOUR - window * 5 * HOUR;
          let percent = 0;
          for (let minute = 0; minute < 300; minute += 1 + Math.floor(dice.next() * 30)) {
            const observed_at = resets_at - 5 * HOUR + minute * MINUTE;
            if (observed_at > NOON) break;
            percent = Math.min(pick([100, 130]), percent + pick([0, 1, 7]));
            rows += db.limitSamples.record([
              {
                agent: "claude",
                limit_name: "five_hour",
                window_minutes: 300,
                used_percent: pick([percent, percent, Math.max(0, percent - 3)]),
                resets_at: resets_at + pick([0, 0, 1000, MINUTE]),
                observed_at,
                session_id: pick(["a", "b"]),
              },
            ]);
          }
        }
        const before = [learned(db), holdingSample(samplesOf(db), NOON)];
        const views = db.connection.readOnce("SELECT * FROM v_limits");
        const [ahead] = (await db.maintain({ jobs: ["thin"], dryRun: true })).jobs;
        const removed = await thin(db);
        expect(removed).toBeGreaterThan(rows / 10);
        expect(ahead?.rows).toBe(removed);
        expect([learned(db), holdingSample(samplesOf(db), NOON)]).toEqual(before);
        expect(db.connection.readOnce("SELECT * FROM v_limits")).toEqual(views);
        const [[folded] = []] = db.connection.readOnce(
          "SELECT sum(sample_count) FROM usage_limit_sample_rollups",
        );
        expect(Number(folded) + samplesOf(db).length).toBe(rows);
        expect(await thin(db)).toBe(0);
      }
    });
  }, 30_000);

  it("leave an idle session knowing what it heard last", async () => {
    using clocked = clockedDb();
    const { db } = clocked;
    const sample = (minute: number, session_id: string, used_percent: number) => ({
      agent: "claude",
      limit_name: "five_hour",
      window_minutes: 300,
      used_percent,
      resets_at: NOON - 40 * DAY + 5 * HOUR,
      observed_at: NOON - 40 * DAY + minute * MINUTE,
      session_id,
    });
    for (let minute = 1; minute < 50; minute++)
      db.limitSamples.record([sample(minute, "busy", minute)]);
    db.limitSamples.record([sample(25, "idle", 20)]);
    await thin(db);
    expect(samplesOf(db).map(({ session_id, used_percent }) => [session_id, used_percent])).toEqual(
      [
        ["busy", 1],
        ["idle", 20],
        ["busy", 49],
      ],
    );
    expect(db.limitSamples.record([sample(55, "idle", 20)])).toBe(0);
  });
});
