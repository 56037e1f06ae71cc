/** What stands for the messages of a batch: read at once, changed in memory, written once. */
import type { Connection, Prepared } from "../engine/sqlite/connection.ts";
import type { TokenCounts } from "./token-counts.ts";
import type { UsageChanges } from "./usage-changes.ts";
import type { NewUsageMessage, UsageMessage } from "./usage-messages.ts";
import type { UsageNames } from "./usage-names.ts";

export interface StandingMessage {
  /** Null while it has no row. */
  readonly id: number | null;
  /** What its row says; null while it has none. */
  readonly before: NewUsageMessage | null;
  now: NewUsageMessage;
  isTouched: boolean;
  isRemoved: boolean;
}

type Row = TokenCounts &
  Pick<
    UsageMessage,
    | "id"
    | "message_id"
    | "request_id"
    | "timestamp"
    | "is_sidechain"
    | "reported_cost_usd"
    | "source_id"
    | "source_offset"
  > & {
    readonly agent_name_id: number;
    readonly session_name_id: number;
    readonly project_name_id: number;
    readonly model_name_id: number;
  };

/** Ids asked for at once. */
const LOOKUP_IDS = 32;

const READ = `SELECT id, message_id, request_id, agent_name_id, session_name_id, project_name_id, model_name_id,
         timestamp, is_sidechain, input_tokens, output_tokens, cache_write_5m_tokens, cache_write_1h_tokens,
         cache_read_tokens, reported_cost_usd, source_id, source_offset
       FROM usage_message_rows`;

const NONE: readonly StandingMessage[] = [];

export class StandingMessages {
  readonly #names: UsageNames;
  readonly #one: Prepared<Row>;
  readonly #many: Prepared<Row>;
  readonly #insert: Prepared;
  readonly #update: Prepared;
  readonly #delete: Prepared;
  /** By agent and message id. */
  readonly #byId = new Map<string, Map<string, StandingMessage[]>>();
  readonly #touched: StandingMessage[] = [];

  constructor(connection: Connection, names: UsageNames) {
    this.#names = names;
    this.#one = connection.prepare<Row>(
      `${READ}
       WHERE message_id = ?`,
      "read messages",
    );
    this.#many = connection.prepare<Row>(
      `${READ}
       WHERE message_id IN (${Array.from({ length: LOOKUP_IDS }, () => "?").join(", ")})`,
      "read messages",
    );
    this.#insert = connection.prepare(
      `INSERT INTO usage_message_rows (
         message_id, request_id, agent_name_id, session_name_id, project_name_id, model_name_id, host_name_id, timestamp,
         is_sidechain, input_tokens, output_tokens, cache_write_5m_tokens, cache_write_1h_tokens, cache_read_tokens,
         reported_cost_usd, source_id, source_offset
       )
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      "store a message",
    );
    this.#update = connection.prepare(
      `UPDATE usage_message_rows SET
         session_name_id = ?, project_name_id = ?, model_name_id = ?, timestamp = ?, is_sidechain = ?, input_tokens = ?, output_tokens = ?,
         cache_write_5m_tokens = ?, cache_write_1h_tokens = ?, cache_read_tokens = ?, reported_cost_usd = ?,
         source_id = ?, source_offset = ?
       WHERE id = ?`,
      "store a message",
    );
    this.#delete = connection.prepare(
      "DELETE FROM usage_message_rows WHERE id = ?",
      "store a message",
    );
  }

  /** Reads what the database has of the messages' ids; call inside the transaction that stores. */
  load(messages: readonly NewUsageMessage[]): void {
    const ids = [...new Set(messages.map(({ message_id }) => message_id))];
    let at = 0;
    for (; at + LOOKUP_IDS <= ids.length; at += LOOKUP_IDS)
      this.#enter(this.#many.all(...ids.slice(at, at + LOOKUP_IDS)));
    for (; at < ids.length; at++) this.#enter(this.#one.all(ids[at] as string));
  }

  #enter(rows: readonly Row[]): void {
    for (const row of rows) {
      const { id, agent_name_id, session_name_id, project_name_id, model_name_id, ...rest } = row;
      const before = {
        ...rest,
        agent: this.#names.nameOf(agent_name_id),
        session_id: this.#names.nameOf(session_name_id),
        project: this.#names.nameOf(project_name_id),
        model: this.#names.nameOf(model_name_id),
      };
      this.#place({ id, before, now: before, isTouched: false, isRemoved: false });
    }
  }

  #place(standing: StandingMessage): void {
    const { agent, message_id } = standing.now;
    let ofAgent = this.#byId.get(agent);
    if (ofAgent === undefined) {
      ofAgent = new Map();
      this.#byId.set(agent, ofAgent);
    }
    const known = ofAgent.get(message_id);
    if (known === undefined) ofAgent.set(message_id, [standing]);
    else known.push(standing);
  }

  /** What stands for a message's id now, under any request. */
  of({ agent, message_id }: NewUsageMessage): readonly StandingMessage[] {
    const known = this.#byId.get(agent)?.get(message_id);
    if (known === undefined) return NONE;
    return known.some(({ isRemoved }) => isRemoved)
      ? known.filter(({ isRemoved }) => !isRemoved)
      : known;
  }

  add(message: NewUsageMessage): void {
    const standing = { id: null, before: null, now: message, isTouched: true, isRemoved: false };
    this.#place(standing);
    this.#touched.push(standing);
  }

  replace(standing: StandingMessage, message: NewUsageMessage): void {
    standing.now = message;
    this.#touch(standing);
  }

  remove(standing: StandingMessage): void {
    standing.isRemoved = true;
    this.#touch(standing);
  }

  #touch(standing: StandingMessage): void {
    if (!standing.isTouched) this.#touched.push(standing);
    standing.isTouched = true;
  }

  /** Writes what was changed, in the order in which it was first touched, and adds the differences to `changes`. */
  store(changes: UsageChanges): void {
    // What is taken away first makes room for the keys of what comes.
    for (const { id, isRemoved } of this.#touched)
      if (isRemoved && id !== null) this.#delete.run(id);
    for (const { id, before, now, isRemoved } of this.#touched) {
      if (before !== null) changes.add(before, -1);
      if (isRemoved) continue;
      changes.add(now, 1);
      if (id === null) this.#insertOne(now);
      else this.#updateOne(id, now);
    }
  }

  #insertOne(message: NewUsageMessage): void {
    const names = this.#names;
    const { host = null } = message;
    this.#insert.run(
      message.message_id,
      message.request_id,
      names.idOf(message.agent),
      names.idOf(message.session_id),
      names.idOf(message.project),
      names.idOf(message.model),
      host === null ? null : names.idOf(host),
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
  }

  #updateOne(id: number, message: NewUsageMessage): void {
    const names = this.#names;
    this.#update.run(
      names.idOf(message.session_id),
      names.idOf(message.project),
      names.idOf(message.model),
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
      id,
    );
  }
}
