/** Tokens by UTC hour, project, model and agent, kept in step with the messages by differences. */
import type { Connection, Prepared } from "../engine/sqlite/connection.ts";

export const HOUR_MS = 3_600_000;

/** The counters of a message or of a sum of them. */
export interface TokenCounts {
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly cache_write_5m_tokens: number;
  readonly cache_write_1h_tokens: number;
  readonly cache_read_tokens: number;
}

export interface UsageRollup extends TokenCounts {
  /** Epoch milliseconds of the UTC hour's start. */
  readonly hour: number;
  readonly project: string;
  readonly model: string;
  readonly agent: string;
  readonly message_count: number;
  readonly reported_cost_usd: number | null;
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
] as const satisfies readonly (keyof UsageRollup)[];

/** What one message adds to its hour. */
export interface RollupPart extends TokenCounts {
  readonly timestamp: number;
  readonly project: string;
  readonly model: string;
  readonly agent: string;
  readonly reported_cost_usd: number | null;
}

/** Sums over a model within an hour, or within a part of one. */
export interface ModelUsage extends TokenCounts {
  /** Epoch milliseconds: the hour's start, or where the part asked for begins. */
  readonly at: number;
  readonly model: string;
  readonly message_count: number;
}

interface MutableSum {
  message_count: number;
  input_tokens: number;
  output_tokens: number;
  cache_write_5m_tokens: number;
  cache_write_1h_tokens: number;
  cache_read_tokens: number;
  reported_cost_usd: number | null;
}

/** Collects differences so that a batch writes each hour once. */
export class RollupChanges {
  readonly #sums = new Map<
    string,
    { readonly key: readonly [number, string, string, string]; readonly sum: MutableSum }
  >();

  /** @param sign 1 adds a message to its hour, -1 takes it away. */
  add(part: RollupPart, sign: 1 | -1): void {
    const hour = part.timestamp - (part.timestamp % HOUR_MS);
    const id = `${hour}\0${part.project}\0${part.model}\0${part.agent}`;
    let entry = this.#sums.get(id);
    if (entry === undefined) {
      entry = { key: [hour, part.project, part.model, part.agent], sum: emptySum() };
      this.#sums.set(id, entry);
    }
    const { sum } = entry;
    sum.message_count += sign;
    sum.input_tokens += sign * part.input_tokens;
    sum.output_tokens += sign * part.output_tokens;
    sum.cache_write_5m_tokens += sign * part.cache_write_5m_tokens;
    sum.cache_write_1h_tokens += sign * part.cache_write_1h_tokens;
    sum.cache_read_tokens += sign * part.cache_read_tokens;
    if (part.reported_cost_usd !== null) {
      sum.reported_cost_usd = (sum.reported_cost_usd ?? 0) + sign * part.reported_cost_usd;
    }
  }

  entries(): Iterable<{
    readonly key: readonly [number, string, string, string];
    readonly sum: MutableSum;
  }> {
    return this.#sums.values();
  }
}

function emptySum(): MutableSum {
  return {
    message_count: 0,
    input_tokens: 0,
    output_tokens: 0,
    cache_write_5m_tokens: 0,
    cache_write_1h_tokens: 0,
    cache_read_tokens: 0,
    reported_cost_usd: null,
  };
}

const SUMS = `sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
  sum(cache_write_5m_tokens) AS cache_write_5m_tokens, sum(cache_write_1h_tokens) AS cache_write_1h_tokens,
  sum(cache_read_tokens) AS cache_read_tokens`;

export class UsageRollupStore {
  readonly #connection: Connection;
  readonly #get: Prepared;
  readonly #put: Prepared;
  readonly #delete: Prepared;

  constructor(connection: Connection) {
    this.#connection = connection;
    const key = "hour = ? AND project = ? AND model = ? AND agent = ?";
    this.#get = connection.prepare(
      `SELECT message_count, input_tokens, output_tokens, cache_write_5m_tokens, cache_write_1h_tokens, cache_read_tokens, reported_cost_usd
       FROM usage_rollups WHERE ${key}`,
      "read a rollup",
    );
    this.#put = connection.prepare(
      `INSERT OR REPLACE INTO usage_rollups (${USAGE_ROLLUP_COLUMNS.join(", ")})
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      "store a rollup",
    );
    this.#delete = connection.prepare(`DELETE FROM usage_rollups WHERE ${key}`, "store a rollup");
  }

  /** Applies collected differences; call inside the transaction that writes the messages. */
  apply(changes: RollupChanges): void {
    for (const { key, sum } of changes.entries()) {
      const old = this.#get.values(...key)[0] as (number | null)[] | undefined;
      const count = Number(old?.[0] ?? 0) + sum.message_count;
      if (count === 0) {
        this.#delete.run(...key);
        continue;
      }
      const oldCost = old?.[6] ?? null;
      const cost =
        oldCost === null && sum.reported_cost_usd === null
          ? null
          : (oldCost ?? 0) + (sum.reported_cost_usd ?? 0);
      this.#put.run(
        ...key,
        count,
        Number(old?.[1] ?? 0) + sum.input_tokens,
        Number(old?.[2] ?? 0) + sum.output_tokens,
        Number(old?.[3] ?? 0) + sum.cache_write_5m_tokens,
        Number(old?.[4] ?? 0) + sum.cache_write_1h_tokens,
        Number(old?.[5] ?? 0) + sum.cache_read_tokens,
        cost,
      );
    }
  }

  /** Usage by hour and model, ascending by hour, for hours that start in [fromMs, toMs). */
  byHourAndModel(fromMs: number, toMs: number): ModelUsage[] {
    return this.#connection
      .prepare<ModelUsage>(
        `SELECT hour AS at, model, sum(message_count) AS message_count, ${SUMS}
         FROM usage_rollups
         WHERE hour >= ? AND hour < ?
         GROUP BY hour, model
         ORDER BY hour, model`,
        "read rollups",
      )
      .all(fromMs, toMs);
  }

  /**
   * Usage by model from the messages themselves in [fromMs, toMs), each `at` fromMs: for the hour in which a
   * local day of a zone like India's begins.
   */
  byModelWithin(fromMs: number, toMs: number): ModelUsage[] {
    return this.#connection
      .prepare<ModelUsage>(
        `SELECT ?1 AS at, n.name AS model, count(*) AS message_count, ${SUMS}
         FROM usage_message_rows AS m
         JOIN usage_names AS n ON n.name_id = m.model_name_id
         WHERE timestamp >= ?1 AND timestamp < ?2
         GROUP BY m.model_name_id
         ORDER BY model`,
        "read messages",
      )
      .all(fromMs, toMs);
  }
}
