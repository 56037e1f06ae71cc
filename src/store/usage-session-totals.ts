/** Tokens by session, project, model and agent, kept in step with the messages by differences, like the hours. */
import type { Connection, Prepared } from "../engine/sqlite/connection.ts";
import type { PriceBook } from "./prices.ts";
import { type Repricing, repricedSums } from "./repricing.ts";
import {
  type ChangedSum,
  changedSum,
  COUNTED_COLUMNS,
  type CountedRow,
  type KeptSum,
  type Recount,
  recountOf,
  type SessionKey,
  type UsageChanges,
} from "./usage-changes.ts";
import type { UsageNames } from "./usage-names.ts";

export interface UsageSessionTotal extends ChangedSum {
  readonly session_id: string;
  readonly project: string;
  readonly model: string;
  readonly agent: string;
}

const SUM_COLUMNS = [
  "message_count",
  "input_tokens",
  "output_tokens",
  "cache_write_5m_tokens",
  "cache_write_1h_tokens",
  "cache_read_tokens",
  "reported_cost_usd",
  "cost_picousd",
  "unpriced_count",
  "first_at",
  "last_at",
] as const satisfies readonly (keyof ChangedSum)[];

/** Of the table, which has numbers for names. */
export const USAGE_SESSION_TOTAL_COLUMNS = [
  "session_name_id",
  "project_name_id",
  "model_name_id",
  "agent_name_id",
  ...SUM_COLUMNS,
] as const;

const NAME_COLUMNS = USAGE_SESSION_TOTAL_COLUMNS.slice(0, 4);
const KEY = NAME_COLUMNS.map((column) => `${column} = ?`).join(" AND ");
const NAME = "(SELECT name_id FROM usage_names WHERE name = ?)";
const NAMED_KEY = NAME_COLUMNS.map((column) => `${column} = ${NAME}`).join(" AND ");

const TOTALS = `session.name AS session_id, project.name AS project, model.name AS model, agent.name AS agent,
  t.message_count, t.input_tokens, t.output_tokens, t.cache_write_5m_tokens, t.cache_write_1h_tokens,
  t.cache_read_tokens, t.reported_cost_usd, t.cost_picousd, t.unpriced_count, t.first_at, t.last_at`;

const NAMES = `CROSS JOIN usage_names AS session ON session.name_id = t.session_name_id
  CROSS JOIN usage_names AS project ON project.name_id = t.project_name_id
  CROSS JOIN usage_names AS model ON model.name_id = t.model_name_id
  CROSS JOIN usage_names AS agent ON agent.name_id = t.agent_name_id`;

export class UsageSessionTotalStore {
  readonly #connection: Connection;
  readonly #get: Prepared<KeptSum>;
  readonly #put: Prepared;
  readonly #delete: Prepared;
  readonly #messages: Prepared<CountedRow>;
  readonly #priced: Prepared<KeptSum>;
  readonly #price: Prepared;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#get = connection.prepare<KeptSum>(
      `SELECT ${SUM_COLUMNS.join(", ")} FROM usage_session_totals WHERE ${KEY}`,
      "read a session's total",
    );
    this.#put = connection.prepare(
      `INSERT OR REPLACE INTO usage_session_totals (${USAGE_SESSION_TOTAL_COLUMNS.join(", ")})
       VALUES (${USAGE_SESSION_TOTAL_COLUMNS.map(() => "?").join(", ")})`,
      "store a session's total",
    );
    this.#delete = connection.prepare(
      `DELETE FROM usage_session_totals WHERE ${KEY}`,
      "store a session's total",
    );
    this.#messages = connection.prepare(
      `SELECT ${COUNTED_COLUMNS}
       FROM usage_message_rows
       WHERE ${KEY}`,
      "read messages",
    );
    this.#priced = connection.prepare<KeptSum>(
      `SELECT ${SUM_COLUMNS.join(", ")} FROM usage_session_totals WHERE ${NAMED_KEY}`,
      "read a session's total",
    );
    this.#price = connection.prepare(
      `UPDATE usage_session_totals SET cost_picousd = ?, unpriced_count = ? WHERE ${NAMED_KEY}`,
      "store a session's total",
    );
  }

  /** Applies collected differences; call inside the transaction that writes the messages, after it wrote them. */
  apply(changes: UsageChanges, names: UsageNames): void {
    for (const { key, change } of changes.sessions) {
      const ids = key.map((name) => names.idOf(name));
      const recount = (): Recount => this.#recount(ids, key, changes.book);
      const sum = changedSum(this.#get.get(...ids), change, recount);
      if (sum === null) this.#delete.run(...ids);
      else this.#put.run(...ids, ...SUM_COLUMNS.map((name) => sum[name]));
    }
  }

  #recount(ids: readonly number[], [, , model]: SessionKey, book: PriceBook): Recount {
    return recountOf(this.#messages.all(...ids), model, book);
  }

  /** Those whose messages all lie in [fromMs, toMs), in no order. */
  within(fromMs: number, toMs: number): UsageSessionTotal[] {
    return this.#connection
      .prepare<UsageSessionTotal>(
        `SELECT ${TOTALS}
         FROM usage_session_totals AS t
         ${NAMES}
         WHERE t.first_at >= ? AND t.last_at < ?`,
        "read session totals",
      )
      .all(fromMs, toMs);
  }

  /** Those of one session, in no order. */
  ofSession(sessionId: string): UsageSessionTotal[] {
    return this.#connection
      .prepare<UsageSessionTotal>(
        `SELECT ${TOTALS}
         FROM usage_session_totals AS t
         ${NAMES}
         WHERE t.session_name_id = ${NAME}`,
        "read session totals",
      )
      .all(sessionId);
  }

  /** Prices totals anew, from the messages themselves; call inside the transaction that changed the prices. */
  reprice(repricing: Repricing): void {
    const priced = repricedSums(this.#connection, repricing, {
      unit: "session_id",
      keyOf: ({ session_id, project, model, agent }): SessionKey => [
        session_id ?? "",
        project ?? "",
        model,
        agent ?? "",
      ],
      sumOf: (key) => this.#priced.get(...key),
    });
    for (const { key, cost, unpricedCount } of priced) this.#price.run(cost, unpricedCount, ...key);
  }
}
