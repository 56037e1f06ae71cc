/** Messages: the ledger of tokens, one row a model response, and the one dedupe rule that every report shares. */
import type { Connection, Prepared } from "../engine/sqlite/connection.ts";
import {
  RollupChanges,
  type RollupPart,
  type TokenCounts,
  type UsageRollupStore,
} from "./usage-rollups.ts";

export interface UsageMessage extends TokenCounts {
  readonly id: number;
  readonly agent: string;
  readonly message_id: string;
  /** Empty where the agent gave none. */
  readonly request_id: string;
  readonly session_id: string;
  readonly project: string;
  readonly model: string;
  /** Epoch milliseconds. */
  readonly timestamp: number;
  readonly is_sidechain: 0 | 1;
  /** What the agent itself said it cost; tokens are the facts. */
  readonly reported_cost_usd: number | null;
  readonly source_id: number | null;
  /** Byte offset of the line in its source. */
  readonly source_offset: number | null;
}

export type NewUsageMessage = Omit<UsageMessage, "id">;

export const USAGE_MESSAGE_COLUMNS = [
  "id",
  "agent",
  "message_id",
  "request_id",
  "session_id",
  "project",
  "model",
  "timestamp",
  "is_sidechain",
  "input_tokens",
  "output_tokens",
  "cache_write_5m_tokens",
  "cache_write_1h_tokens",
  "cache_read_tokens",
  "reported_cost_usd",
  "source_id",
  "source_offset",
] as const satisfies readonly (keyof UsageMessage)[];

export interface RecordOutcome {
  readonly inserted: number;
  /** Replaced by a line with a larger total, or by one on the main chain. */
  readonly updated: number;
  /** Known already: a copy, or another line of a response that is no larger. */
  readonly unchanged: number;
  /** Copies of a message that stands there under another request. */
  readonly replays: number;
}

export interface SessionModelUsage extends TokenCounts {
  readonly model: string;
  readonly message_count: number;
  readonly first_at: number;
  readonly last_at: number;
}

const COLUMNS = USAGE_MESSAGE_COLUMNS.join(", ");

export class UsageMessageStore {
  readonly #connection: Connection;
  readonly #rollups: UsageRollupStore;
  readonly #siblings: Prepared<UsageMessage>;
  readonly #insert: Prepared;
  readonly #update: Prepared;
  readonly #delete: Prepared;

  constructor(connection: Connection, rollups: UsageRollupStore) {
    this.#connection = connection;
    this.#rollups = rollups;
    this.#siblings = connection.prepare<UsageMessage>(
      `SELECT ${COLUMNS} FROM usage_messages WHERE message_id = ? AND agent = ?`,
      "read messages",
    );
    const columns = USAGE_MESSAGE_COLUMNS.slice(1);
    this.#insert = connection.prepare(
      `INSERT INTO usage_messages (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`,
      "store a message",
    );
    this.#update = connection.prepare(
      `UPDATE usage_messages SET
         model = ?, timestamp = ?, is_sidechain = ?, input_tokens = ?, output_tokens = ?, cache_write_5m_tokens = ?,
         cache_write_1h_tokens = ?, cache_read_tokens = ?, reported_cost_usd = ?, source_id = ?, source_offset = ?
       WHERE id = ?`,
      "store a message",
    );
    this.#delete = connection.prepare("DELETE FROM usage_messages WHERE id = ?", "store a message");
  }

  /**
   * Records messages and their hours in one transaction.
   *
   * The rule, independent of order and safe to repeat: one row a (message_id, request_id); the main chain beats a
   * sidechain, then the larger total, then the earlier time. A line whose message stands there under another
   * request does not count when it is a sidechain's copy of the main chain, or names no request where the other
   * does. The session is the one that had it first.
   */
  record(messages: readonly NewUsageMessage[]): RecordOutcome {
    return this.#connection.transaction(() => {
      const changes = new RollupChanges();
      const outcome = { inserted: 0, updated: 0, unchanged: 0, replays: 0 };
      const merged = mergeLines(messages);
      for (const message of merged) outcome[this.#recordOne(message, changes)]++;
      outcome.unchanged += messages.length - merged.length;
      this.#rollups.apply(changes);
      return outcome;
    }, "record messages");
  }

  #recordOne(message: NewUsageMessage, changes: RollupChanges): keyof RecordOutcome {
    const siblings = this.#siblings.all(message.message_id, message.agent);
    const known = siblings.find(({ request_id }) => request_id === message.request_id);
    if (siblings.some((sibling) => outranks(sibling, message))) return "replays";
    for (const sibling of siblings) {
      if (!outranks(message, sibling)) continue;
      this.#delete.run(sibling.id);
      changes.add(sibling, -1);
    }
    if (known === undefined) {
      this.#insert.run(
        message.agent,
        message.message_id,
        message.request_id,
        message.session_id,
        message.project,
        message.model,
        message.timestamp,
        message.is_sidechain,
        message.input_tokens,
        message.output_tokens,
        message.cache_write_5m_tokens,
        message.cache_write_1h_tokens,
        message.cache_read_tokens,
        message.reported_cost_usd,
        message.source_id,
        message.source_offset,
      );
      changes.add(message, 1);
      return "inserted";
    }
    if (!isBetter(message, known)) return "unchanged";
    const merged: RollupPart = mergeInto(known, message);
    this.#update.run(
      message.model,
      message.timestamp,
      message.is_sidechain,
      message.input_tokens,
      message.output_tokens,
      message.cache_write_5m_tokens,
      message.cache_write_1h_tokens,
      message.cache_read_tokens,
      merged.reported_cost_usd,
      message.source_id,
      message.source_offset,
      known.id,
    );
    changes.add(known, -1);
    changes.add(merged, 1);
    return "updated";
  }

  /** Messages of a session by time. */
  bySession(sessionId: string): UsageMessage[] {
    return this.#connection
      .prepare<UsageMessage>(
        `SELECT ${COLUMNS} FROM usage_messages WHERE session_id = ? ORDER BY timestamp, id`,
        "read messages",
      )
      .all(sessionId);
  }

  /** A session's sums by model, ordered by model. */
  sessionUsage(sessionId: string): SessionModelUsage[] {
    return this.#connection
      .prepare<SessionModelUsage>(
        `SELECT model, count(*) AS message_count, min(timestamp) AS first_at, max(timestamp) AS last_at,
           sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
           sum(cache_write_5m_tokens) AS cache_write_5m_tokens, sum(cache_write_1h_tokens) AS cache_write_1h_tokens,
           sum(cache_read_tokens) AS cache_read_tokens
         FROM usage_messages
         WHERE session_id = ?
         GROUP BY model
         ORDER BY model`,
        "read messages",
      )
      .all(sessionId);
  }

  count(): number {
    return Number(
      this.#connection
        .prepare("SELECT count(*) AS count FROM usage_messages", "read messages")
        .get()?.["count"],
    );
  }
}

interface Claim {
  readonly request_id: string;
  readonly is_sidechain: 0 | 1;
}

/**
 * True when one claim on a message makes another one, under another request, a mere copy. A strict order, so
 * that the claims that are left do not depend on which came first.
 */
function outranks(claim: Claim, other: Claim): boolean {
  if (claim.request_id === other.request_id) return false;
  if (claim.is_sidechain !== other.is_sidechain) return claim.is_sidechain === 0;
  return claim.request_id !== "" && other.request_id === "";
}

/** Joins the lines of one response, so that the database is asked once a response: they come close together. */
function mergeLines(messages: readonly NewUsageMessage[]): NewUsageMessage[] {
  const byKey = new Map<string, NewUsageMessage>();
  for (const message of messages) {
    const key = `${message.message_id}\0${message.request_id}\0${message.agent}`;
    const known = byKey.get(key);
    if (known === undefined) byKey.set(key, message);
    else if (isBetter(message, known)) byKey.set(key, mergeInto(known, message));
  }
  return [...byKey.values()];
}

/** The figures of the better line, with the session and project that had the message first. */
function mergeInto(known: NewUsageMessage, better: NewUsageMessage): NewUsageMessage {
  return {
    ...better,
    session_id: known.session_id,
    project: known.project,
    reported_cost_usd: better.reported_cost_usd ?? known.reported_cost_usd,
  };
}

export function totalTokens(counts: TokenCounts): number {
  return (
    counts.input_tokens +
    counts.output_tokens +
    counts.cache_write_5m_tokens +
    counts.cache_write_1h_tokens +
    counts.cache_read_tokens
  );
}

/** True when `candidate` should stand for the message instead of `known`. */
export function isBetter(
  candidate: TokenCounts & { readonly is_sidechain: 0 | 1; readonly timestamp: number },
  known: TokenCounts & { readonly is_sidechain: 0 | 1; readonly timestamp: number },
): boolean {
  if (candidate.is_sidechain !== known.is_sidechain) return candidate.is_sidechain === 0;
  const difference = totalTokens(candidate) - totalTokens(known);
  return difference !== 0 ? difference > 0 : candidate.timestamp < known.timestamp;
}
