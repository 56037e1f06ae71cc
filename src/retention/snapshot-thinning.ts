/** Snapshots that are thinned: of those of one type in one session, the last of each hour or day stays. */
import type { Connection } from "../engine/sqlite/connection.ts";
import { SNAPSHOT_FOLD } from "./fold-rule.ts";
import { foldRows, type Guard } from "./fold-rows.ts";
import type { Removal } from "./removal.ts";

export interface ThinningRange {
  /** The unit of which the last snapshot stays: an hour or a day of UTC, in milliseconds. */
  readonly bucketMs: number;
  /** Epoch milliseconds; only snapshots before `toMs` go. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** Snapshots that are looked at between two answers. */
const WINDOW_ROWS = 1000;

/** True of a snapshot when a later one of its session and type lies in the same unit of time. */
export const isSurplusIn = (bucketMs: number): string => `EXISTS (
  SELECT 1 FROM usage_snapshots AS later
  WHERE later.session_id = usage_snapshots.session_id AND later.snapshot_type = usage_snapshots.snapshot_type
    AND later.timestamp >= usage_snapshots.timestamp
    AND later.timestamp < usage_snapshots.timestamp - usage_snapshots.timestamp % ${bucketMs} + ${bucketMs}
    AND (later.timestamp > usage_snapshots.timestamp OR later.id > usage_snapshots.id))`;

/** The start of the unit that a moment lies in. */
export const bucketStart = (atMs: number, bucketMs: number): number => atMs - (atMs % bucketMs);

/** Steps through the time in windows of a thousand snapshots, so that those that stay are looked at once. */
export function* timeWindows(
  connection: Connection,
  { fromMs, toMs }: ThinningRange,
): Generator<{ readonly fromMs: number; readonly toMs: number }> {
  const border = connection.prepare(
    "SELECT timestamp FROM usage_snapshots WHERE timestamp >= ? AND timestamp < ? ORDER BY timestamp LIMIT 1 OFFSET ?",
    "thin snapshots",
  );
  for (let from = fromMs; from < toMs;) {
    const at = border.values(from, toMs, WINDOW_ROWS)[0]?.[0];
    const to = at === undefined ? toMs : Math.max(Number(at), from + 1);
    yield { fromMs: from, toMs: to };
    from = to;
  }
}

export function snapshotsToThin(connection: Connection, range: ThinningRange): Removal {
  const surplus = isSurplusIn(range.bucketMs);
  const find = connection.prepare(
    `SELECT id
     FROM usage_snapshots
     WHERE timestamp >= ? AND timestamp < ? AND ${surplus}
     ORDER BY timestamp
     LIMIT ?`,
    "thin snapshots",
  );
  const windows = timeWindows(connection, range);
  let window = windows.next();
  const guard: Guard = { condition: `timestamp < ?2 AND ${surplus}`, values: [range.toMs] };
  return {
    action: "thin snapshots",
    next: (limit) => {
      if (window.done === true) return null;
      const ids = find
        .values(window.value.fromMs, window.value.toMs, limit)
        .map(([id]) => Number(id));
      if (ids.length < limit) window = windows.next();
      return ids.sort((a, b) => a - b);
    },
    remove: (ids) => foldRows(connection, SNAPSHOT_FOLD, { ids, guard }),
  };
}
