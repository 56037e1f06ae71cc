/** Messages that are folded: by quarters of an hour, with what they are known by, and compared with their hours. */
import type { Binding, Connection } from "../engine/sqlite/connection.ts";
import { OperationError } from "../errors.ts";
import { FoldedMessages } from "../store/folded-messages.ts";
import type { PriceBook } from "../store/prices.ts";
import { HOUR_MS } from "../store/token-counts.ts";
import type { UsageStore } from "../store/usage-store.ts";
import { refuseMismatch, type Removed } from "./fold-rows.ts";
import { type Removal, removalWhere } from "./removal.ts";

/** Every zone's days and hours begin at one of them. */
const SLICE_MS = HOUR_MS / 4;
const ACTION = "fold messages";
const TOKENS = [
  "input_tokens",
  "output_tokens",
  "cache_write_5m_tokens",
  "cache_write_1h_tokens",
  "cache_read_tokens",
] as const;
const ALL_TOKENS = TOKENS.join(" + ");
const REQUEST_TOKENS =
  "(input_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens)";
/** As `usage_message_rows` takes with its indexes; what is left of a message is a tenth of it. */
export const MESSAGE_BYTES = 190;

/** The messages before a moment, which is the start of a UTC hour, so that an hour is folded whole. */
export function messagesBefore(store: UsageStore, cutoffHour: number): Removal {
  const { connection } = store;
  const folding = new MessageFolding(connection, store.prices.book(), cutoffHour);
  return removalWhere(connection, {
    table: "usage_message_rows",
    condition: "timestamp < ?2",
    values: [cutoffHour],
    order: "timestamp, id",
    action: ACTION,
    remove: (ids) => folding.fold(ids),
  });
}

interface Sums {
  readonly count: number;
  readonly tokens: number;
}

class MessageFolding {
  readonly #connection: Connection;
  readonly #folded: FoldedMessages;
  readonly #fold: string;
  readonly #cutoff: number;

  constructor(connection: Connection, book: PriceBook, cutoff: number) {
    this.#connection = connection;
    this.#folded = new FoldedMessages(connection);
    this.#fold = foldStatement(book);
    this.#cutoff = cutoff;
  }

  /**
   * Folds and deletes; call inside a transaction.
   * @throws {OperationError} FOLD_MISMATCH when the hours that reports read do not have these messages, or the slices
   *   did not grow by them.
   */
  fold(ids: readonly number[]): Removed {
    const chosen: Binding[] = [JSON.stringify(ids), this.#cutoff];
    const [[count, tokens, firstAt, lastAt] = []] = this.#values(
      `SELECT count(*), sum(${ALL_TOKENS}), min(timestamp), max(timestamp)
       FROM usage_message_rows
       WHERE ${CHOSEN}`,
      chosen,
    );
    if (Number(count) === 0) return { rows: 0, bytes: 0 };
    const chunk: Sums = { count: Number(count), tokens: Number(tokens) };
    const hours = [hourOf(firstAt), hourOf(lastAt) + HOUR_MS] as const;
    this.#compareHours(...hours);
    const before = this.#slices(...hours);
    this.#connection.prepare(this.#fold, ACTION).run(...chosen);
    const after = this.#slices(...hours);
    const grown = { count: after.count - before.count, tokens: after.tokens - before.tokens };
    if (grown.count !== chunk.count || grown.tokens !== chunk.tokens) refuse(chunk, grown);
    this.#remember(chosen);
    const deleted = this.#connection
      .prepare(`DELETE FROM usage_message_rows WHERE ${CHOSEN}`, ACTION)
      .run(...chosen).changes;
    if (deleted !== chunk.count) refuse(chunk, { ...chunk, count: deleted });
    return { rows: chunk.count, bytes: chunk.count * MESSAGE_BYTES };
  }

  /** What the hours say has to be what messages and slices say, or deleting would make it true for ever. */
  #compareHours(fromMs: number, toMs: number): void {
    const hours = this.#sums(
      `SELECT coalesce(sum(message_count), 0), coalesce(sum(${ALL_TOKENS}), 0)
       FROM usage_rollups
       WHERE hour >= ? AND hour < ?`,
      fromMs,
      toMs,
    );
    const messages = this.#sums(
      `SELECT count(*), coalesce(sum(${ALL_TOKENS}), 0)
       FROM usage_message_rows
       WHERE timestamp >= ? AND timestamp < ?`,
      fromMs,
      toMs,
    );
    const slices = this.#slices(fromMs, toMs);
    const known = {
      count: messages.count + slices.count,
      tokens: messages.tokens + slices.tokens,
    };
    if (hours.count === known.count && hours.tokens === known.tokens) return;
    throw new OperationError(
      "FOLD_MISMATCH",
      `Cannot fold messages: the hours from ${new Date(fromMs).toISOString()} on have ${hours.count} message(s), expected the ${known.count} that there are; nothing was deleted`,
      { details: { table: "usage_message_rows", fromMs, toMs, expected: known, observed: hours } },
    );
  }

  #remember(chosen: readonly Binding[]): void {
    const rows = this.#values(
      `SELECT m.message_id, m.request_id, n.name, m.is_sidechain
       FROM usage_message_rows AS m
       JOIN usage_names AS n ON n.name_id = m.agent_name_id
       WHERE m.${CHOSEN}`,
      chosen,
    );
    for (const [message_id, request_id, agent, isSidechain] of rows) {
      this.#folded.remember({
        message_id: String(message_id),
        request_id: String(request_id),
        agent: String(agent),
        is_sidechain: isSidechain === 1 ? 1 : 0,
      });
    }
  }

  #slices(fromMs: number, toMs: number): Sums {
    return this.#sums(
      `SELECT coalesce(sum(message_count), 0), coalesce(sum(${ALL_TOKENS}), 0)
       FROM usage_message_folds
       WHERE slice_at >= ? AND slice_at < ?`,
      fromMs,
      toMs,
    );
  }

  #sums(sql: string, fromMs: number, toMs: number): Sums {
    const [[count, tokens] = []] = this.#values(sql, [fromMs, toMs]);
    return { count: Number(count), tokens: Number(tokens) };
  }

  #values(sql: string, values: readonly Binding[]): Binding[][] {
    return this.#connection.prepare(sql, ACTION).values(...values);
  }
}

const CHOSEN = "id IN (SELECT value FROM json_each(?1)) AND timestamp < ?2";

const hourOf = (at: Binding | undefined): number => Number(at) - (Number(at) % HOUR_MS);

function refuse(expected: Sums, observed: Sums): never {
  refuseMismatch(
    "usage_message_rows",
    { count: expected.count, bytes: expected.tokens },
    { count: observed.count, bytes: observed.tokens },
  );
}

/** The numbers in it are the prices' own. */
function foldStatement({ changes, tierStarts }: PriceBook): string {
  const quarter = `timestamp - timestamp % ${SLICE_MS} + (timestamp % ${SLICE_MS} > 0 AND timestamp % ${HOUR_MS} < ${SLICE_MS})`;
  const sliceAt = changes.reduce(
    (sql, change) =>
      `CASE WHEN timestamp >= ${change} THEN max(${change}, ${quarter}) ELSE ${sql} END`,
    quarter,
  );
  const tier = tierStarts.reduce(
    (sql, start) => `CASE WHEN ${REQUEST_TOKENS} > ${start} THEN ${start} ELSE ${sql} END`,
    "0",
  );
  const keys = ["session_name_id", "project_name_id", "model_name_id", "agent_name_id"];
  const sums = ["message_count", ...TOKENS];
  return `INSERT INTO usage_message_folds (
      slice_at, ${keys.join(", ")}, tier_start, ${sums.join(", ")}, reported_cost_usd, request_tokens, first_at, last_at
    )
    SELECT ${sliceAt}, ${keys.join(", ")}, ${tier}, count(*), ${TOKENS.map((name) => `sum(${name})`).join(", ")},
      sum(reported_cost_usd), max(${REQUEST_TOKENS}), min(timestamp), max(timestamp)
    FROM usage_message_rows
    WHERE ${CHOSEN}
    GROUP BY 1, 2, 3, 4, 5, 6
    ON CONFLICT (slice_at, ${keys.join(", ")}, tier_start) DO UPDATE SET
      ${sums.map((name) => `${name} = ${name} + excluded.${name}`).join(", ")},
      reported_cost_usd = CASE
        WHEN reported_cost_usd IS NULL THEN excluded.reported_cost_usd
        ELSE reported_cost_usd + coalesce(excluded.reported_cost_usd, 0)
      END,
      request_tokens = max(request_tokens, excluded.request_tokens),
      first_at = min(first_at, excluded.first_at),
      last_at = max(last_at, excluded.last_at)`;
}
