/** Snapshots that go: by age, by space, or because their session has too many. */
import type { Connection } from "../engine/sqlite/connection.ts";
import type { UsageStore } from "../store/usage-store.ts";
import { SNAPSHOT_FOLD } from "./fold-rule.ts";
import { foldRows, type Guard } from "./fold-rows.ts";
import { type Removal, removalWhere } from "./removal.ts";

/**
 * True of a snapshot that is not the newest of its type in its session: that one says what is known, and only age may
 * take it.
 */
export const HAS_LATER = `EXISTS (
  SELECT 1 FROM usage_snapshots AS later
  WHERE later.session_id = usage_snapshots.session_id AND later.snapshot_type = usage_snapshots.snapshot_type
    AND later.timestamp >= usage_snapshots.timestamp
    AND (later.timestamp > usage_snapshots.timestamp OR later.id > usage_snapshots.id))`;

/** How long the search for sessions with too many may hold the thread. */
const SEARCH_MS = 10;

/** @param keepsNewest leaves the newest of each type in each session, however old. */
export function snapshotsBefore(
  { connection }: UsageStore,
  cutoff: number,
  { keepsNewest }: { readonly keepsNewest: boolean },
): Removal {
  const condition = keepsNewest ? `timestamp < ?2 AND ${HAS_LATER}` : "timestamp < ?2";
  const guard: Guard = { condition, values: [cutoff] };
  return removalWhere(connection, {
    table: "usage_snapshots",
    ...guard,
    order: "timestamp",
    action: "prune snapshots",
    remove: (ids) => foldRows(connection, SNAPSHOT_FOLD, { ids, guard }),
  });
}

/** The oldest snapshots of sessions that have more than `maxRows`, save the newest of a type. */
export function snapshotsBeyond(connection: Connection, maxRows: number): Removal {
  const action = "prune snapshots";
  const nextSession = connection.prepare(
    "SELECT min(session_id) FROM usage_snapshots WHERE session_id > ?",
    action,
  );
  const border = connection.prepare(
    `SELECT timestamp, id
     FROM usage_snapshots
     WHERE session_id = ?
     ORDER BY timestamp DESC, id DESC
     LIMIT 1 OFFSET ?`,
    action,
  );
  const surplus = connection.prepare(
    `SELECT id
     FROM usage_snapshots
     WHERE session_id = ?1 AND timestamp <= ?2 AND (timestamp < ?2 OR id <= ?3) AND ${HAS_LATER}
     ORDER BY timestamp
     LIMIT ?4`,
    action,
  );
  let session = "";
  const search = (limit: number): number[] | null => {
    const ids: number[] = [];
    const endsAt = performance.now() + SEARCH_MS;
    while (ids.length < limit && performance.now() < endsAt) {
      const next = nextSession.values(session)[0]?.[0] ?? null;
      if (next === null) return ids.length === 0 ? null : ids;
      const [last] = border.values(next, maxRows);
      const found =
        last === undefined
          ? []
          : surplus
              .values(next, last[0] ?? 0, last[1] ?? 0, limit - ids.length)
              .map(([id]) => Number(id));
      ids.push(...found);
      // A session with more than there was room for is looked at again.
      if (ids.length < limit) session = String(next);
    }
    return ids;
  };
  return {
    action,
    next: (limit) => search(limit)?.sort((a, b) => a - b) ?? null,
    remove: (ids) =>
      foldRows(connection, SNAPSHOT_FOLD, { ids, guard: { condition: HAS_LATER, values: [] } }),
  };
}
