/** Tokens by UTC hour, project, model and agent, kept in step with the messages by differences. */
import type { Connection, Prepared } from "../engine/sqlite/connection.ts";
import { refuseNameless } from "./nameless-rows.ts";
import type { PriceBook } from "./prices.ts";
import { type Repricing, repricedSums } from "./repricing.ts";
import { HOUR_MS } from "./token-counts.ts";
import {
  changedSum,
  COUNTED_COLUMNS,
  type CountedRow,
  type KeptSum,
  type Recount,
  recountOf,
  type RollupKey,
  type UsageChanges,
} from "./usage-changes.ts";

export interface UsageRollup extends KeptSum {
  /** Epoch milliseconds of the UTC hour's start. */
  readonly hour: number;
  readonly project: string;
  readonly model: string;
  readonly agent: string;
}

export const USAGE_ROLLUP_COLUMNS = [
  "hour",
  "project",
  "model",
  "agent",
  "message_count",
  "input_tokens",
  "output_tokens",
  "cache_write_5m_tokens",
  "cache_write_1h_tokens",
  "cache_read_tokens",
  "reported_cost_usd",
  "cost_picousd",
  "first_at",
  "last_at",
] as const satisfies readonly (keyof UsageRollup)[];

export class UsageRollupStore {
  readonly #connection: Connection;
  readonly #get: Prepared<UsageRollup>;
  readonly #put: Prepared;
  readonly #delete: Prepared;
  readonly #messages: Prepared<CountedRow>;
  readonly #price: Prepared;

  constructor(connection: Connection) {
    this.#connection = connection;
    const key = "hour = ? AND project = ? AND model = ? AND agent = ?";
    const columns = USAGE_ROLLUP_COLUMNS.join(", ");
    this.#get = connection.prepare<UsageRollup>(
      `SELECT ${columns} FROM usage_rollups WHERE ${key}`,
      "read a rollup",
    );
    this.#put = connection.prepare(
      `INSERT OR REPLACE INTO usage_rollups (${columns})
       VALUES (${USAGE_ROLLUP_COLUMNS.map(() => "?").join(", ")})`,
      "store a rollup",
    );
    this.#delete = connection.prepare(`DELETE FROM usage_rollups WHERE ${key}`, "store a rollup");
    this.#messages = connection.prepare(
      `SELECT ${COUNTED_COLUMNS}
       FROM usage_messages
       WHERE timestamp >= ?1 AND timestamp < ?1 + ${HOUR_MS} AND project = ?2 AND model = ?3 AND agent = ?4`,
      "read messages",
    );
    this.#price = connection.prepare(
      `UPDATE usage_rollups SET cost_picousd = ? WHERE ${key}`,
      "store a rollup",
    );
  }

  /** Applies collected differences; call inside the transaction that writes the messages, after it wrote them. */
  apply(changes: UsageChanges): void {
    for (const { key, change } of changes.hours) {
      const sum = changedSum(this.#get.get(...key), change, () => this.#recount(key, changes.book));
      if (sum === null) {
        this.#delete.run(...key);
        continue;
      }
      this.#put.run(
        ...key,
        sum.message_count,
        sum.input_tokens,
        sum.output_tokens,
        sum.cache_write_5m_tokens,
        sum.cache_write_1h_tokens,
        sum.cache_read_tokens,
        sum.reported_cost_usd,
        // A sum without what is not known would pass for the whole.
        sum.unpriced_count === 0 ? sum.cost_picousd : null,
        sum.first_at,
        sum.last_at,
      );
    }
  }

  #recount(key: RollupKey, book: PriceBook): Recount {
    return recountOf(this.#messages.all(...key), key[2], book);
  }

  /** Rollups of hours that start in [fromMs, toMs), by hour, project, model and agent. */
  list(fromMs: number, toMs: number): UsageRollup[] {
    const rows = this.#connection
      .prepare<UsageRollup>(
        `SELECT ${USAGE_ROLLUP_COLUMNS.join(", ")}
         FROM usage_rollups
         WHERE hour >= ? AND hour < ?
         ORDER BY hour, project, model, agent`,
        "read rollups",
      )
      .all(fromMs, toMs);
    refuseNameless(rows, ["project", "model", "agent"]);
    return rows;
  }

  /** Every agent, project or model with usage, by name. */
  names(of: "agent" | "project" | "model"): string[] {
    return this.#connection
      .prepare(`SELECT DISTINCT ${of} FROM usage_rollups ORDER BY 1`, "read rollups")
      .values()
      .map(([name]) => String(name));
  }

  /** Every agent with usage, by name, and when its last message was. */
  agents(): { readonly agent: string; readonly last_at: number }[] {
    return this.#connection
      .prepare<{ readonly agent: string; readonly last_at: number }>(
        `SELECT agent, max(coalesce(last_at, hour)) AS last_at
         FROM usage_rollups
         GROUP BY agent
         ORDER BY agent`,
        "read rollups",
      )
      .all();
  }

  /** Prices hours anew, from the messages themselves; call inside the transaction that changed the prices. */
  reprice(repricing: Repricing): void {
    const priced = repricedSums(this.#connection, repricing, {
      unit: "hour",
      keyOf: ({ hour, project, model, agent }): RollupKey => [
        hour ?? 0,
        project ?? "",
        model,
        agent ?? "",
      ],
      sumOf: (key) => this.#get.get(...key),
    });
    for (const { key, cost, unpricedCount } of priced)
      this.#price.run(unpricedCount === 0 ? cost : null, ...key);
  }
}
