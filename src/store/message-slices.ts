/** Sums over messages, sliced so finely that each slice has one price. */
import type { Connection } from "../engine/sqlite/connection.ts";
import { refuseNameless } from "./nameless-rows.ts";
import type { PriceBook } from "./prices.ts";
import { HOUR_MS, type TokenCounts } from "./token-counts.ts";

/** What slices can be told apart by, beside the model. */
export type SliceKey = "hour" | "session_id" | "project" | "agent";

export interface MessageSlice extends TokenCounts {
  readonly model: string;
  /** Null where it was not asked for. */
  readonly hour: number | null;
  readonly session_id: string | null;
  readonly project: string | null;
  readonly agent: string | null;
  readonly message_count: number;
  readonly first_at: number;
  readonly last_at: number;
  readonly reported_cost_usd: number | null;
  /** In 1e-12 USD; null when the price is not known. */
  readonly cost_picousd: number | null;
  /** By the book of `before`; null without one. */
  readonly cost_before_picousd: number | null;
}

export interface SliceOptions {
  readonly keys: readonly SliceKey[];
  /** Epoch milliseconds; everything when left out. */
  readonly fromMs?: number;
  /** Exclusive. */
  readonly toMs?: number;
  /** Of all when left out. */
  readonly models?: readonly string[];
  /** Only of session totals with messages within and beyond [fromMs, toMs), which both are needed then. */
  readonly areCutOnly?: boolean;
  /** Other prices, by which slices have a cost as well. */
  readonly before?: PriceBook;
}

const NAME_OF = (column: string): string =>
  `(SELECT name FROM usage_names WHERE name_id = ${column})`;

const EXPRESSIONS: Readonly<Record<SliceKey, { readonly group: string; readonly show: string }>> = {
  hour: {
    group: `timestamp / ${HOUR_MS}`,
    show: `min(timestamp) - min(timestamp) % ${HOUR_MS}`,
  },
  session_id: { group: "session_name_id", show: NAME_OF("session_name_id") },
  project: { group: "project_name_id", show: NAME_OF("project_name_id") },
  agent: { group: "agent_name_id", show: NAME_OF("agent_name_id") },
};

/** The messages of session totals that [?1, ?2) cuts. */
const CUT_ROWS = `(
  SELECT m.*
  FROM usage_session_totals AS t
  CROSS JOIN usage_message_rows AS m
    ON m.session_name_id = t.session_name_id AND m.project_name_id = t.project_name_id
    AND m.model_name_id = t.model_name_id AND m.agent_name_id = t.agent_name_id
  WHERE t.first_at < ?2 AND t.last_at >= ?1 AND (t.first_at < ?1 OR t.last_at >= ?2)
)`;

const ALL: readonly SliceKey[] = ["hour", "session_id", "project", "agent"];

/** Reads sums of the messages in [fromMs, toMs) by model and the keys asked for, each with its cost; no order. */
export function readSlices(
  connection: Connection,
  book: PriceBook,
  { keys, fromMs, toMs, models, before, areCutOnly }: SliceOptions,
): MessageSlice[] {
  const requestTokens =
    "(input_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens)";
  // Both change a price, so neither may lie inside a slice; the numbers are our own.
  const books = before === undefined ? [book] : [book, before];
  const cuts = books.flatMap(({ tierStarts, changes }) => [
    ...tierStarts.map((start) => `${requestTokens} > ${start}`),
    ...changes.map((at) => `timestamp >= ${at}`),
  ]);
  const groups = ["model_name_id", ...keys.map((key) => EXPRESSIONS[key].group), ...cuts];
  const shown = ALL.map(
    (key) => `${keys.includes(key) ? EXPRESSIONS[key].show : "NULL"} AS ${key}`,
  );
  // Through the index of times everything takes twice as long as in one go.
  const isBounded = (fromMs ?? 0) > 0 || toMs !== undefined;
  const range = isBounded ? [fromMs ?? 0, toMs ?? Number.MAX_SAFE_INTEGER] : [];
  const conditions = [
    ...(isBounded ? ["timestamp >= ?1 AND timestamp < ?2"] : []),
    ...(models === undefined
      ? []
      : [
          `model_name_id IN (
           SELECT name_id FROM usage_names, json_each(${isBounded ? "?3" : "?1"}) WHERE name = value
         )`,
        ]),
  ];
  const rows = connection
    .prepare<
      Omit<MessageSlice, "cost_picousd" | "cost_before_picousd"> & {
        readonly request_tokens: number;
      }
    >(
      `SELECT ${NAME_OF("model_name_id")} AS model, ${shown.join(", ")}, count(*) AS message_count,
         min(timestamp) AS first_at, max(timestamp) AS last_at, sum(reported_cost_usd) AS reported_cost_usd,
         sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
         sum(cache_write_5m_tokens) AS cache_write_5m_tokens,
         sum(cache_write_1h_tokens) AS cache_write_1h_tokens, sum(cache_read_tokens) AS cache_read_tokens,
         max(${requestTokens}) AS request_tokens
       FROM ${areCutOnly === true ? CUT_ROWS : "usage_message_rows"}
       ${conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`}
       GROUP BY ${groups.join(", ")}`,
      "read messages",
    )
    .all(...range, ...(models === undefined ? [] : [JSON.stringify(models)]));
  refuseNameless(rows, ["model", ...keys]);
  return rows.map(({ request_tokens, ...row }) => {
    const priced = { ...row, timestamp: row.last_at, requestTokens: request_tokens };
    return {
      ...row,
      cost_picousd: book.costOf(priced),
      cost_before_picousd: before?.costOf(priced) ?? null,
    };
  });
}
