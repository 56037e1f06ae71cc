/** Events that were added to their hour's sums and deleted: by what they are known again. */
import type { Connection } from "../engine/sqlite/connection.ts";
import { stableHash } from "./stable-hash.ts";

/** Remembers an event that is about to be deleted; call inside the transaction that deletes it. */
export function rememberFoldedEvent(connection: Connection, dedupeKey: string): void {
  connection
    .prepare("INSERT OR IGNORE INTO event_fold_keys (event_hash) VALUES (?)", "fold events")
    .run(eventHash(dedupeKey));
}

export function isFoldedEvent(connection: Connection, dedupeKey: string): boolean {
  return (
    connection
      .prepare("SELECT 1 FROM event_fold_keys WHERE event_hash = ?", "read folded events")
      .values(eventHash(dedupeKey)).length > 0
  );
}

const eventHash = (dedupeKey: string): bigint => stableHash("event", dedupeKey);
