import { describe, expect, it } from "bun:test";
import { SNAPSHOT_FOLD } from "../../src/retention/fold-rule.ts";
import { foldRows } from "../../src/retention/fold-rows.ts";
import { clockedDb, NOON } from "../support/usage-db.ts";

const GUARD = { condition: "timestamp < ?2", values: [NOON + 1] };

describe("foldRows()", () => {
  it("removes the rows with the ids it was given, in a row or with gaps, and those that pass the guard", () => {
    using clocked = clockedDb();
    const { connection, snapshots } = clocked.db;
    for (let at = 0; at < 9; at++)
      snapshots.insert({
        session_id: "s",
        snapshot_data: "{}",
        timestamp: NOON + (at === 6 ? 1 : 0),
      });
    const remove = (...ids: number[]): number =>
      connection.transaction(() => foldRows(connection, SNAPSHOT_FOLD, { ids, guard: GUARD }).rows);
    const left = (): number[] =>
      connection.readOnce("SELECT id FROM usage_snapshots ORDER BY id").map(([id]) => Number(id));
    expect([remove(1, 3), left()]).toEqual([2, [2, 4, 5, 6, 7, 8, 9]]);
    expect([remove(4, 5), left()]).toEqual([2, [2, 6, 7, 8, 9]]);
    expect([remove(6, 7, 8), left()]).toEqual([2, [2, 7, 9]]);
    expect([remove(9), left()]).toEqual([1, [2, 7]]);
  });
});
