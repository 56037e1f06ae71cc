/** Tokens by UTC hour, project, model and agent, kept in step with the messages by differences. */
import type { Connection, Prepared } from "../engine/sqlite/connection.ts";
import { readSlices } from "./message-slices.ts";
import { type PriceBook, requestTokensOf } from "./prices.ts";
import { HOUR_MS, type TokenCounts } from "./token-counts.ts";

export interface UsageRollup extends TokenCounts {
  /** Epoch milliseconds of the UTC hour's start. */
  readonly hour: number;
  readonly project: string;
  readonly model: string;
  readonly agent: string;
  readonly message_count: number;
  readonly reported_cost_usd: number | null;
  /** By the prices of the day, in 1e-12 USD; null where one is not known. */
  readonly cost_picousd: number | null;
  /** Epoch milliseconds of the hour's first and last message. */
  readonly first_at: number | null;
  readonly last_at: number | null;
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

/** What one message adds to its hour. */
export interface RollupPart extends TokenCounts {
  readonly timestamp: number;
  readonly project: string;
  readonly model: string;
  readonly agent: string;
  readonly reported_cost_usd: number | null;
}

interface MutableSum {
  message_count: number;
  input_tokens: number;
  output_tokens: number;
  cache_write_5m_tokens: number;
  cache_write_1h_tokens: number;
  cache_read_tokens: number;
  reported_cost_usd: number | null;
  cost_picousd: number | null;
  first_at: number;
  last_at: number;
  /** True when a message was taken away: its time may have been the first or the last. */
  hasLost: boolean;
}

/** Collects differences so that a batch writes each hour once. */
export class RollupChanges {
  readonly #book: PriceBook;
  readonly #sums = new Map<string, { readonly key: RollupKey; readonly sum: MutableSum }>();

  constructor(book: PriceBook) {
    this.#book = book;
  }

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
    const cost = this.#book.costOf({ ...part, requestTokens: requestTokensOf(part) });
    sum.cost_picousd =
      cost === null || sum.cost_picousd === null ? null : sum.cost_picousd + sign * cost;
    sum.first_at = Math.min(sum.first_at, part.timestamp);
    sum.last_at = Math.max(sum.last_at, part.timestamp);
    if (sign < 0) sum.hasLost = true;
  }

  entries(): Iterable<{
    readonly key: RollupKey;
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
    cost_picousd: 0,
    first_at: Number.MAX_SAFE_INTEGER,
    last_at: 0,
    hasLost: false,
  };
}

export class UsageRollupStore {
  readonly #connection: Connection;
  readonly #get: Prepared<UsageRollup>;
  readonly #put: Prepared;
  readonly #delete: Prepared;
  readonly #edges: Prepared;
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
    this.#edges = connection.prepare(
      `SELECT min(timestamp), max(timestamp)
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
  apply(changes: RollupChanges): void {
    for (const { key, sum } of changes.entries()) {
      const old = this.#get.get(...key);
      const count = (old?.message_count ?? 0) + sum.message_count;
      if (count === 0) {
        this.#delete.run(...key);
        continue;
      }
      const [first, last] = sum.hasLost
        ? (this.#edges.values(...key)[0] ?? [])
        : [
            Math.min(old?.first_at ?? Infinity, sum.first_at),
            Math.max(old?.last_at ?? 0, sum.last_at),
          ];
      this.#put.run(
        ...key,
        count,
        (old?.input_tokens ?? 0) + sum.input_tokens,
        (old?.output_tokens ?? 0) + sum.output_tokens,
        (old?.cache_write_5m_tokens ?? 0) + sum.cache_write_5m_tokens,
        (old?.cache_write_1h_tokens ?? 0) + sum.cache_write_1h_tokens,
        (old?.cache_read_tokens ?? 0) + sum.cache_read_tokens,
        added(old?.reported_cost_usd ?? null, sum.reported_cost_usd),
        pricedSum(old, sum.cost_picousd),
        first ?? null,
        last ?? null,
      );
    }
  }

  /** Rollups of hours that start in [fromMs, toMs), by hour, project, model and agent. */
  list(fromMs: number, toMs: number): UsageRollup[] {
    return this.#connection
      .prepare<UsageRollup>(
        `SELECT ${USAGE_ROLLUP_COLUMNS.join(", ")}
         FROM usage_rollups
         WHERE hour >= ? AND hour < ?
         ORDER BY hour, project, model, agent`,
        "read rollups",
      )
      .all(fromMs, toMs);
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

  /**
   * Prices every hour anew by the book, from the messages themselves; hours whose messages are gone keep their
   * cost. Call inside the transaction that changed the prices.
   */
  reprice(book: PriceBook): void {
    const costs = new Map<string, { readonly key: RollupKey; cost: number | null }>();
    const slices = readSlices(this.#connection, book, { keys: ["hour", "project", "agent"] });
    for (const { hour, project, model, agent, cost_picousd: cost } of slices) {
      const key: RollupKey = [hour ?? 0, project ?? "", model, agent ?? ""];
      const known = costs.get(key.join("\0"));
      if (known === undefined) costs.set(key.join("\0"), { key, cost });
      else known.cost = cost === null || known.cost === null ? null : known.cost + cost;
    }
    for (const { key, cost } of costs.values()) this.#price.run(cost, ...key);
  }
}

type RollupKey = readonly [hour: number, project: string, model: string, agent: string];

function added(left: number | null, right: number | null): number | null {
  return left === null && right === null ? null : (left ?? 0) + (right ?? 0);
}

/** Null as soon as one price is not known: a sum without it would pass for the whole. */
function pricedSum(old: UsageRollup | null, change: number | null): number | null {
  if (old === null) return change;
  return old.cost_picousd === null || change === null ? null : old.cost_picousd + change;
}
