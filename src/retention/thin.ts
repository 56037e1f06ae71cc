/** The job that thins: snapshots to one an hour and one a day, limit samples to one an hour. */
import type { Connection } from "../engine/sqlite/connection.ts";
import type { UsageStore } from "../store/usage-store.ts";
import { DAY_MS, noteClock, trustedNow } from "./clock.ts";
import { type MaintenanceJob } from "./job.ts";
import { limitSamplesToThin } from "./limit-sample-removal.ts";
import { type Removal, removeAll } from "./removal.ts";
import { readProgress, writeProgress } from "./retention-progress.ts";
import {
  bucketStart,
  isSurplusIn,
  snapshotsToThin,
  type ThinningRange,
  timeWindows,
} from "./snapshot-thinning.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const ROWS_PER_MS = 25;

export const thinJob: MaintenanceJob = {
  name: "thin",
  description: "leave one snapshot an hour, later one a day, and one limit sample an hour",

  async estimate(store, options) {
    const { connection } = store;
    const sum = { rows: 0, bytes: 0 };
    let from = 0;
    for (const level of levelsOf(store, trustedNow(store, options.trustClock === true))) {
      if (level.table !== "usage_snapshots") {
        sum.rows += countAll(level.removal({ ...level, fromMs: 0 }));
        continue;
      }
      const range = { ...level, fromMs: Math.max(from, startOf(connection, level)) };
      from = level.toMs;
      const count = connection.prepare(
        `SELECT count(*), coalesce(sum(octet_length(snapshot_data)), 0)
         FROM usage_snapshots
         WHERE timestamp >= ? AND timestamp < ? AND ${isSurplusIn(level.bucketMs)}`,
        "thin snapshots",
      );
      for (const window of timeWindows(connection, range)) {
        const [[rows, bytes] = []] = count.values(window.fromMs, window.toMs);
        sum.rows += Number(rows);
        sum.bytes += Number(bytes);
        await Bun.sleep(0);
      }
    }
    return {
      ...sum,
      expectedMs: Math.ceil(sum.rows / ROWS_PER_MS),
      staysAnswerable:
        "The last snapshot of every hour or day of each session; how many there were on each day; learned limits.",
    };
  },

  async run({ store, pace, options, progress }) {
    const { connection } = store;
    const now = trustedNow(store, options.trustClock === true);
    await pace.write(() => noteClock(store, options.trustClock === true), "note the clock");
    const detail: Record<string, number> = { snapshots: 0, limitSamples: 0 };
    const sum = { rows: 0, bytes: 0 };
    let from = 0;
    for (const level of levelsOf(store, now)) {
      const isOfSnapshots = level.table === "usage_snapshots";
      const fromMs = Math.max(isOfSnapshots ? from : 0, startOf(connection, level));
      if (isOfSnapshots) from = level.toMs;
      if (fromMs >= level.toMs) continue;
      let lastId = newestId(connection, level.table);
      const removal = level.removal({ ...level, fromMs });
      // Ids that become free are given to new rows, which nobody has looked at.
      const remove: Removal["remove"] = (ids) => {
        const chunk = removal.remove(ids);
        lastId = Math.min(lastId, newestId(connection, level.table));
        return chunk;
      };
      const removed = await removeAll({ ...removal, remove }, pace, ({ rows }) => {
        sum.rows += rows;
        detail[isOfSnapshots ? "snapshots" : "limitSamples"]! += rows;
        progress(sum.rows, null);
      });
      sum.bytes += removed.bytes;
      if (!removed.isComplete) return { outcome: "partial", ...sum, detail };
      await pace.write(
        () => writeProgress(connection, level.rule, { untilAt: level.toMs, lastId }),
        "write progress",
      );
    }
    return { outcome: "done", ...sum, detail };
  },
};

interface Level extends Omit<ThinningRange, "fromMs"> {
  /** Under which its progress is kept. */
  readonly rule: string;
  readonly table: "usage_snapshots" | "usage_limit_samples";
  readonly removal: (range: ThinningRange) => Removal;
}

/**
 * Coarse before fine, so that nothing is thinned twice. A unit that reaches into the window is thinned up to there, with
 * what lies inside as its last: so a run every minute has a minute's rows to delete, and not an hour's at once.
 */
function levelsOf({ connection, retention }: UsageStore, now: number): Level[] {
  const level = (
    afterMs: number | null,
    {
      rule,
      table,
      bucketMs,
      stepMs,
    }: Omit<Level, "toMs" | "removal"> & { readonly stepMs: number },
  ): Level[] => {
    if (afterMs === null) return [];
    const removal = (range: ThinningRange): Removal =>
      table === "usage_snapshots"
        ? snapshotsToThin(connection, range)
        : limitSamplesToThin(connection, range);
    const toMs = bucketStart(Math.max(0, now - afterMs), stepMs);
    return [{ rule, table, bucketMs, toMs, removal }];
  };
  const snapshots = "usage_snapshots" as const;
  const samples = "usage_limit_samples" as const;
  const dailyAfterMs = retention.get("snapshots", "daily_after_ms");
  return [
    ...level(dailyAfterMs, {
      rule: "snapshots.daily",
      table: snapshots,
      bucketMs: DAY_MS,
      stepMs: HOUR_MS,
    }),
    // What is older than the days' border it leaves to them, so with another one it has to look again.
    ...level(retention.get("snapshots", "hourly_after_ms"), {
      rule: `snapshots.hourly.${dailyAfterMs ?? "all"}`,
      table: snapshots,
      bucketMs: HOUR_MS,
      stepMs: MINUTE_MS,
    }),
    ...level(retention.get("limit_samples", "hourly_after_ms"), {
      rule: "limit_samples.hourly",
      table: samples,
      bucketMs: HOUR_MS,
      stepMs: HOUR_MS,
    }),
  ];
}

/**
 * Where a level has to begin: with the unit that it came to, whose last may be another now, or with that of a row that is
 * older and was stored since.
 */
function startOf(connection: Connection, { rule, table, bucketMs, toMs }: Level): number {
  const { untilAt, lastId } = readProgress(connection, rule);
  if (untilAt === 0 || untilAt >= toMs) return untilAt;
  // Ids start over when a table was emptied: then nothing is known of its rows.
  if (newestId(connection, table) < lastId) return 0;
  const at = table === "usage_snapshots" ? "timestamp" : "observed_at";
  const [[late] = []] = connection
    .prepare(`SELECT min(${at}) FROM ${table} WHERE id > ? AND +${at} < ?`, "thin snapshots")
    .values(lastId, untilAt);
  return bucketStart(late === null || late === undefined ? untilAt : Number(late), bucketMs);
}

function newestId(connection: Connection, table: Level["table"]): number {
  const sql = `SELECT coalesce(max(id), 0) FROM ${table}`;
  return Number(connection.prepare(sql, "thin snapshots").values()[0]?.[0]);
}

/** Few enough to be asked for at once. */
function countAll(removal: Removal): number {
  return removal.next(Number.MAX_SAFE_INTEGER)?.length ?? 0;
}
