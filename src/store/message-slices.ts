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

const NAMES = {
  session_id: { group: "session_name_id", show: NAME_OF("session_name_id") },
  project: { group: "project_name_id", show: NAME_OF("project_name_id") },
  agent: { group: "agent_name_id", show: NAME_OF("agent_name_id") },
} as const;

/** The rows of session totals that [?1, ?2) cuts. */
const cutRows = (table: string): string => `(
  SELECT m.*
  FROM usage_session_totals AS t
  CROSS JOIN ${table} AS m
    ON m.session_name_id = t.session_name_id AND m.project_name_id = t.project_name_id
    AND m.model_name_id = t.model_name_id AND m.agent_name_id = t.agent_name_id
  WHERE t.first_at < ?2 AND t.last_at >= ?1 AND (t.first_at < ?1 OR t.last_at >= ?2)
)`;

const ALL: readonly SliceKey[] = ["hour", "session_id", "project", "agent"];

/**
 * Reads sums of the messages in [fromMs, toMs) by model and the keys asked for, each with its cost; no order, and
 * several for one set of keys. Folded messages are in them: a slice of theirs lies where its first message was.
 */
export function readSlices(
  connection: Connection,
  book: PriceBook,
  options: SliceOptions,
): MessageSlice[] {
  return [
    ...slicesOf(connection, book, { ...LIVE, ...options }),
    ...slicesOf(connection, book, { ...FOLDED, ...options }),
  ];
}

/** Where slices are read from. */
interface SliceTable {
  readonly table: string;
  readonly at: string;
  /** By what a price is chosen. */
  readonly pricedAt: string;
  readonly requestTokens: string;
  readonly count: string;
  readonly last: string;
}

const LIVE: SliceTable = {
  table: "usage_message_rows",
  at: "timestamp",
  pricedAt: "timestamp",
  requestTokens:
    "(input_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens)",
  count: "count(*)",
  last: "max(timestamp)",
};

const FOLDED: SliceTable = {
  table: "usage_message_folds",
  at: "first_at",
  pricedAt: "last_at",
  requestTokens: "request_tokens",
  count: "sum(message_count)",
  last: "max(last_at)",
};

function slicesOf(
  connection: Connection,
  book: PriceBook,
  { keys, fromMs, toMs, models, before, areCutOnly, ...from }: SliceOptions & SliceTable,
): MessageSlice[] {
  const { table, at, pricedAt, requestTokens, count, last } = from;
  const expressions: Readonly<Record<SliceKey, { readonly group: string; readonly show: string }>> =
    {
      hour: { group: `${at} / ${HOUR_MS}`, show: `min(${at}) - min(${at}) % ${HOUR_MS}` },
      ...NAMES,
    };
  // Both change a price, so neither may lie inside a slice; the numbers are our own.
  const books = before === undefined ? [book] : [book, before];
  const cuts = books.flatMap(({ tierStarts, changes }) => [
    ...tierStarts.map((start) => `${requestTokens} > ${start}`),
    ...changes.map((change) => `${pricedAt} >= ${change}`),
  ]);
  const groups = ["model_name_id", ...keys.map((key) => expressions[key].group), ...cuts];
  const shown = ALL.map(
    (key) => `${keys.includes(key) ? expressions[key].show : "NULL"} AS ${key}`,
  );
  // Through the index of times everything takes twice as long as in one go.
  const isBounded = (fromMs ?? 0) > 0 || toMs !== undefined;
  const range = isBounded ? [fromMs ?? 0, toMs ?? Number.MAX_SAFE_INTEGER] : [];
  const conditions = [
    ...(isBounded ? [`${at} >= ?1 AND ${at} < ?2`] : []),
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
      `SELECT ${NAME_OF("model_name_id")} AS model, ${shown.join(", ")}, ${count} AS message_count,
         min(${at}) AS first_at, ${last} AS last_at, sum(reported_cost_usd) AS reported_cost_usd,
         sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
         sum(cache_write_5m_tokens) AS cache_write_5m_tokens,
         sum(cache_write_1h_tokens) AS cache_write_1h_tokens, sum(cache_read_tokens) AS cache_read_tokens,
         max(${requestTokens}) AS request_tokens
       FROM ${areCutOnly === true ? cutRows(table) : table}
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
