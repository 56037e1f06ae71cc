/** The figures of one session, as snapshots tell them. */
import { usdOf } from "./rates.ts";
import type { TokenCounts } from "./token-counts.ts";
import type { ModelStats, SessionStats, StatsCost, StatsTokens } from "./usage-stats.ts";
import type { UsageSessionTotal } from "./usage-session-totals.ts";
import type { UsageStore } from "./usage-store.ts";

/** Null when the session has no messages; reads only. */
export function sessionStats(store: UsageStore, sessionId: string): SessionStats | null {
  const totals = store.sessionTotals.ofSession(sessionId);
  if (totals.length === 0) return null;
  const session = store.sessions.get(sessionId);
  const whole = new StatsSum();
  const models = new Map<string, StatsSum>();
  for (const total of totals) {
    const model = models.get(total.model) ?? new StatsSum();
    models.set(total.model, model);
    model.add(total);
    whole.add(total);
  }
  return {
    session_id: sessionId,
    agent: session?.agent ?? null,
    project: session?.project ?? null,
    started_at: Math.min(...totals.map(({ first_at }) => first_at)),
    last_seen_at: Math.max(...totals.map(({ last_at }) => last_at)),
    ...whole.figures(),
    models: [...models]
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([model, sum]): ModelStats => ({ model, ...sum.figures() })),
  };
}

type Priced = TokenCounts &
  Pick<UsageSessionTotal, "message_count" | "cost_picousd" | "unpriced_count">;

/** Adds up what snapshots tell. */
class StatsSum {
  #messages = 0;
  #input = 0;
  #output = 0;
  #written = 0;
  #read = 0;
  #picoUsd = 0;
  #unpriced = 0;

  add(usage: Priced): void {
    this.#messages += usage.message_count;
    this.#input += usage.input_tokens;
    this.#output += usage.output_tokens;
    this.#written += usage.cache_write_5m_tokens + usage.cache_write_1h_tokens;
    this.#read += usage.cache_read_tokens;
    this.#picoUsd += usage.cost_picousd ?? 0;
    this.#unpriced += usage.cost_picousd === null ? usage.message_count : usage.unpriced_count;
  }

  figures(): { readonly message_count: number } & StatsTokens & StatsCost {
    return {
      message_count: this.#messages,
      input_tokens: this.#input,
      output_tokens: this.#output,
      cache_creation_tokens: this.#written,
      cache_read_tokens: this.#read,
      total_tokens: this.#input + this.#output + this.#written + this.#read,
      cost_usd: this.#unpriced === this.#messages ? null : usdOf(this.#picoUsd),
      is_cost_complete: this.#unpriced === 0,
    };
  }
}
