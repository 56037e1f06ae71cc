/** What one agent used between two moments, from the messages themselves. */
import { readSlices } from "../store/message-slices.ts";
import type { UsageStore } from "../store/usage-store.ts";
import { type ModelBreakdown, type TokenTotals, UsageSum } from "./totals.ts";

export interface WindowSums {
  readonly totals: TokenTotals;
  /** Input and output: what limits are about. */
  readonly tokens: number;
  readonly costUsd: number;
  readonly messages: number;
  /** Epoch milliseconds; null when there is nothing. */
  readonly firstAt: number | null;
  readonly lastAt: number | null;
  readonly modelBreakdowns: readonly ModelBreakdown[];
  readonly unpricedModels: readonly string[];
}

/** Sums the messages of an agent in [fromMs, toMs); reads only. */
export function windowUsage(
  store: UsageStore,
  {
    agent,
    fromMs,
    toMs,
  }: { readonly agent: string; readonly fromMs: number; readonly toMs: number },
): WindowSums {
  const sum = new UsageSum();
  let firstAt: number | null = null;
  let lastAt: number | null = null;
  const book = store.prices.book();
  for (const slice of readSlices(store.connection, book, { keys: ["agent"], fromMs, toMs })) {
    if (slice.agent !== agent) continue;
    sum.add(slice);
    firstAt = Math.min(firstAt ?? Infinity, slice.first_at);
    lastAt = Math.max(lastAt ?? 0, slice.last_at);
  }
  const totals = sum.totals();
  return {
    totals,
    tokens: totals.inputTokens + totals.outputTokens,
    costUsd: totals.totalCost,
    messages: sum.messageCount,
    firstAt,
    lastAt,
    modelBreakdowns: sum.breakdowns(),
    unpricedModels: sum.unpricedModels,
  };
}
