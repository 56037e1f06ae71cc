/** What was used between two moments, in two figures. */
import type { Connection } from "../engine/sqlite/connection.ts";
import { HOUR_MS } from "../store/token-counts.ts";

export interface UsageWithin {
  readonly tokens: number;
  /** USD of everything whose price is known; null when no price is. */
  readonly costUsd: number | null;
  /** True when the price of something is not known, so that the cost is more than that. */
  readonly isUnpriced: boolean;
}

interface Sum {
  tokens: number;
  picoUsd: number;
  priced: number;
  unpriced: number;
}

const PICO = 1e12;

/** Sums [fromMs, toMs) from the hours, and from the messages themselves where an end cuts an hour. */
export function usageWithin(connection: Connection, fromMs: number, toMs: number): UsageWithin {
  const firstWhole = Math.ceil(fromMs / HOUR_MS) * HOUR_MS;
  const lastWhole = Math.floor(toMs / HOUR_MS) * HOUR_MS;
  const sum: Sum = { tokens: 0, picoUsd: 0, priced: 0, unpriced: 0 };
  if (firstWhole > lastWhole) addMessages(connection, sum, fromMs, toMs);
  else {
    addHours(connection, sum, firstWhole, lastWhole);
    if (fromMs < firstWhole) addMessages(connection, sum, fromMs, firstWhole);
    if (lastWhole < toMs) addMessages(connection, sum, lastWhole, toMs);
  }
  const { tokens, picoUsd, priced, unpriced } = sum;
  const isNothingPriced = priced === 0 && unpriced > 0;
  return {
    tokens,
    costUsd: isNothingPriced ? null : picoUsd / PICO,
    isUnpriced: unpriced > 0,
  };
}

function addHours(connection: Connection, sum: Sum, fromMs: number, toMs: number): void {
  const [row = []] = connection
    .prepare(
      `SELECT sum(input_tokens + output_tokens + cache_write_5m_tokens + cache_write_1h_tokens + cache_read_tokens),
         sum(cost_picousd), count(cost_picousd), count(*)
       FROM usage_rollups
       WHERE hour >= ? AND hour < ?`,
      "read rollups",
    )
    .values(fromMs, toMs);
  const [tokens, picoUsd, priced, hours] = row.map((value) => Number(value ?? 0));
  sum.tokens += tokens ?? 0;
  sum.picoUsd += picoUsd ?? 0;
  sum.priced += priced ?? 0;
  sum.unpriced += (hours ?? 0) - (priced ?? 0);
}

/** Only zones like India's need it, so only they load the prices. */
function addMessages(connection: Connection, sum: Sum, fromMs: number, toMs: number): void {
  const { readSlices } =
    require("../store/message-slices.ts") as typeof import("../store/message-slices.ts");
  const { PriceStore } = require("../store/prices.ts") as typeof import("../store/prices.ts");
  const book = new PriceStore(connection, () => toMs).book();
  for (const slice of readSlices(connection, book, { keys: [], fromMs, toMs })) {
    sum.tokens +=
      slice.input_tokens +
      slice.output_tokens +
      slice.cache_write_5m_tokens +
      slice.cache_write_1h_tokens +
      slice.cache_read_tokens;
    sum.picoUsd += slice.cost_picousd ?? 0;
    if (slice.cost_picousd === null) sum.unpriced++;
    else sum.priced++;
  }
}
