/** What the agents' makers say of their limits: how much of a window is used, and when it starts anew. */
import type { Connection, Prepared } from "../engine/sqlite/connection.ts";
import { type Forgotten, readForgotten } from "./usage-forgotten.ts";
import {
  checkInteger,
  checkKeys,
  checkNonEmpty,
  checkNumber,
  checkText,
  checkTimestamp,
} from "./checks.ts";

export interface UsageLimitSample {
  readonly id: number;
  readonly agent: string;
  /** `five_hour`, `seven_day`, or whatever the maker calls it. */
  readonly limit_name: string;
  /** The window's length: 300, 10080. */
  readonly window_minutes: number;
  /** 0 to 100; more is seen in the field. */
  readonly used_percent: number;
  /** Epoch milliseconds; null when the maker did not say. */
  readonly resets_at: number | null;
  /** Epoch milliseconds. */
  readonly observed_at: number;
  /** '' where the agent named none. */
  readonly session_id: string;
}

export const USAGE_LIMIT_SAMPLE_COLUMNS = [
  "id",
  "agent",
  "limit_name",
  "window_minutes",
  "used_percent",
  "resets_at",
  "observed_at",
  "session_id",
] as const satisfies readonly (keyof UsageLimitSample)[];

export interface NewUsageLimitSample {
  readonly agent: string;
  readonly limit_name: string;
  readonly window_minutes: number;
  readonly used_percent: number;
  readonly resets_at?: number | null;
  /** Epoch milliseconds; now when left out. */
  readonly observed_at?: number;
  readonly session_id?: string;
}

const NEW_SAMPLE_KEYS = USAGE_LIMIT_SAMPLE_COLUMNS.slice(1);
const COLUMNS = USAGE_LIMIT_SAMPLE_COLUMNS.join(", ");
/** A year; longer windows are a mistake of units. */
const MAX_WINDOW_MINUTES = 527_040;
const MAX_PERCENT = 1_000_000;

export class UsageLimitSampleStore {
  readonly #connection: Connection;
  readonly #now: () => number;
  readonly #insert: Prepared;
  readonly #newestOfSession: Prepared;
  readonly #newest: Prepared<UsageLimitSample>;

  constructor(connection: Connection, now: () => number) {
    this.#connection = connection;
    this.#now = now;
    this.#insert = connection.prepare(
      `INSERT INTO usage_limit_samples (agent, limit_name, window_minutes, used_percent, resets_at, observed_at, session_id)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      "store a limit sample",
    );
    this.#newestOfSession = connection.prepare(
      `SELECT used_percent, resets_at, window_minutes
       FROM usage_limit_samples
       WHERE session_id = ? AND agent = ? AND limit_name = ?
       ORDER BY observed_at DESC, id DESC
       LIMIT 1`,
      "read limit samples",
    );
    this.#newest = connection.prepare<UsageLimitSample>(
      `SELECT ${COLUMNS}
       FROM usage_limit_samples
       WHERE agent = ? AND limit_name = ?
       ORDER BY observed_at DESC, id DESC
       LIMIT 1`,
      "read limit samples",
    );
  }

  /**
   * Stores samples, all or none, and returns how many were new: one that says what the one before it in the same
   * session said is not stored again. Sessions are held apart because an idle one repeats what it heard last, long
   * after another heard better. When nothing is new, no lock is taken. A forgotten session's are stored without its name.
   * @throws {InputError} VALUE_INVALID.
   */
  record(samples: readonly NewUsageLimitSample[]): number {
    const rows = samples.map((sample) => this.#checked(sample));
    if (!rows.some((row) => this.#isNews(row))) return 0;
    return this.#connection.transaction(() => {
      let stored = 0;
      const forgotten = readForgotten(this.#connection);
      for (const sample of rows) {
        if (forgotten?.isBefore(sample.observed_at) === true) continue;
        const row = { ...sample, session_id: nameOf(sample, forgotten) };
        if (!this.#isNews(row)) continue;
        const { agent, limit_name, window_minutes, used_percent, resets_at } = row;
        this.#insert.run(
          agent,
          limit_name,
          window_minutes,
          used_percent,
          resets_at,
          row.observed_at,
          row.session_id,
        );
        stored++;
      }
      return stored;
    }, "store a limit sample");
  }

  /** The newest sample of a limit; null when there is none. */
  newest(agent: string, limitName: string): UsageLimitSample | null {
    return this.#newest.get(agent, limitName);
  }

  /** The samples of a limit observed in [fromMs, toMs), oldest first. */
  list(
    agent: string,
    limitName: string,
    range: { fromMs: number; toMs: number },
  ): UsageLimitSample[] {
    return this.#connection
      .prepare<UsageLimitSample>(
        `SELECT ${COLUMNS}
         FROM usage_limit_samples
         WHERE agent = ? AND limit_name = ? AND observed_at >= ? AND observed_at < ?
         ORDER BY observed_at, id`,
        "read limit samples",
      )
      .all(agent, limitName, range.fromMs, range.toMs);
  }

  #checked(sample: NewUsageLimitSample): Omit<UsageLimitSample, "id"> {
    checkKeys("limitSamples.record", sample, NEW_SAMPLE_KEYS);
    const resetsAt = sample.resets_at ?? null;
    return {
      agent: checkNonEmpty("agent", sample.agent, 100),
      limit_name: checkNonEmpty("limit_name", sample.limit_name, 100),
      window_minutes: checkInteger("window_minutes", sample.window_minutes, 1, MAX_WINDOW_MINUTES),
      used_percent: checkNumber("used_percent", sample.used_percent, 0, MAX_PERCENT),
      resets_at: resetsAt === null ? null : checkTimestamp("resets_at", resetsAt),
      observed_at: checkTimestamp("observed_at", sample.observed_at ?? this.#now()),
      session_id: checkText("session_id", sample.session_id ?? "", 1000),
    };
  }

  #isNews(row: Omit<UsageLimitSample, "id">): boolean {
    const last = this.#newestOfSession.values(row.session_id, row.agent, row.limit_name)[0];
    return (
      last === undefined ||
      last[0] !== row.used_percent ||
      last[1] !== row.resets_at ||
      last[2] !== row.window_minutes
    );
  }
}

/** A limit is the account's, so what a forgotten session hears of it is kept without its name. */
function nameOf(
  { session_id: sessionId, observed_at: timestamp }: Omit<UsageLimitSample, "id">,
  forgotten: Forgotten | null,
): string {
  const isForgotten = forgotten?.has({ sessionId, project: null, timestamp }) === true;
  return isForgotten ? "" : sessionId;
}
