/** Snapshots: what usage looked like at a moment. The hottest write of an embedding agent. */
import { InputError, UsageDbError } from "../errors.ts";
import type { Binding, Connection, Prepared } from "../engine/sqlite/connection.ts";
import {
  checkInteger,
  checkJson,
  checkKeys,
  checkMoment,
  checkNonEmpty,
  checkOneOf,
  checkText,
  checkTimestamp,
} from "./checks.ts";
import { expandText } from "./compacted-text.ts";
import type { SessionStore } from "./sessions.ts";

export const SNAPSHOT_TYPES = ["stats", "config", "session"] as const;
export type SnapshotType = (typeof SNAPSHOT_TYPES)[number];

export interface UsageSnapshot {
  readonly id: number;
  readonly session_id: string;
  /** JSON text. */
  readonly snapshot_data: string;
  readonly snapshot_type: SnapshotType;
  /** Epoch milliseconds. */
  readonly timestamp: number;
}

export const USAGE_SNAPSHOT_COLUMNS = [
  "id",
  "session_id",
  "snapshot_data",
  "snapshot_type",
  "timestamp",
] as const satisfies readonly (keyof UsageSnapshot)[];

export interface NewUsageSnapshot {
  readonly session_id: string;
  /** JSON text, or a value that JSON can hold. */
  readonly snapshot_data: unknown;
  /** `stats` when left out. */
  readonly snapshot_type?: SnapshotType;
  /** Epoch milliseconds; now when left out. */
  readonly timestamp?: number;
}

export interface SnapshotFilter {
  readonly sessionId?: string;
  readonly type?: SnapshotType;
  /** Epoch milliseconds, inclusive. */
  readonly sinceMs?: number;
  /** Epoch milliseconds, exclusive. */
  readonly untilMs?: number;
  /** 1 to 1,000,000; 100 when left out. */
  readonly limit?: number;
}

const NEW_SNAPSHOT_KEYS = USAGE_SNAPSHOT_COLUMNS.slice(1);
/** As they are read: what was compacted is still a frame, which `expand` makes whole. */
const COLUMNS = USAGE_SNAPSHOT_COLUMNS.map((name) =>
  name === "snapshot_data" ? "coalesce(snapshot_data_zstd, snapshot_data) AS snapshot_data" : name,
).join(", ");

type ReadSnapshot = Omit<UsageSnapshot, "snapshot_data"> & {
  readonly snapshot_data: string | Uint8Array;
};

function expand(row: ReadSnapshot): UsageSnapshot {
  const { snapshot_data: data } = row;
  return typeof data === "string"
    ? (row as UsageSnapshot)
    : { ...row, snapshot_data: expandText(data) };
}
const MAX_LIMIT = 1_000_000;
/** Sessions remembered as existing, so that the usual insert is one statement. */
const KNOWN_SESSIONS = 10_000;

export class UsageSnapshotStore {
  readonly #connection: Connection;
  readonly #sessions: SessionStore;
  readonly #now: () => number;
  readonly #insert: Prepared;
  readonly #knownSessions = new Set<string>();

  constructor(connection: Connection, sessions: SessionStore, now: () => number) {
    this.#connection = connection;
    this.#sessions = sessions;
    this.#now = now;
    this.#insert = connection.prepare(
      "INSERT INTO usage_snapshots (session_id, snapshot_data, snapshot_type, timestamp) VALUES (?, ?, ?, ?)",
      "store a snapshot",
    );
  }

  /**
   * Stores one snapshot, creating its session when that is missing; durable when it returns.
   * @throws {InputError} VALUE_INVALID, naming the field and what it may be.
   */
  insert(snapshot: NewUsageSnapshot): UsageSnapshot {
    const row = this.#check(snapshot);
    if (this.#knownSessions.has(row.session_id)) {
      try {
        return { id: this.#write(row), ...row };
      } catch (error) {
        // The session was deleted since, by this process or another one.
        if (!isMissingSession(error)) throw error;
      }
    }
    const id = this.#connection.transaction(() => {
      this.#sessions.ensure(row.session_id);
      return this.#write(row);
    }, "store a snapshot");
    this.#remember(row.session_id);
    return { id, ...row };
  }

  /**
   * Stores many snapshots in one transaction, all or none; returns them in the given order.
   * @throws {InputError} VALUE_INVALID before anything is written.
   */
  insertMany(snapshots: readonly NewUsageSnapshot[]): UsageSnapshot[] {
    const rows = snapshots.map((snapshot) => this.#check(snapshot));
    const write = (isSure: boolean): UsageSnapshot[] =>
      this.#connection.transaction(() => {
        const ensured = new Set<string>();
        return rows.map((row) => {
          const { session_id } = row;
          if (!ensured.has(session_id) && !(isSure && this.#knownSessions.has(session_id)))
            this.#sessions.ensure(session_id);
          ensured.add(session_id);
          return { id: this.#write(row), ...row };
        });
      }, "store snapshots");
    let stored: UsageSnapshot[];
    try {
      stored = write(true);
    } catch (error) {
      if (!isMissingSession(error)) throw error;
      stored = write(false);
    }
    for (const { session_id } of stored) this.#remember(session_id);
    return stored;
  }

  /** Replaces what a snapshot says, and when: for a writer that goes on with what it has just begun. */
  replaceData(id: number, data: unknown): void {
    const text = checkJson("snapshot_data", data);
    this.#connection
      .prepare(
        "UPDATE usage_snapshots SET snapshot_data = ?, snapshot_data_zstd = NULL, timestamp = ? WHERE id = ?",
        "store a snapshot",
      )
      .run(text, this.#now(), id);
  }

  /** Snapshots that match, newest first. */
  list(filter: SnapshotFilter = {}): UsageSnapshot[] {
    checkKeys("snapshots.list", filter, ["sessionId", "type", "sinceMs", "untilMs", "limit"]);
    const limit = checkInteger("limit", filter.limit ?? 100, 1, MAX_LIMIT);
    const conditions: string[] = [];
    const values: Binding[] = [];
    const add = (condition: string, value: Binding | undefined): void => {
      if (value === undefined) return;
      conditions.push(condition);
      values.push(value);
    };
    const { sessionId, type, sinceMs, untilMs } = filter;
    add("session_id = ?", sessionId === undefined ? undefined : checkText("sessionId", sessionId));
    // Nearly all snapshots are of one type: with `+` the session's index is taken, not the type's.
    add(
      sessionId === undefined ? "snapshot_type = ?" : "+snapshot_type = ?",
      type === undefined ? undefined : checkOneOf("type", type, SNAPSHOT_TYPES),
    );
    add("timestamp >= ?", sinceMs === undefined ? undefined : checkMoment("sinceMs", sinceMs));
    add("timestamp < ?", untilMs === undefined ? undefined : checkMoment("untilMs", untilMs));
    const where = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
    return this.#connection
      .prepare<ReadSnapshot>(
        `SELECT ${COLUMNS} FROM usage_snapshots ${where} ORDER BY timestamp DESC, id DESC LIMIT ?`,
        "read snapshots",
      )
      .all(...values, limit)
      .map(expand);
  }

  /** How many stored snapshots say exactly this. */
  countEqual(snapshot: Omit<UsageSnapshot, "id">): number {
    return this.#connection
      .prepare(
        `SELECT coalesce(snapshot_data_zstd, snapshot_data)
         FROM usage_snapshots
         WHERE session_id = ? AND timestamp = ? AND snapshot_type = ?
           AND (snapshot_data = ? OR snapshot_data_zstd IS NOT NULL)`,
        "read snapshots",
      )
      .values(
        snapshot.session_id,
        snapshot.timestamp,
        snapshot.snapshot_type,
        snapshot.snapshot_data,
      )
      .filter(([data]) => expandText(data as string | Uint8Array) === snapshot.snapshot_data)
      .length;
  }

  /** Every snapshot of a session, newest first. */
  listBySession(sessionId: string): UsageSnapshot[] {
    return this.#connection
      .prepare<ReadSnapshot>(
        `SELECT ${COLUMNS} FROM usage_snapshots WHERE session_id = ? ORDER BY timestamp DESC, id DESC`,
        "read snapshots",
      )
      .all(checkText("sessionId", sessionId))
      .map(expand);
  }

  /** The newest snapshot of a type in a session; null when there is none. */
  latest(sessionId: string, type: SnapshotType = "stats"): UsageSnapshot | null {
    return this.list({ sessionId, type, limit: 1 })[0] ?? null;
  }

  /** One snapshot; null when there is none with this id. */
  get(id: number): UsageSnapshot | null {
    const row = this.#connection
      .prepare<ReadSnapshot>(
        `SELECT ${COLUMNS} FROM usage_snapshots WHERE id = ?`,
        "read snapshots",
      )
      .get(checkInteger("id", id, 1, Number.MAX_SAFE_INTEGER));
    return row === null ? null : expand(row);
  }

  /** What was known at a moment: the newest snapshot of a type that is not younger; null when there is none. */
  at(atMs: number, filter: Pick<SnapshotFilter, "sessionId" | "type"> = {}): UsageSnapshot | null {
    checkKeys("snapshots.at", filter, ["sessionId", "type"]);
    const untilMs = checkMoment("atMs", atMs) + 1;
    return this.list({ type: "stats", ...filter, untilMs, limit: 1 })[0] ?? null;
  }

  #check(snapshot: NewUsageSnapshot): Omit<UsageSnapshot, "id"> {
    checkKeys("snapshots.insert", snapshot, NEW_SNAPSHOT_KEYS);
    return {
      session_id: checkNonEmpty("session_id", snapshot.session_id),
      snapshot_data: checkJson("snapshot_data", snapshot.snapshot_data),
      snapshot_type:
        snapshot.snapshot_type === undefined
          ? "stats"
          : checkOneOf("snapshot_type", snapshot.snapshot_type, SNAPSHOT_TYPES),
      timestamp: checkTimestamp("timestamp", snapshot.timestamp ?? this.#now()),
    };
  }

  #write(row: Omit<UsageSnapshot, "id">): number {
    try {
      const { lastInsertRowid } = this.#insert.run(
        row.session_id,
        row.snapshot_data,
        row.snapshot_type,
        row.timestamp,
      );
      return Number(lastInsertRowid);
    } catch (error) {
      throw isMalformedJson(error) ? jsonError(error) : error;
    }
  }

  #remember(sessionId: string): void {
    if (this.#knownSessions.size >= KNOWN_SESSIONS) this.#knownSessions.clear();
    this.#knownSessions.add(sessionId);
  }
}

function isMissingSession(error: unknown): boolean {
  return (
    error instanceof UsageDbError && error.details["sqliteCode"] === "SQLITE_CONSTRAINT_FOREIGNKEY"
  );
}

function isMalformedJson(error: unknown): boolean {
  return error instanceof UsageDbError && /json_valid/.test(error.message);
}

function jsonError(cause: unknown): InputError {
  return new InputError(
    "VALUE_INVALID",
    "Cannot use snapshot_data: it is text that is not JSON, expected JSON text or a value",
    {
      details: { field: "snapshot_data" },
      hint: "Pass JSON.stringify(value), or the value itself.",
      cause,
    },
  );
}
