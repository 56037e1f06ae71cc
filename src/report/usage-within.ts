/** What was used between two moments, in one figure. */
import { HOUR_MS, type ModelUsage, type UsageRollupStore } from "../store/usage-rollups.ts";

export interface UsageWithin {
  readonly tokens: number;
}

/** Sums [fromMs, toMs) from the hours, and from the messages themselves where an end cuts an hour. */
export function usageWithin(
  rollups: UsageRollupStore,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): UsageWithin {
  const firstWhole = Math.ceil(fromMs / HOUR_MS) * HOUR_MS;
  const lastWhole = Math.floor(toMs / HOUR_MS) * HOUR_MS;
  if (firstWhole > lastWhole) return { tokens: sumOf(rollups.byModelWithin(fromMs, toMs)) };
  let tokens = sumOf(rollups.byHourAndModel(firstWhole, lastWhole));
  if (fromMs < firstWhole) tokens += sumOf(rollups.byModelWithin(fromMs, firstWhole));
  if (lastWhole < toMs) tokens += sumOf(rollups.byModelWithin(lastWhole, toMs));
  return { tokens };
}

function sumOf(parts: readonly ModelUsage[]): number {
  let tokens = 0;
  for (const part of parts) {
    tokens +=
      part.input_tokens +
      part.output_tokens +
      part.cache_write_5m_tokens +
      part.cache_write_1h_tokens +
      part.cache_read_tokens;
  }
  return tokens;
}
