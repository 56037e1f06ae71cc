/** Snapshots written and read by hand, on usagedb's own table. */
import type { Database } from "bun:sqlite";

export interface RawSnapshot {
  readonly session_id: string;
  readonly snapshot_data: unknown;
  readonly snapshot_type: "stats";
  readonly timestamp: number;
}

export interface RawSnapshots {
  readonly insert: (snapshot: RawSnapshot) => void;
  readonly insertMany: (snapshots: readonly RawSnapshot[]) => void;
}

export function rawSnapshots(database: Database): RawSnapshots {
  const statement = database.prepare(
    "INSERT INTO usage_snapshots (session_id, snapshot_data, snapshot_type, timestamp) VALUES (?, ?, ?, ?)",
  );
  const insert = ({ session_id, snapshot_data, snapshot_type, timestamp }: RawSnapshot): void => {
    statement.run(session_id, JSON.stringify(snapshot_data), snapshot_type, timestamp);
  };
  return {
    insert,
    insertMany: database.transaction((snapshots: readonly RawSnapshot[]) => {
      for (const snapshot of snapshots) insert(snapshot);
    }).immediate,
  };
}

/** The newest rows of a session by the composite index. */
export function rawLatest(database: Database, limit: number): (sessionId: string) => unknown[] {
  const statement = database.prepare(
    `SELECT id, session_id, snapshot_data, snapshot_type, timestamp
     FROM usage_snapshots
     WHERE session_id = ?
     ORDER BY timestamp DESC, id DESC
     LIMIT ${limit}`,
  );
  return (sessionId) => statement.all(sessionId);
}
