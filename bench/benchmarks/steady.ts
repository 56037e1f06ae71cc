/** Maintenance once a minute of a database's own time. */
import { join } from "node:path";
import { Connection } from "../../src/engine/sqlite/connection.ts";
import { openUsageDb, type UsageDb } from "../../src/usage-db.ts";
import type { Benchmark } from "../contender.ts";
import { snapshotData } from "../snapshot-set.ts";
import { renderTime } from "../table.ts";

const HOUR_MS = 3_600_000;

export const steady: Benchmark = {
  name: "steady",
  description:
    "what the jobs that delete take when they run every minute, beside ten snapshots a second",
  needsPeers: false,
  run: async ({ folder, note, report }) => {
    note("maintaining every minute of four hours");
    let now = Date.now() - 240 * HOUR_MS;
    const startedAt = now;
    using db = openUsageDb(join(folder, "steady.db"), {
      now: () => now,
      uptimeMs: () => now - startedAt,
    });
    // An hour instead of a day, so that the window is full soon; a minute brings and ends as many as with any other.
    db.retention.set("snapshots", "hourly_after_ms", HOUR_MS);
    const lockedMs: number[] = [];
    for (let minute = 0; minute < 240; minute++) {
      const from = now;
      now += 60_000;
      db.snapshots.insertMany(
        Array.from({ length: 600 }, (_, i) => ({
          session_id: `session-${i % 4}`,
          snapshot_data: snapshotData(i),
          timestamp: from + i * 100,
        })),
      );
      const tookMs = await lockTime(db);
      if (minute > 60) lockedMs.push(tookMs);
    }
    report({ name: "lock time of a run every minute", value: describeRuns(lockedMs) });
  },
};

/** How long the write lock is held in one run of the jobs that delete. */
async function lockTime(db: UsageDb): Promise<number> {
  let sumMs = 0;
  const { transaction } = Connection.prototype;
  Connection.prototype.transaction = function (this: Connection, work, action) {
    let lockedAt = performance.now();
    const result = transaction.call(
      this,
      () => {
        lockedAt = performance.now();
        return work();
      },
      action,
    );
    sumMs += performance.now() - lockedAt;
    return result as never;
  };
  try {
    await db.maintain({ jobs: ["fold", "thin", "prune"] });
  } finally {
    Connection.prototype.transaction = transaction;
  }
  return sumMs;
}

function describeRuns(lockedMs: readonly number[]): string {
  const sorted = [...lockedMs].sort((a, b) => a - b);
  const at = (share: number): string =>
    renderTime(sorted[Math.floor(sorted.length * share)] ?? Number.NaN);
  return `median ${at(0.5)}, p90 ${at(0.9)}, p99 ${at(0.99)} of ${sorted.length} runs`;
}
