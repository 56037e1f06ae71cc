/** One `stats` snapshot for each session that a sync changed. */
import type { UsageStore } from "../store/usage-store.ts";

/** Version 1 of a `stats` snapshot's JSON. Tokens are whole numbers, times are epoch milliseconds. */
export interface SessionStats {
  readonly version: 1;
  readonly current_session: {
    readonly session_id: string;
    readonly agent: string | null;
    readonly project: string | null;
    readonly started_at: number;
    readonly last_seen_at: number;
    readonly message_count: number;
    readonly models: readonly SessionModelStats[];
  };
  readonly totals: TokenStats;
}

interface TokenStats {
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly cache_creation_tokens: number;
  readonly cache_read_tokens: number;
  readonly total_tokens: number;
}

interface SessionModelStats extends TokenStats {
  readonly model: string;
  readonly message_count: number;
}

/**
 * Stores a snapshot of each session whose figures differ from its last one, and enters it into `written`; a
 * session that stands there already has its snapshot brought up to date, so that one sync leaves one.
 */
export function storeSessionSnapshots(
  store: UsageStore,
  sessionIds: Iterable<string>,
  written: Map<string, number>,
): void {
  for (const session_id of sessionIds) {
    const stats = sessionStats(store, session_id);
    if (stats === null) continue;
    const snapshot_data = JSON.stringify(stats);
    const writtenId = written.get(session_id);
    if (writtenId !== undefined) {
      store.snapshots.replaceData(writtenId, snapshot_data);
    } else if (store.snapshots.latest(session_id)?.snapshot_data !== snapshot_data) {
      written.set(session_id, store.snapshots.insert({ session_id, snapshot_data }).id);
    }
  }
}

/** The figures of a session; null when it has no messages. */
export function sessionStats(store: UsageStore, sessionId: string): SessionStats | null {
  const usage = store.messages.sessionUsage(sessionId);
  if (usage.length === 0) return null;
  const session = store.sessions.get(sessionId);
  const models = usage.map(({ model, message_count, ...counts }) => {
    const cache_creation_tokens = counts.cache_write_5m_tokens + counts.cache_write_1h_tokens;
    const { input_tokens, output_tokens, cache_read_tokens } = counts;
    const total_tokens = input_tokens + output_tokens + cache_creation_tokens + cache_read_tokens;
    return {
      model,
      message_count,
      input_tokens,
      output_tokens,
      cache_creation_tokens,
      cache_read_tokens,
      total_tokens,
    };
  });
  const sum = (name: keyof TokenStats | "message_count"): number =>
    models.reduce((total, model) => total + model[name], 0);
  return {
    version: 1,
    current_session: {
      session_id: sessionId,
      agent: session?.agent ?? null,
      project: session?.project ?? null,
      started_at: Math.min(...usage.map(({ first_at }) => first_at)),
      last_seen_at: Math.max(...usage.map(({ last_at }) => last_at)),
      message_count: sum("message_count"),
      models,
    },
    totals: {
      input_tokens: sum("input_tokens"),
      output_tokens: sum("output_tokens"),
      cache_creation_tokens: sum("cache_creation_tokens"),
      cache_read_tokens: sum("cache_read_tokens"),
      total_tokens: sum("total_tokens"),
    },
  };
}
