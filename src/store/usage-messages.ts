/** Messages: the ledger of tokens, one row a model response, and the one dedupe rule that every report shares. */
import type { Connection, Prepared } from "../engine/sqlite/connection.ts";
import type { FoldedMessages } from "./folded-messages.ts";
import { isBetter, mergeInto, outranks } from "./message-rule.ts";
import type { PriceStore } from "./prices.ts";
import { StandingMessages } from "./standing-messages.ts";
import { UsageNames } from "./usage-names.ts";
import type { TokenCounts } from "./token-counts.ts";
import { UsageChanges } from "./usage-changes.ts";
import type { UsageRollupStore } from "./usage-rollups.ts";
import type { UsageSessionTotalStore } from "./usage-session-totals.ts";

export interface UsageMessage extends TokenCounts {
  readonly id: number;
  readonly agent: string;
  readonly message_id: string;
  /** Empty where the agent gave none. */
  readonly request_id: string;
  readonly session_id: string;
  readonly project: string;
  readonly model: string;
  /** The machine it was read on; null means this one. */
  readonly host: string | null;
  /** Epoch milliseconds. */
  readonly timestamp: number;
  readonly is_sidechain: 0 | 1;
  /** What the agent itself said it cost; tokens are the facts. */
  readonly reported_cost_usd: number | null;
  readonly source_id: number | null;
  /** Byte offset of the line in its source. */
  readonly source_offset: number | null;
}

export type NewUsageMessage = Omit<UsageMessage, "id" | "host"> & { readonly host?: string | null };

export const USAGE_MESSAGE_COLUMNS = [
  "id",
  "agent",
  "message_id",
  "request_id",
  "session_id",
  "project",
  "model",
  "host",
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

/** What is kept in step with messages, and what tells their cost. */
export interface UsageMessageStores {
  readonly rollups: UsageRollupStore;
  readonly sessionTotals: UsageSessionTotalStore;
  readonly prices: PriceStore;
}

const COLUMNS = USAGE_MESSAGE_COLUMNS.join(", ");

const SESSION_NAME_ID = "(SELECT name_id FROM usage_names WHERE name = ?)";

export class UsageMessageStore {
  readonly #connection: Connection;
  readonly #rollups: UsageRollupStore;
  readonly #totals: UsageSessionTotalStore;
  readonly #prices: PriceStore;
  readonly #birth: Prepared;

  constructor(connection: Connection, { rollups, sessionTotals, prices }: UsageMessageStores) {
    this.#connection = connection;
    this.#rollups = rollups;
    this.#totals = sessionTotals;
    this.#prices = prices;
    this.#birth = connection.prepare(
      "SELECT born_at FROM sessions WHERE session_id = ?",
      "read a session",
    );
  }

  /**
   * Records messages, their hours and their sessions' totals in one transaction.
   *
   * The rule, independent of order and safe to repeat: one row a (message_id, request_id); the main chain beats a
   * sidechain, then the larger total, then the earlier time. A line whose message stands there under another
   * request does not count when it is a sidechain's copy of the main chain, or names no request where the other
   * does. The session is the one that had it first: whose transcript was made first, where both have one. What was
   * folded away is settled: no line of it is counted again.
   */
  record(messages: readonly NewUsageMessage[]): RecordOutcome {
    return this.recordMoving(messages).outcome;
  }

  /** Records as `record` does, and tells which sessions messages were taken from by one that had them before. */
  recordMoving(messages: readonly NewUsageMessage[]): {
    readonly outcome: RecordOutcome;
    readonly movedFrom: ReadonlySet<string>;
  } {
    return this.#connection.transaction(() => {
      const names = new UsageNames(this.#connection);
      const run: RecordRun = {
        standing: new StandingMessages(this.#connection, names),
        births: new Map(),
        movedFrom: new Set(),
        folded: foldedMessages(this.#connection),
      };
      run.standing.load(messages);
      const outcome = { inserted: 0, updated: 0, unchanged: 0, replays: 0 };
      for (const message of messages) outcome[this.#recordOne(message, run)]++;
      const changes = new UsageChanges(this.#prices.book());
      run.standing.store(changes);
      this.#rollups.apply(changes);
      this.#totals.apply(changes, names);
      return { outcome, movedFrom: run.movedFrom };
    }, "record messages");
  }

  #recordOne(
    message: NewUsageMessage,
    { standing, births, movedFrom, folded }: RecordRun,
  ): keyof RecordOutcome {
    const others = standing.of(message);
    for (const other of others) if (outranks(other.now, message)) return "replays";
    const known = others.find(({ now }) => now.request_id === message.request_id);
    if (known === undefined && folded?.settles(message) === true) return "unchanged";
    for (const other of others) {
      if (other !== known && outranks(message, other.now)) standing.remove(other);
    }
    if (known === undefined) {
      standing.add(message);
      return "inserted";
    }
    const { now } = known;
    const isSameChain = now.is_sidechain === message.is_sidechain;
    const isMoved =
      now.session_id !== message.session_id &&
      // A sidechain's copy says nothing of where the main chain's line was first.
      (isSameChain
        ? this.#hadItFirst(message.session_id, now.session_id, births)
        : message.is_sidechain === 0);
    const isReplaced = isBetter(message, now);
    if (!isReplaced && !isMoved) return "unchanged";
    if (isMoved) movedFrom.add(now.session_id);
    const { session_id, project } = isMoved ? message : now;
    // The lines of one response come close together; that the last of them says most is nothing new.
    const isSameStory = known.isTouched && isSameChain && session_id === now.session_id;
    standing.replace(known, {
      ...(isReplaced ? mergeInto(now, message) : now),
      session_id,
      project,
    });
    return isSameStory ? "unchanged" : "updated";
  }

  /**
   * True when the first session's transcript was made before the other's: a resumed session copies lines of an
   * older one, and which of them is read first is chance. Of sessions without transcripts the known one stays.
   */
  #hadItFirst(session: string, other: string, births: RecordRun["births"]): boolean {
    const bornAt = (id: string): number => {
      let at = births.get(id);
      if (at === undefined) {
        at = (this.#birth.values(id)[0]?.[0] as number | null | undefined) ?? Infinity;
        births.set(id, at);
      }
      return at;
    };
    const [own, others] = [bornAt(session), bornAt(other)];
    if (own !== others) return own < others;
    return own !== Infinity && session < other;
  }

  /** Messages of a session by time. */
  bySession(sessionId: string): UsageMessage[] {
    return this.#connection
      .prepare<UsageMessage>(
        `SELECT ${COLUMNS}
         FROM usage_messages
         WHERE id IN (SELECT id FROM usage_message_rows WHERE session_name_id = ${SESSION_NAME_ID})
         ORDER BY timestamp, id`,
        "read messages",
      )
      .all(sessionId);
  }

  /** What stands for an id, whatever the agent and the request; empty when nothing does. */
  byMessageId(messageId: string): UsageMessage[] {
    return this.#connection
      .prepare<UsageMessage>(
        `SELECT ${COLUMNS}
         FROM usage_messages
         WHERE id IN (SELECT id FROM usage_message_rows WHERE message_id = ?)
         ORDER BY id`,
        "read messages",
      )
      .all(messageId);
  }

  count(): number {
    return Number(
      this.#connection
        .prepare("SELECT count(*) AS count FROM usage_message_rows", "read messages")
        .get()?.["count"],
    );
  }
}

interface RecordRun {
  readonly standing: StandingMessages;
  /** When the transcripts of sessions were made, as far as it was asked. */
  readonly births: Map<string, number>;
  readonly movedFrom: Set<string>;
  /** Null while no message was ever folded. */
  readonly folded: FoldedMessages | null;
}

function foldedMessages(connection: Connection): FoldedMessages | null {
  const { FoldedMessages, hasFoldedMessages } =
    require("./folded-messages.ts") as typeof import("./folded-messages.ts");
  return hasFoldedMessages(connection) ? new FoldedMessages(connection) : null;
}
