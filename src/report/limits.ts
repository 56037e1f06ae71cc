/** Limits of a five-hour block: which one holds, how much of it is used, and when it will be reached. */
import { LEAST_TOKENS, type Plan, PLAN_LIMITS } from "./plans.ts";
import type { LearnedLimit } from "./official-limits.ts";
import { quantile } from "./statistics.ts";

/** Where a limit is from: the settings, the maker's percentages, the table of plans, or the blocks of the past. */
export type LimitSource = "setting" | "learned" | "plan" | "p90";

export interface Limit {
  readonly used: number;
  readonly limit: number;
  readonly usedPercent: number;
  readonly source: LimitSource;
  /** What will be used when the block ends, at the present rate; null without a rate. */
  readonly projected: number | null;
  /** ISO 8601, when the limit is reached at the present rate; null when the block ends before, or without a rate. */
  readonly reachedAt: string | null;
}

export interface BlockLimits {
  /** Input and output tokens. */
  readonly tokens: Limit;
  /** Null where nothing names one. */
  readonly costUsd: Limit | null;
  readonly messages: Limit | null;
}

export interface BlockUse {
  /** Input and output. */
  readonly tokens: number;
  readonly costUsd: number;
  readonly messages: number;
  /** Minutes between its first and last message; 0 for a single one. */
  readonly minutes: number;
  /** Epoch milliseconds. */
  readonly endMs: number;
}

export interface LimitQuestion {
  /** Null for an agent that the plans are not of. */
  readonly plan: Plan | null;
  readonly customLimitTokens: number | null;
  readonly learned: LearnedLimit | null;
  /** True while the maker's own percentage of this very block is known: then even one window is believed. */
  readonly isMeasured: boolean;
  /** Input and output tokens of each completed block. */
  readonly completedTokens: readonly number[];
  readonly nowMs: number;
}

/**
 * Decides the limits of a block. Of tokens: the setting of plan `custom`, else what was learned with at least medium
 * confidence or from this very block, else the plan's, else the ninetieth percentile of the completed blocks. Of cost and messages: what was
 * learned, else the plan's.
 */
export function blockLimits(block: BlockUse, question: LimitQuestion): BlockLimits {
  const { plan, learned, isMeasured, nowMs } = question;
  const trusted = learned !== null && (isMeasured || learned.confidence !== "low") ? learned : null;
  const named = plan === null || plan === "custom" ? null : PLAN_LIMITS[plan];
  const measure = (used: number, limit: number, source: LimitSource): Limit =>
    measureLimit({ used, limit, source, block, nowMs });
  const tokens = tokenLimit(question, trusted);
  const cost: readonly [number, LimitSource] | null =
    trusted !== null && trusted.costUsd > 0
      ? [trusted.costUsd, "learned"]
      : named === null
        ? null
        : [named.costUsd, "plan"];
  return {
    tokens: measure(block.tokens, ...tokens),
    costUsd: cost === null ? null : measure(block.costUsd, ...cost),
    messages: named === null ? null : measure(block.messages, named.messages, "plan"),
  };
}

function tokenLimit(
  { plan, customLimitTokens, completedTokens }: LimitQuestion,
  trusted: LearnedLimit | null,
): readonly [number, LimitSource] {
  if ((plan === "custom" || plan === null) && customLimitTokens !== null)
    return [customLimitTokens, "setting"];
  if (trusted !== null) return [trusted.tokens, "learned"];
  if (plan !== null && plan !== "custom") return [PLAN_LIMITS[plan].tokens, "plan"];
  return [percentile90(completedTokens), "p90"];
}

/** The ninetieth percentile of completed blocks, at least what the smallest plan allows; blocks of nothing left out. */
export function percentile90(completedTokens: readonly number[]): number {
  const used = completedTokens.filter((tokens) => tokens > 0);
  return Math.max(LEAST_TOKENS, Math.floor(quantile(used, 0.9) ?? 0));
}

function measureLimit({
  used,
  limit,
  source,
  block: { minutes, endMs },
  nowMs,
}: {
  readonly used: number;
  readonly limit: number;
  readonly source: LimitSource;
  readonly block: BlockUse;
  readonly nowMs: number;
}): Limit {
  const rate = minutes > 0 ? used / minutes : null;
  const minutesLeft = Math.max(0, (endMs - nowMs) / 60_000);
  return {
    used,
    limit,
    usedPercent: (used / limit) * 100,
    source,
    projected: rate === null ? null : used + rate * minutesLeft,
    reachedAt: reachedAt(used, limit, { rate, minutesLeft, nowMs }),
  };
}

/** The moment at which `used` comes to `limit`; a limit that is reached already is reached now. */
export function reachedAt(
  used: number,
  limit: number,
  {
    rate,
    minutesLeft,
    nowMs,
  }: { readonly rate: number | null; readonly minutesLeft: number; readonly nowMs: number },
): string | null {
  if (used >= limit) return new Date(nowMs).toISOString();
  if (rate === null || rate <= 0) return null;
  const minutes = (limit - used) / rate;
  return minutes > minutesLeft ? null : new Date(nowMs + minutes * 60_000).toISOString();
}
