/** The five-hour block that goes on: what it used, how fast, and how long it will last. */
import { checkKeys, checkNonEmpty, checkTimestamp } from "../store/checks.ts";
import type { UsageConfig } from "../store/usage-config.ts";
import type { UsageStore } from "../store/usage-store.ts";
import { type BlockRow, reportBlocks } from "./blocks.ts";
import { type Burn, burnOf } from "./burn-rate.ts";
import { windowUsage, type WindowSums } from "./window-usage.ts";
import { type BlockLimits, blockLimits, reachedAt } from "./limits.ts";
import {
  holdingSample,
  LEAST_PERCENT,
  learnLimit,
  type LearnedLimit,
  type LimitSample,
} from "./official-limits.ts";
import { PLAN_AGENT } from "./plans.ts";
import type { ModelBreakdown } from "./totals.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** How far back samples are looked at for what they teach. */
const LEARNING_DAYS = 60;
const FIVE_HOURS = "five_hour";
const WEEK = "seven_day";

export interface LiveBlock extends Burn {
  /** ISO 8601, UTC. */
  readonly startTime: string;
  readonly endTime: string;
  /** What the block's borders are from: the maker's own reset, or the messages. */
  readonly anchor: "sample" | "messages";
  readonly firstActivity: string | null;
  readonly lastActivity: string | null;
  readonly messages: number;
  readonly tokenCounts: BlockRow["tokenCounts"];
  readonly totalTokens: number;
  /** USD of everything whose price is known. */
  readonly costUSD: number;
  readonly modelBreakdowns: readonly ModelBreakdown[];
  readonly unpricedModels: readonly string[];
  /** Tokens of each ten minutes, from the block's start. */
  readonly activity: readonly number[];
  readonly limits: BlockLimits;
}

export interface OfficialLimit {
  readonly name: string;
  readonly windowMinutes: number;
  readonly usedPercent: number;
  /** ISO 8601, UTC. */
  readonly resetsAt: string;
  readonly observedAt: string;
  /** When 100 per cent are reached at the rate so far; null when it resets before. */
  readonly reachedAt: string | null;
}

export interface LiveReport {
  /** ISO 8601, UTC: the moment that the report is of. */
  readonly at: string;
  /** The agent asked for, else the one that was active last; null without any usage. */
  readonly agent: string | null;
  /** Every agent with usage, by name. */
  readonly agents: readonly string[];
  readonly plan: UsageConfig["plan"] | null;
  /** Null when the last block is over. */
  readonly block: LiveBlock | null;
  /** What the maker says, of windows that have not ended. */
  readonly official: readonly OfficialLimit[];
  readonly learned: LearnedLimit | null;
}

export interface LiveReportOptions {
  /** Epoch milliseconds. */
  readonly nowMs: number;
  readonly agent?: string;
}

/**
 * Reports the block that goes on, by the settings' plan; reads only.
 *
 * Five-hour windows are each agent's own. When a limit sample names the window's reset, the block lies before it;
 * else it is the one that `reportBlocks` calls active.
 * @throws {InputError} VALUE_INVALID.
 */
export function reportLive(store: UsageStore, options: LiveReportOptions): LiveReport {
  checkKeys("reportLive", options, ["nowMs", "agent"]);
  const nowMs = checkTimestamp("nowMs", options.nowMs);
  const agents = agentsOf(store);
  const agent =
    options.agent === undefined
      ? (agents.newest ?? null)
      : checkNonEmpty("agent", options.agent, 100);
  const config = store.config.get();
  const report = { at: iso(nowMs), agent, agents: agents.names, plan: config?.plan ?? null };
  if (agent === null) return { ...report, block: null, official: [], learned: null };
  const samplesOf = (name: string, days: number): LimitSample[] =>
    store.limitSamples.list(agent, name, { fromMs: nowMs - days * DAY_MS, toMs: nowMs + 1 });
  const fiveHourSamples = samplesOf(FIVE_HOURS, LEARNING_DAYS);
  const fiveHours = holdingSample(fiveHourSamples, nowMs);
  const week = holdingSample(samplesOf(WEEK, 8), nowMs);
  const usageOf = (fromMs: number, toMs: number): WindowSums =>
    windowUsage(store, { agent, fromMs, toMs });
  const learned = learnLimit(fiveHourSamples, (fromMs, toMs) => usageOf(fromMs, toMs));
  const { blocks } = reportBlocks(store, { timeZone: "UTC", nowMs, agent });
  const window = windowOf(blocks, fiveHours);
  return {
    ...report,
    block:
      window === null
        ? null
        : liveBlock(window, {
            usageOf,
            nowMs,
            plan: agent === PLAN_AGENT ? (config?.plan ?? "custom") : null,
            customLimitTokens: config?.custom_limit_tokens ?? null,
            learned,
            isMeasured: fiveHours !== null && fiveHours.used_percent >= LEAST_PERCENT,
            completedTokens: blocks.filter(isCompleted).map(limitTokens),
          }),
    official: [fiveHours, week]
      .filter((sample) => sample !== null)
      .map((sample) => officialLimit(sample, { usageOf, nowMs })),
    learned,
  };
}

const iso = (ms: number): string => new Date(ms).toISOString();
const isCompleted = ({ isGap, isActive }: BlockRow): boolean => !isGap && !isActive;
/** What limits are about: the cache's tokens do not count against them. */
const limitTokens = ({ tokenCounts }: BlockRow): number =>
  tokenCounts.inputTokens + tokenCounts.outputTokens;

function agentsOf(store: UsageStore): { names: readonly string[]; newest: string | undefined } {
  const agents = store.rollups.agents();
  const newest = agents.toSorted((a, b) => a.last_at - b.last_at).at(-1);
  return { names: agents.map(({ agent }) => agent), newest: newest?.agent };
}

interface Window {
  /** Where its usage begins; later than the block's start when the block before ends on that very moment. */
  readonly fromMs: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly anchor: LiveBlock["anchor"];
}

function windowOf(
  blocks: readonly BlockRow[],
  sample: (LimitSample & { readonly resets_at: number }) | null,
): Window | null {
  if (sample !== null) {
    const startMs = sample.resets_at - sample.window_minutes * MINUTE_MS;
    return { fromMs: startMs, startMs, endMs: sample.resets_at, anchor: "sample" };
  }
  const active = blocks.find(({ isActive }) => isActive);
  if (active === undefined) return null;
  const startMs = Date.parse(active.startTime);
  const isShared = blocks.some(
    (block) => block !== active && block.actualEndTime === active.startTime,
  );
  return {
    fromMs: isShared ? startMs + 1 : startMs,
    startMs,
    endMs: Date.parse(active.endTime),
    anchor: "messages",
  };
}

type UsageOf = (fromMs: number, toMs: number) => WindowSums;

function liveBlock(
  { fromMs, startMs, endMs, anchor }: Window,
  question: Omit<Parameters<typeof blockLimits>[1], "learned"> & {
    readonly usageOf: UsageOf;
    readonly learned: LearnedLimit | null;
  },
): LiveBlock {
  const { usageOf, nowMs } = question;
  // A message on the very end still belongs to a block of messages.
  const usage = usageOf(fromMs, anchor === "messages" ? endMs + 1 : endMs);
  const { totals, firstAt, lastAt } = usage;
  const minutes = firstAt === null || lastAt === null ? 0 : (lastAt - firstAt) / MINUTE_MS;
  const remainingMinutes = Math.max(0, (endMs - nowMs) / MINUTE_MS);
  return {
    startTime: iso(startMs),
    endTime: iso(endMs),
    anchor,
    firstActivity: firstAt === null ? null : iso(firstAt),
    lastActivity: lastAt === null ? null : iso(lastAt),
    messages: usage.messages,
    tokenCounts: {
      inputTokens: totals.inputTokens,
      outputTokens: totals.outputTokens,
      cacheCreationInputTokens: totals.cacheCreationTokens,
      cacheReadInputTokens: totals.cacheReadTokens,
    },
    totalTokens: totals.totalTokens,
    costUSD: totals.totalCost,
    modelBreakdowns: usage.modelBreakdowns,
    unpricedModels: usage.unpricedModels,
    activity: activityOf({ fromMs, startMs, endMs }, usageOf),
    ...burnOf(totals, { minutes, remainingMinutes }),
    limits: blockLimits(
      { tokens: usage.tokens, costUsd: usage.costUsd, messages: usage.messages, minutes, endMs },
      question,
    ),
  };
}

const ACTIVITY_MS = 10 * MINUTE_MS;

function activityOf(
  { fromMs, startMs, endMs }: Pick<Window, "fromMs" | "startMs" | "endMs">,
  usageOf: UsageOf,
): number[] {
  const tokens: number[] = [];
  for (let from = startMs; from < endMs; from += ACTIVITY_MS)
    tokens.push(
      usageOf(Math.max(from, fromMs), Math.min(from + ACTIVITY_MS, endMs)).totals.totalTokens,
    );
  return tokens;
}

function officialLimit(
  sample: LimitSample & { readonly resets_at: number },
  { usageOf, nowMs }: { readonly usageOf: UsageOf; readonly nowMs: number },
): OfficialLimit {
  const { limit_name, window_minutes, used_percent, resets_at, observed_at } = sample;
  const startMs = resets_at - window_minutes * MINUTE_MS;
  const { firstAt } = usageOf(startMs, observed_at + 1);
  const minutes = firstAt === null ? 0 : (observed_at - firstAt) / MINUTE_MS;
  return {
    name: limit_name,
    windowMinutes: window_minutes,
    usedPercent: used_percent,
    resetsAt: iso(resets_at),
    observedAt: iso(observed_at),
    reachedAt: reachedAt(used_percent, 100, {
      rate: minutes > 0 ? used_percent / minutes : null,
      minutesLeft: Math.max(0, (resets_at - nowMs) / MINUTE_MS),
      nowMs,
    }),
  };
}
