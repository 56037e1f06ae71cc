/** Five-hour blocks, as ccusage builds them; from the hours, which know when their first and last message was. */
import { checkInteger, checkKeys, checkOneOf, checkTimestamp } from "../store/checks.ts";
import { readSlices } from "../store/message-slices.ts";
import { HOUR_MS } from "../store/token-counts.ts";
import type { UsageStore } from "../store/usage-store.ts";
import { type Burn, burnOf, NO_BURN } from "./burn-rate.ts";
import { RANGE_OPTIONS, rangeOf, type RangeOptions } from "./range.ts";
import { type ModelUsage, type TokenTotals, UsageSum } from "./totals.ts";

export const BLOCK_MS = 5 * HOUR_MS;
const MINUTE_MS = 60_000;

/** The burn is that of an active block with more than one message; null otherwise. */
export interface BlockRow extends Burn {
  /** The start as ISO 8601; `gap-` before that of a gap. */
  readonly id: string;
  /** ISO 8601, UTC. */
  readonly startTime: string;
  readonly endTime: string;
  /** When its last message was; null for a gap. */
  readonly actualEndTime: string | null;
  /** True while the block may still grow. */
  readonly isActive: boolean;
  /** True for the time between two blocks in which nothing happened. */
  readonly isGap: boolean;
  /** Messages. */
  readonly entries: number;
  readonly tokenCounts: {
    readonly inputTokens: number;
    readonly outputTokens: number;
    readonly cacheCreationInputTokens: number;
    readonly cacheReadInputTokens: number;
  };
  readonly totalTokens: number;
  /** USD of everything whose price is known. */
  readonly costUSD: number;
  readonly models: readonly string[];
  readonly unpricedModels: readonly string[];
}

export interface BlockReport {
  /** By start, in the order asked for. */
  readonly blocks: readonly BlockRow[];
  /** Of the blocks. */
  readonly totals: TokenTotals;
  readonly unpricedModels: readonly string[];
}

export interface BlockReportOptions extends RangeOptions {
  /** Epoch milliseconds: what `isActive` is held against. */
  readonly nowMs: number;
  /** Only of this agent; five-hour windows are each agent's own. */
  readonly agent?: string;
  /** Only the newest blocks, gaps not counted. */
  readonly last?: number;
  /** `asc`, oldest first, when left out. */
  readonly order?: "asc" | "desc";
}

/** Usage within one hour, or within a part of one that a block's end cuts. */
interface Piece extends ModelUsage {
  readonly hour: number;
  readonly firstAt: number;
  readonly lastAt: number;
}

interface Block {
  readonly startMs: number;
  readonly firstAt: number;
  lastAt: number;
  readonly sum: UsageSum;
  readonly pieces: ModelUsage[];
}

/**
 * Reports five-hour blocks; reads only.
 *
 * A block starts at the UTC hour of its first message. The next message opens a new one when it is more than five
 * hours after that start, or after the message before it; the latter leaves a gap. The range chooses blocks by the
 * day of their start; which messages belong together does not depend on it.
 * @throws {InputError} VALUE_INVALID for an unknown zone, a date that is none or a range that is empty.
 */
export function reportBlocks(store: UsageStore, options: BlockReportOptions): BlockReport {
  checkKeys("reportBlocks", options, [...RANGE_OPTIONS, "nowMs", "agent", "last", "order"]);
  const nowMs = checkTimestamp("nowMs", options.nowMs);
  const order = checkOneOf("order", options.order ?? "asc", ["asc", "desc"]);
  const last =
    options.last === undefined ? Infinity : checkInteger("last", options.last, 1, 100_000);
  const { fromMs, toMs } = rangeOf(options);
  const blocks = buildBlocks(store, options.agent ?? null)
    .filter(({ startMs }) => startMs >= fromMs && startMs < toMs)
    .slice(last === Infinity ? 0 : -last);
  const whole = new UsageSum();
  for (const { pieces } of blocks) for (const piece of pieces) whole.add(piece);
  const rows = blocks.flatMap((block, index) => {
    const before = blocks[index - 1];
    const gap = before === undefined ? null : gapBetween(before, block);
    return [...(gap === null ? [] : [gap]), rowOf(block, nowMs)];
  });
  return {
    blocks: order === "asc" ? rows : rows.toReversed(),
    totals: whole.totals(),
    unpricedModels: whole.unpricedModels,
  };
}

function buildBlocks(store: UsageStore, agent: string | null): Block[] {
  const blocks: Block[] = [];
  let block: Block | null = null;
  for (const hour of hoursOf(store, agent)) {
    const start = block?.startMs ?? 0;
    // A message at the very end of a block still belongs to it: only then does a block end inside an hour.
    const isCut: boolean =
      block !== null && hour.firstAt === hour.hour && hour.hour - start === BLOCK_MS;
    const parts: readonly Hour[] = isCut ? cut(store, hour, agent) : [hour];
    for (const part of parts) {
      if (block === null || isBeyond(block, part.firstAt)) {
        block = {
          startMs: part.hour,
          firstAt: part.firstAt,
          lastAt: part.lastAt,
          sum: new UsageSum(),
          pieces: [],
        };
        blocks.push(block);
      }
      block.lastAt = Math.max(block.lastAt, part.lastAt);
      for (const piece of part.pieces) {
        block.sum.add(piece);
        block.pieces.push(piece);
      }
    }
  }
  return blocks;
}

function isBeyond({ startMs, lastAt }: Block, at: number): boolean {
  return at - startMs > BLOCK_MS || at - lastAt > BLOCK_MS;
}

interface Hour {
  readonly hour: number;
  readonly firstAt: number;
  readonly lastAt: number;
  readonly pieces: readonly ModelUsage[];
}

/** Hours with usage, ascending. */
function hoursOf(store: UsageStore, agent: string | null): Hour[] {
  const byHour = new Map<number, Piece[]>();
  for (const rollup of store.rollups.list(0, Number.MAX_SAFE_INTEGER)) {
    if (agent !== null && rollup.agent !== agent) continue;
    const { hour } = rollup;
    const pieces = byHour.get(hour) ?? [];
    byHour.set(hour, pieces);
    pieces.push({
      ...rollup,
      firstAt: rollup.first_at ?? hour,
      lastAt: rollup.last_at ?? hour,
    });
  }
  return [...byHour].map(([hour, pieces]) => hourOf(hour, pieces));
}

function hourOf(hour: number, pieces: readonly Piece[]): Hour {
  return {
    hour,
    firstAt: Math.min(...pieces.map(({ firstAt }) => firstAt)),
    lastAt: Math.max(...pieces.map(({ lastAt }) => lastAt)),
    pieces,
  };
}

/** An hour in two: its very first millisecond, and the rest. */
function cut(store: UsageStore, { hour }: Hour, agent: string | null): Hour[] {
  const within = (fromMs: number, toMs: number): Hour[] => {
    const pieces = readSlices(store.connection, store.prices.book(), {
      keys: ["agent"],
      fromMs,
      toMs,
    })
      .filter((slice) => agent === null || slice.agent === agent)
      .map((slice) => ({ ...slice, hour, firstAt: slice.first_at, lastAt: slice.last_at }));
    return pieces.length === 0 ? [] : [hourOf(hour, pieces)];
  };
  return [...within(hour, hour + 1), ...within(hour + 1, hour + HOUR_MS)];
}

const iso = (ms: number): string => new Date(ms).toISOString();

function gapBetween(before: Block, after: Block): BlockRow | null {
  if (after.firstAt - before.lastAt <= BLOCK_MS) return null;
  const startTime = iso(before.lastAt + BLOCK_MS);
  const counts = { inputTokens: 0, outputTokens: 0 };
  return {
    id: `gap-${startTime}`,
    startTime,
    endTime: iso(after.firstAt),
    actualEndTime: null,
    isActive: false,
    isGap: true,
    entries: 0,
    tokenCounts: { ...counts, cacheCreationInputTokens: 0, cacheReadInputTokens: 0 },
    totalTokens: 0,
    costUSD: 0,
    models: [],
    unpricedModels: [],
    ...NO_BURN,
  };
}

function rowOf({ startMs, firstAt, lastAt, sum }: Block, nowMs: number): BlockRow {
  const totals = sum.totals();
  const endMs = startMs + BLOCK_MS;
  const isActive = nowMs - lastAt < BLOCK_MS && nowMs < endMs;
  const minutes = (lastAt - firstAt) / MINUTE_MS;
  const remainingMinutes = Math.max(0, (endMs - nowMs) / MINUTE_MS);
  return {
    id: iso(startMs),
    startTime: iso(startMs),
    endTime: iso(endMs),
    actualEndTime: iso(lastAt),
    isActive,
    isGap: false,
    entries: sum.messageCount,
    tokenCounts: {
      inputTokens: totals.inputTokens,
      outputTokens: totals.outputTokens,
      cacheCreationInputTokens: totals.cacheCreationTokens,
      cacheReadInputTokens: totals.cacheReadTokens,
    },
    totalTokens: totals.totalTokens,
    costUSD: totals.totalCost,
    models: sum.models,
    unpricedModels: sum.unpricedModels,
    ...(isActive ? burnOf(totals, { minutes, remainingMinutes }) : NO_BURN),
  };
}
