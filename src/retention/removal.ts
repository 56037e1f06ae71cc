/** Removing rows chunk by chunk beside others: what every job that deletes has in common. */
import type { Connection } from "../engine/sqlite/connection.ts";
import type { Removed } from "./fold-rows.ts";
import type { Pace } from "./pace.ts";

const MAX_VAIN_CHUNKS = 3;

export interface Removal {
  /** As the words after "Cannot" in an error. */
  readonly action: string;
  /**
   * The ids of the next rows to go, at most `limit`; empty when more has to be looked at first, null when there are
   * none. Asked outside of the lock.
   */
  next(limit: number): readonly number[] | null;
  /** Folds and deletes what still is to go of these rows; called with the lock held. */
  remove(ids: readonly number[]): Removed;
}

export interface Removing {
  readonly rows: number;
  readonly bytes: number;
  /** False when time ran out. */
  readonly isComplete: boolean;
}

/**
 * Removes everything that a removal names, leaving the event loop and the lock free in between.
 * @throws {OperationError} CANCELLED, FOLD_MISMATCH or DATABASE_BUSY; chunks that were committed stay removed.
 */
export async function removeAll(
  removal: Removal,
  pace: Pace,
  onRemoved: (removed: Removed) => void = () => undefined,
): Promise<Removing> {
  const sum = { rows: 0, bytes: 0 };
  let vain = 0;
  for (;;) {
    const ids = removal.next(pace.chunkRows);
    if (ids === null) return { ...sum, isComplete: true };
    if (ids.length === 0) {
      pace.refuseCancelled();
      if (pace.remainingMs === 0) return { ...sum, isComplete: false };
      await Bun.sleep(0);
      continue;
    }
    const removed = await pace.write(() => removal.remove(ids), removal.action);
    sum.rows += removed.rows;
    sum.bytes += removed.bytes;
    onRemoved(removed);
    // Somebody else changes the rows as fast as they are chosen: the next run may be luckier.
    vain = removed.rows === 0 ? vain + 1 : 0;
    if (vain > MAX_VAIN_CHUNKS || !(await pace.after())) return { ...sum, isComplete: false };
  }
}

/** The same without promises; blocks the thread while it waits and in its pauses. */
export function removeAllSync(
  removal: Removal,
  pace: Pace,
  onRemoved: (removed: Removed) => void,
): void {
  for (let ids = removal.next(pace.chunkRows); ids !== null; ids = removal.next(pace.chunkRows)) {
    const chosen = ids;
    onRemoved(pace.writeSync(() => removal.remove(chosen), removal.action));
    pace.afterSync();
  }
}

/** Rows that meet a condition, in the order of an index: found again from the start after each chunk. */
export function removalWhere(
  connection: Connection,
  {
    table,
    condition,
    values,
    order,
    action,
    remove,
  }: {
    readonly table: string;
    readonly condition: string;
    readonly values: readonly number[];
    readonly order: string;
    readonly action: string;
    readonly remove: (ids: readonly number[]) => Removed;
  },
): Removal {
  const find = connection.prepare(
    `SELECT id FROM ${table} WHERE ${condition} ORDER BY ${order} LIMIT ?${values.length + 2}`,
    action,
  );
  return {
    action,
    next: (limit) => {
      // ?1 stands for the ids in a guard with the same condition.
      const ids = find.values(null, ...values, limit).map(([id]) => Number(id));
      return ids.length === 0 ? null : ids.sort((a, b) => a - b);
    },
    remove,
  };
}
