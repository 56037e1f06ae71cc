/** Events that go: into the sums of their hours, and into the list of what must not be counted again. */
import { rememberFoldedEvent } from "../store/folded-events.ts";
import type { UsageStore } from "../store/usage-store.ts";
import { EVENT_FOLD } from "./fold-rule.ts";
import { foldRows, type Guard } from "./fold-rows.ts";
import { type Removal, removalWhere } from "./removal.ts";

/** Events from before a moment. */
export function eventsBefore({ connection }: UsageStore, cutoff: number): Removal {
  const guard: Guard = { condition: "timestamp < ?2", values: [cutoff] };
  const keys = connection.prepare(
    `SELECT dedupe_key
     FROM events
     WHERE id IN (SELECT value FROM json_each(?1)) AND dedupe_key IS NOT NULL AND ${guard.condition}`,
    "fold events",
  );
  return removalWhere(connection, {
    table: "events",
    ...guard,
    order: "timestamp",
    action: "prune events",
    remove: (ids) => {
      for (const [key] of keys.values(JSON.stringify(ids), ...guard.values))
        rememberFoldedEvent(connection, String(key));
      return foldRows(connection, EVENT_FOLD, { ids, guard });
    },
  });
}
