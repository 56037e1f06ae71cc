/** What is known at a moment beside one session: what snapshots tell of all of them. */
import { usdOf } from "../store/rates.ts";
import { sessionStats } from "../store/session-stats.ts";
import type {
  LimitStats,
  OfficialLimitStats,
  PredictionStats,
  RecentSession,
  StatsMoment,
  TotalStats,
} from "../store/usage-stats.ts";
import type { UsageStore } from "../store/usage-store.ts";
import type { Limit } from "./limits.ts";
import { type LiveBlock, type OfficialLimit, reportLive } from "./live.ts";

/** One more than a snapshot shows, because its own session is left out. */
const RECENT_SESSIONS = 6;
/** Sessions of hooks alone have no messages; so many are looked at. */
const LOOKED_AT = 24;

export interface StatsMomentOptions {
  /** Whose five-hour block burn rate and predictions are of. */
  readonly agent: string;
  /** Epoch milliseconds. */
  readonly nowMs: number;
  /** False leaves out the block, which is most of the work: burn rate and predictions are null then. */
  readonly isWhole: boolean;
}

/**
 * Reads recent sessions, burn rate, predictions and totals in the figures of the reports; call inside a
 * transaction, so that they belong together. Writes nothing.
 */
export function statsMoment(
  store: UsageStore,
  { agent, nowMs, isWhole }: StatsMomentOptions,
): StatsMoment {
  const live = isWhole ? reportLive(store, { agent, nowMs }) : null;
  const block = live?.block ?? null;
  return {
    recent_sessions: recentSessions(store),
    burn_rate:
      block === null || block.burnRate === null
        ? null
        : {
            tokens_per_minute: block.burnRate.tokensPerMinute,
            cost_per_hour: block.burnRate.costPerHour,
          },
    predictions: block === null ? null : predictionsOf(block, live?.official ?? []),
    totals: totalsOf(store),
  };
}

function recentSessions(store: UsageStore): RecentSession[] {
  const found: RecentSession[] = [];
  for (const { session_id: id } of store.sessions.recent(LOOKED_AT)) {
    const stats = sessionStats(store, id);
    if (stats === null) continue;
    found.push({
      session_id: id,
      agent: stats.agent,
      project: stats.project,
      started_at: stats.started_at,
      last_seen_at: stats.last_seen_at,
      message_count: stats.message_count,
      total_tokens: stats.total_tokens,
      cost_usd: stats.cost_usd,
      is_cost_complete: stats.is_cost_complete,
    });
    if (found.length === RECENT_SESSIONS) break;
  }
  return found.sort((a, b) => b.last_seen_at - a.last_seen_at);
}

function predictionsOf(block: LiveBlock, official: readonly OfficialLimit[]): PredictionStats {
  const { limits, projection } = block;
  return {
    block_started_at: Date.parse(block.startTime),
    block_ends_at: Date.parse(block.endTime),
    total_tokens: block.totalTokens,
    projected_tokens: projection?.totalTokens ?? null,
    projected_cost_usd: projection?.totalCost ?? null,
    limits: {
      tokens: limitOf(limits.tokens),
      cost_usd: limits.costUsd === null ? null : limitOf(limits.costUsd),
      messages: limits.messages === null ? null : limitOf(limits.messages),
    },
    official: official.map(officialOf),
  };
}

const momentOrNull = (iso: string | null): number | null => (iso === null ? null : Date.parse(iso));

function limitOf({ used, limit, usedPercent, source, projected, reachedAt }: Limit): LimitStats {
  return {
    used,
    limit,
    used_percent: usedPercent,
    source,
    projected,
    reached_at: momentOrNull(reachedAt),
  };
}

function officialOf(limit: OfficialLimit): OfficialLimitStats {
  return {
    limit_name: limit.name,
    window_minutes: limit.windowMinutes,
    used_percent: limit.usedPercent,
    resets_at: Date.parse(limit.resetsAt),
    observed_at: Date.parse(limit.observedAt),
    reached_at: momentOrNull(limit.reachedAt),
  };
}

/** From the hours, which are kept in step with the messages. */
function totalsOf(store: UsageStore): TotalStats {
  const [row = []] = store.connection
    .prepare(
      `SELECT sum(message_count), sum(input_tokens), sum(output_tokens),
         sum(cache_write_5m_tokens + cache_write_1h_tokens), sum(cache_read_tokens),
         sum(cost_picousd), count(cost_picousd), count(*)
       FROM usage_rollups`,
      "read rollups",
    )
    .values();
  const [messages, input, output, written, read, picoUsd, priced, hours] = row.map((value) =>
    Number(value ?? 0),
  ) as [number, number, number, number, number, number, number, number];
  return {
    message_count: messages,
    input_tokens: input,
    output_tokens: output,
    cache_creation_tokens: written,
    cache_read_tokens: read,
    total_tokens: input + output + written + read,
    cost_usd: priced === 0 && hours > 0 ? null : usdOf(picoUsd),
    is_cost_complete: priced === hours,
  };
}
