/** Hook events, as observability servers store them. */
import type { Connection, Prepared } from "../engine/sqlite/connection.ts";
import {
  checkInteger,
  checkJson,
  checkKeys,
  checkNonEmpty,
  checkOneOf,
  checkText,
  checkTimestamp,
} from "./checks.ts";
import { expandText } from "./compacted-text.ts";
import type { SessionStore } from "./sessions.ts";

export interface UsageEvent {
  readonly id: number;
  readonly source_app: string;
  readonly session_id: string;
  readonly hook_event_type: string;
  /** JSON text. */
  readonly payload: string;
  /** JSON text. */
  readonly chat: string | null;
  readonly summary: string | null;
  readonly model_name: string | null;
  /** Epoch milliseconds. */
  readonly timestamp: number;
  /** Two events with one key are the same event. */
  readonly dedupe_key: string | null;
}

export const EVENT_COLUMNS = [
  "id",
  "source_app",
  "session_id",
  "hook_event_type",
  "payload",
  "chat",
  "summary",
  "model_name",
  "timestamp",
  "dedupe_key",
] as const satisfies readonly (keyof UsageEvent)[];

/** A column that is a compacted text when its frame is there; readers get the whole text either way. */
const compacted = (name: "payload" | "chat"): string =>
  `coalesce(${name}_zstd, ${name}) AS ${name}`;

/** The columns as they are read, for rows that `expandEvent` makes whole. */
export const READ_EVENT_COLUMNS = EVENT_COLUMNS.map((name) =>
  name === "payload" || name === "chat" ? compacted(name) : name,
).join(", ");

/** An event as it is read: what was compacted is still a frame. */
export type ReadEvent<Row = UsageEvent> = Omit<Row, "payload" | "chat"> & {
  readonly payload: string | Uint8Array;
  readonly chat: string | Uint8Array | null;
};

/**
 * The same event with its texts.
 * @throws {OperationError} DATABASE_CORRUPT when a frame is not what was written.
 */
export function expandEvent<Row = UsageEvent>(row: ReadEvent<Row>): Row {
  const { payload, chat } = row;
  // Nearly all that is read is young: nothing is copied for it.
  if (typeof payload === "string" && !(chat instanceof Uint8Array)) return row as Row;
  return {
    ...row,
    payload: expandText(payload),
    chat: chat === null ? null : expandText(chat),
  } as Row;
}

export interface NewEvent {
  readonly source_app: string;
  readonly session_id: string;
  readonly hook_event_type: string;
  /** JSON text, or a value that JSON can hold. */
  readonly payload: unknown;
  readonly chat?: unknown;
  readonly summary?: string | null;
  readonly model_name?: string | null;
  /** Epoch milliseconds; now when left out. */
  readonly timestamp?: number;
  readonly dedupe_key?: string | null;
}

/** Maintenance leaves events alone that are younger, whatever the policies say. */
export const YOUNGEST_FOLD_MS = 3_600_000;

const NEW_EVENT_KEYS = EVENT_COLUMNS.slice(1);

export class EventStore {
  readonly #connection: Connection;
  readonly #sessions: SessionStore;
  readonly #now: () => number;
  readonly #insert: Prepared;

  constructor(connection: Connection, sessions: SessionStore, now: () => number) {
    this.#connection = connection;
    this.#sessions = sessions;
    this.#now = now;
    this.#insert = connection.prepare(
      `INSERT INTO events (source_app, session_id, hook_event_type, payload, chat, summary, model_name, timestamp, dedupe_key)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (dedupe_key) WHERE dedupe_key IS NOT NULL DO NOTHING`,
      "store an event",
    );
  }

  /**
   * Stores an event and its session in one transaction; false when an event with its dedupe key exists, or was folded
   * away.
   * @throws {InputError} VALUE_INVALID; CONSTRAINT_VIOLATED for payload text that is not JSON.
   */
  insert(event: NewEvent): boolean {
    checkKeys("events.insert", event, NEW_EVENT_KEYS);
    const sessionId = checkNonEmpty("session_id", event.session_id);
    const optionalText = (field: "summary" | "model_name" | "dedupe_key"): string | null => {
      const value = event[field] ?? null;
      return value === null ? null : checkText(field, value);
    };
    const chat = event.chat ?? null;
    const values = [
      checkNonEmpty("source_app", event.source_app),
      sessionId,
      checkNonEmpty("hook_event_type", event.hook_event_type),
      checkJson("payload", event.payload),
      chat === null ? null : checkJson("chat", chat),
      optionalText("summary"),
      optionalText("model_name"),
      checkTimestamp("timestamp", event.timestamp ?? this.#now()),
      optionalText("dedupe_key"),
    ];
    const dedupeKey = event.dedupe_key ?? null;
    const timestamp = Number(values.at(-2));
    return this.#connection.transaction(() => {
      if (dedupeKey !== null && this.#isFolded(dedupeKey, timestamp)) return false;
      this.#sessions.ensure(sessionId);
      return this.#insert.run(...values).changes > 0;
    }, "store an event");
  }

  /** True for an event that was counted and deleted since. Young ones never are, so they pay nothing. */
  #isFolded(dedupeKey: string, timestamp: number): boolean {
    if (timestamp > this.#now() - YOUNGEST_FOLD_MS) return false;
    const { isFoldedEvent } = require("./folded-events.ts") as typeof import("./folded-events.ts");
    return isFoldedEvent(this.#connection, dedupeKey);
  }

  /**
   * Stores an event whose key names what it says rather than the event itself, unless one with that key stands
   * within `windowMs` of it; false when it does. The stored key carries the time, so what is said again later is
   * stored again, and the same event handed over twice never is.
   * @throws {InputError} VALUE_INVALID; CONSTRAINT_VIOLATED for payload text that is not JSON.
   */
  insertUnlessRepeated(
    event: NewEvent & { readonly dedupe_key: string },
    windowMs: number,
  ): boolean {
    const timestamp = checkTimestamp("timestamp", event.timestamp ?? this.#now());
    const key = checkNonEmpty("dedupe_key", event.dedupe_key);
    return this.#connection.transaction(() => {
      // "@" is followed by "A" in the order of text, so this is every key that is `key` with a time.
      const isRepeated =
        this.#connection
          .prepare(
            `SELECT 1
             FROM events
             WHERE dedupe_key >= ?1 || '@' AND dedupe_key < ?1 || 'A' AND timestamp BETWEEN ?2 AND ?3
             LIMIT 1`,
            "read events",
          )
          .values(key, timestamp - windowMs, timestamp + windowMs).length > 0;
      return !isRepeated && this.insert({ ...event, timestamp, dedupe_key: `${key}@${timestamp}` });
    }, "store an event");
  }

  /** True when an event with this dedupe key is stored, or was counted and folded away. */
  has(dedupeKey: string): boolean {
    const isStored =
      this.#connection
        .prepare("SELECT 1 FROM events WHERE dedupe_key = ?", "read events")
        .values(dedupeKey).length > 0;
    if (isStored) return true;
    const { isFoldedEvent } = require("./folded-events.ts") as typeof import("./folded-events.ts");
    return isFoldedEvent(this.#connection, dedupeKey);
  }

  /** The newest events, newest first. */
  recent(limit = 100): UsageEvent[] {
    return this.#connection
      .prepare<ReadEvent>(
        `SELECT ${READ_EVENT_COLUMNS} FROM events ORDER BY timestamp DESC, id DESC LIMIT ?`,
        "read events",
      )
      .all(checkInteger("limit", limit, 1, 1_000_000))
      .map((row) => expandEvent(row));
  }

  /** Events that were stored after the one with this id, in the order of storing. */
  after(id: number, limit = 1000): UsageEvent[] {
    return this.#connection
      .prepare<ReadEvent>(
        `SELECT ${READ_EVENT_COLUMNS} FROM events WHERE id > ? ORDER BY id LIMIT ?`,
        "read events",
      )
      .all(
        checkInteger("id", id, 0, Number.MAX_SAFE_INTEGER),
        checkInteger("limit", limit, 1, 1_000_000),
      )
      .map((row) => expandEvent(row));
  }

  /** The id of the event stored last; 0 when there is none. */
  newestId(): number {
    return Number(
      this.#connection.prepare("SELECT max(id) FROM events", "read events").values()[0]?.[0] ?? 0,
    );
  }

  /**
   * The different values of a column, descending, found by jumping through its index: the time depends on how many
   * there are, not on how many events.
   */
  distinct(column: "source_app" | "session_id" | "hook_event_type", limit = 1000): string[] {
    const name = checkOneOf("column", column, ["source_app", "session_id", "hook_event_type"]);
    return this.#connection
      .prepare(
        `WITH RECURSIVE found(value) AS (
           SELECT max(${name}) FROM events
           UNION ALL
           SELECT (SELECT max(${name}) FROM events WHERE ${name} < value) FROM found WHERE value IS NOT NULL
         )
         SELECT value FROM found WHERE value IS NOT NULL LIMIT ?`,
        "read events",
      )
      .values(checkInteger("limit", limit, 1, 1_000_000))
      .map(([value]) => String(value));
  }
}
