/** How fast a block burns tokens and money, and where that leads. */
import type { TokenTotals } from "./totals.ts";

export interface Burn {
  /** Null without a span of time to divide by: a single message has no rate. */
  readonly burnRate: { readonly tokensPerMinute: number; readonly costPerHour: number } | null;
  /** What it comes to at the end of the block, at this rate. */
  readonly projection: {
    readonly totalTokens: number;
    readonly totalCost: number;
    readonly remainingMinutes: number;
  } | null;
}

export const NO_BURN: Burn = { burnRate: null, projection: null };

/** @param minutes between the first and the last message. */
export function burnOf(
  totals: Pick<TokenTotals, "totalTokens" | "totalCost">,
  { minutes, remainingMinutes }: { readonly minutes: number; readonly remainingMinutes: number },
): Burn {
  if (minutes <= 0) return NO_BURN;
  const tokensPerMinute = totals.totalTokens / minutes;
  const costPerHour = (totals.totalCost / minutes) * 60;
  return {
    burnRate: { tokensPerMinute, costPerHour },
    projection: {
      totalTokens: Math.round(totals.totalTokens + tokensPerMinute * remainingMinutes),
      totalCost: totals.totalCost + (costPerHour / 60) * remainingMinutes,
      remainingMinutes: Math.round(remainingMinutes),
    },
  };
}
