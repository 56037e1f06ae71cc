/**
 * What was added to sums and deleted, or may be one day, by what it is known again: events by their keys, and snapshots of
 * an adopted file, which have none, by all that they say.
 */
import type { Connection } from "../engine/sqlite/connection.ts";
import type { UsageSnapshot } from "./usage-snapshots.ts";
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

/** Remembers a snapshot of an adopted file, which came in or was here: maintenance may thin it away. */
export function rememberAdoptedSnapshot(connection: Connection, snapshot: AdoptedSnapshot): void {
  connection
    .prepare("INSERT OR IGNORE INTO event_fold_keys (event_hash) VALUES (?)", "adopt snapshots")
    .run(snapshotHash(snapshot));
}

/** True when a snapshot was in an adopted file before, whatever maintenance made of it since. */
export function isAdoptedSnapshot(connection: Connection, snapshot: AdoptedSnapshot): boolean {
  return (
    connection
      .prepare("SELECT 1 FROM event_fold_keys WHERE event_hash = ?", "read folded events")
      .values(snapshotHash(snapshot)).length > 0
  );
}

/** True when snapshots of the same day, session and type are in the sums: one that is gone without was deleted by hand. */
export function hasFoldedSnapshots(
  connection: Connection,
  snapshot: Pick<UsageSnapshot, "session_id" | "snapshot_type" | "timestamp">,
): boolean {
  const { session_id, snapshot_type, timestamp } = snapshot;
  return (
    connection
      .prepare(
        "SELECT 1 FROM usage_snapshot_rollups WHERE day = ? AND session_id = ? AND snapshot_type = ?",
        "read folded snapshots",
      )
      .values(timestamp - (timestamp % 86_400_000), session_id, snapshot_type).length > 0
  );
}

export interface AdoptedSnapshot {
  /** A hash of all that it says. */
  readonly content: string;
  /** From 0: how many equal ones stand before it in the file. */
  readonly nth: number;
}

const snapshotHash = ({ content, nth }: AdoptedSnapshot): bigint =>
  stableHash("snapshot", content, String(nth));

const eventHash = (dedupeKey: string): bigint => stableHash("event", dedupeKey);
