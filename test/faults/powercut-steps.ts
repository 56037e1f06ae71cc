/** Steps that are transactions of ours, of every table that an agent writes, and how many of them a database has. */
import type { UsageDb } from "../../src/index.ts";
import type { Connection } from "../../src/engine/sqlite/connection.ts";
import type { Chance } from "../support/fault-rounds.ts";
import { message } from "../support/usage-message.ts";
import { whole } from "./row.ts";

const OLD_MS = 40 * 86_400_000;

/** One step: one transaction, whose rows all carry its number. */
export function takeStep(db: UsageDb, step: number, dice: Chance): void {
  const text = "x".repeat(whole(dice, 6000));
  const session_id = `step-${step}`;
  switch (step % 4) {
    case 0:
      db.messages.record(
        [0, 1, 2].map((part) =>
          message({ message_id: `${session_id}-${part}`, session_id, timestamp: db.now() }),
        ),
      );
      return;
    case 1:
      db.snapshots.insertMany(
        [0, 1].map((part) => ({ session_id, snapshot_data: { step, part, text } })),
      );
      return;
    case 2:
      db.events.insert({
        source_app: "agent",
        session_id,
        hook_event_type: "Stop",
        payload: { step, text },
        dedupe_key: session_id,
      });
      return;
    default:
      // Food for prune: old rows under a session that counts as the step.
      db.snapshots.insertMany([
        { session_id, snapshot_data: { step } },
        { session_id: "old", snapshot_data: { text }, timestamp: db.now() - OLD_MS },
      ]);
  }
}

const ROWS_OF_STEP = [3, 2, 1, 1];

/** How many steps are there; what is wrong when they are not the first ones, each whole. */
export function stepsIn(db: Connection): { readonly steps: number; readonly problems: string[] } {
  const rows = db.readOnce(`
    SELECT CAST(substr(session_id, 6) AS INTEGER) AS step, count(*)
    FROM (
      SELECT session_id FROM usage_snapshots UNION ALL
      SELECT session_id FROM usage_messages UNION ALL
      SELECT session_id FROM events
    )
    WHERE session_id LIKE 'step-%' GROUP BY 1 ORDER BY 1`);
  const problems = rows.flatMap(([step, count], index) => {
    if (step !== index + 1) return [`step ${String(step)} stands where ${index + 1} belongs`];
    const owed = ROWS_OF_STEP[(index + 1) % 4];
    return count === owed ? [] : [`step ${index + 1} has ${String(count)} rows of ${String(owed)}`];
  });
  return { steps: rows.length, problems: problems.slice(0, 3) };
}
