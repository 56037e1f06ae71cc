/** What kept sums cost after prices changed. */
import type { Connection } from "../engine/sqlite/connection.ts";
import { type MessageSlice, readSlices } from "./message-slices.ts";
import type { PriceBook } from "./prices.ts";
import type { KeptSum } from "./usage-changes.ts";

export interface Repricing {
  readonly book: PriceBook;
  /** The prices that the sums were made with. */
  readonly before: PriceBook;
  /** Those whose prices changed. */
  readonly models: readonly string[];
}

interface SumsOptions<Key extends readonly (string | number)[]> {
  /** What a sum is of, beside its project, model and agent. */
  readonly unit: "hour" | "session_id";
  readonly keyOf: (slice: MessageSlice) => Key;
  readonly sumOf: (key: Key) => KeptSum | null;
}

interface Priced {
  message_count: number;
  cost: number;
  unpricedCount: number;
  costBefore: number;
  unpricedBefore: number;
}

export interface RepricedSum<Key> {
  readonly key: Key;
  /** Null where it cannot be known. */
  readonly cost: number | null;
  /** Messages that the cost leaves out. */
  readonly unpricedCount: number;
}

/**
 * The new cost of every sum with messages of the models. Messages that were folded away and stand in the sum only keep
 * the price that they had.
 */
export function repricedSums<Key extends readonly (string | number)[]>(
  connection: Connection,
  { book, before, models }: Repricing,
  { unit, keyOf, sumOf }: SumsOptions<Key>,
): RepricedSum<Key>[] {
  const sums = new Map<string, Priced & { readonly key: Key }>();
  const slices = readSlices(connection, book, {
    keys: [unit, "project", "agent"],
    models,
    before,
  });
  for (const slice of slices) {
    const { message_count: count, cost_picousd: cost, cost_before_picousd: costBefore } = slice;
    const key = keyOf(slice);
    const id = key.join("\0");
    let sum = sums.get(id);
    if (sum === undefined) {
      sum = { key, message_count: 0, cost: 0, unpricedCount: 0, costBefore: 0, unpricedBefore: 0 };
      sums.set(id, sum);
    }
    sum.message_count += count;
    sum.cost += cost ?? 0;
    sum.unpricedCount += cost === null ? count : 0;
    sum.costBefore += costBefore ?? 0;
    sum.unpricedBefore += costBefore === null ? count : 0;
  }
  return [...sums.values()].map(({ key, ...priced }) => ({
    key,
    ...withFolded(sumOf(key), priced),
  }));
}

function withFolded(old: KeptSum | null, priced: Priced): Omit<RepricedSum<unknown>, "key"> {
  const { cost, unpricedCount, costBefore, unpricedBefore } = priced;
  if (old === null || old.message_count === priced.message_count) return { cost, unpricedCount };
  const folded = (old.unpriced_count ?? unpricedBefore) - unpricedBefore;
  return {
    cost: old.cost_picousd === null ? null : old.cost_picousd - costBefore + cost,
    unpricedCount: folded + unpricedCount,
  };
}
