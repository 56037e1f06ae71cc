/** Sessions: the parent rows of everything an agent did. */
import type { Connection, Prepared } from "../engine/sqlite/connection.ts";
import { checkInteger, checkKeys, checkNonEmpty, checkText, checkTimestamp } from "./checks.ts";

export const SESSION_COLUMNS = [
  "session_id",
  "agent",
  "project",
  "started_at",
  "last_seen_at",
  "created_at",
  "updated_at",
  "born_at",
] as const;

export interface Session {
  readonly session_id: string;
  readonly agent: string | null;
  readonly project: string | null;
  /** Epoch milliseconds of the first and last thing known of it. */
  readonly started_at: number | null;
  readonly last_seen_at: number | null;
  /** Epoch milliseconds of the row itself. */
  readonly created_at: number;
  readonly updated_at: number;
  /** Epoch milliseconds: when its transcript was made, the earliest known; null where there was none. */
  readonly born_at: number | null;
}

export interface SessionUpdate {
  readonly session_id: string;
  readonly agent?: string | null;
  readonly project?: string | null;
  readonly started_at?: number | null;
  readonly last_seen_at?: number | null;
  readonly born_at?: number | null;
}

const UPDATE_KEYS = [...SESSION_COLUMNS.slice(0, 5), "born_at"];
const COLUMNS = SESSION_COLUMNS.join(", ");
/** Files may be dated 1970; what they are dated is only compared. */
const MAX_FILE_TIME = 253_402_300_799_999;

export class SessionStore {
  readonly #connection: Connection;
  readonly #now: () => number;
  readonly #upsert: Prepared;
  readonly #ensure: Prepared;
  readonly #get: Prepared<Session>;

  constructor(connection: Connection, now: () => number) {
    this.#connection = connection;
    this.#now = now;
    // Times only widen and known facts stay, so that the order of updates does not matter.
    this.#upsert = connection.prepare(
      `INSERT INTO sessions (session_id, agent, project, started_at, last_seen_at, created_at, updated_at, born_at)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7)
       ON CONFLICT (session_id) DO UPDATE SET
         agent = coalesce(agent, excluded.agent),
         project = coalesce(project, excluded.project),
         started_at = min(coalesce(started_at, excluded.started_at), coalesce(excluded.started_at, started_at)),
         last_seen_at = max(coalesce(last_seen_at, excluded.last_seen_at), coalesce(excluded.last_seen_at, last_seen_at)),
         updated_at = excluded.updated_at,
         born_at = min(coalesce(born_at, excluded.born_at), coalesce(excluded.born_at, born_at))`,
      "store a session",
    );
    this.#ensure = connection.prepare(
      `INSERT INTO sessions (session_id, created_at, updated_at)
       VALUES (?1, ?2, ?2)
       ON CONFLICT (session_id) DO NOTHING`,
      "store a session",
    );
    this.#get = connection.prepare<Session>(
      `SELECT ${COLUMNS} FROM sessions WHERE session_id = ?`,
      "read a session",
    );
  }

  /**
   * Creates the session or adds to what is known of it: times widen, agent and project stay once they are set.
   * @throws {InputError} VALUE_INVALID.
   */
  upsert(session: SessionUpdate): void {
    checkKeys("sessions.upsert", session, UPDATE_KEYS);
    const text = (field: "agent" | "project"): string | null => {
      const value = session[field] ?? null;
      return value === null ? null : checkText(field, value);
    };
    const born = session.born_at ?? null;
    const at = (field: "started_at" | "last_seen_at"): number | null => {
      const value = session[field] ?? null;
      return value === null ? null : checkTimestamp(field, value);
    };
    this.#upsert.run(
      checkNonEmpty("session_id", session.session_id),
      text("agent"),
      text("project"),
      at("started_at"),
      at("last_seen_at"),
      this.#now(),
      born === null ? null : checkInteger("born_at", born, 0, MAX_FILE_TIME),
    );
  }

  /** Creates the session when it is missing, and leaves it alone otherwise. */
  ensure(sessionId: string): void {
    const now = this.#now();
    this.#ensure.run(sessionId, now);
  }

  get(sessionId: string): Session | null {
    return this.#get.get(sessionId);
  }

  /** The sessions seen last, newest first. */
  recent(limit = 100): Session[] {
    return this.#connection
      .prepare<Session>(
        `SELECT ${COLUMNS} FROM sessions ORDER BY last_seen_at DESC, session_id LIMIT ?`,
        "read sessions",
      )
      .all(checkInteger("limit", limit, 1, 1_000_000));
  }
}
