/** The figures of one session, as snapshots tell them. */
import { readSlices } from "./message-slices.ts";
import type { PriceBook } from "./prices.ts";
import { usdOf } from "./rates.ts";
import type { TokenCounts } from "./token-counts.ts";
import type { ModelStats, SessionStats, StatsCost, StatsTokens } from "./usage-stats.ts";
import type { UsageStore } from "./usage-store.ts";

/** Null when the session has no messages; reads only. */
export function sessionStats(
  store: UsageStore,
  sessionId: string,
  book: PriceBook,
): SessionStats | null {
  const slices = readSlices(store.connection, book, { keys: [], sessionId });
  if (slices.length === 0) return null;
  const session = store.sessions.get(sessionId);
  const whole = new StatsSum();
  const models = new Map<string, StatsSum>();
  for (const slice of slices) {
    const model = models.get(slice.model) ?? new StatsSum();
    models.set(slice.model, model);
    model.add(slice);
    whole.add(slice);
  }
  return {
    session_id: sessionId,
    agent: session?.agent ?? null,
    project: session?.project ?? null,
    started_at: Math.min(...slices.map(({ first_at }) => first_at)),
    last_seen_at: Math.max(...slices.map(({ last_at }) => last_at)),
    ...whole.figures(),
    models: [...models]
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([model, sum]): ModelStats => ({ model, ...sum.figures() })),
  };
}

/** Usage of any kind that knows its price, or that it has none. */
type Priced = TokenCounts & {
  readonly message_count: number;
  /** In 1e-12 USD; null where the price is not known. */
  readonly cost_picousd: number | null;
};

/** Adds up what snapshots tell. */
export class StatsSum {
  #messages = 0;
  #input = 0;
  #output = 0;
  #written = 0;
  #read = 0;
  #picoUsd = 0;
  #priced = 0;
  #unpriced = 0;

  add(usage: Priced): void {
    this.#messages += usage.message_count;
    this.#input += usage.input_tokens;
    this.#output += usage.output_tokens;
    this.#written += usage.cache_write_5m_tokens + usage.cache_write_1h_tokens;
    this.#read += usage.cache_read_tokens;
    this.#picoUsd += usage.cost_picousd ?? 0;
    if (usage.cost_picousd === null) this.#unpriced++;
    else this.#priced++;
  }

  figures(): { readonly message_count: number } & StatsTokens & StatsCost {
    return {
      message_count: this.#messages,
      input_tokens: this.#input,
      output_tokens: this.#output,
      cache_creation_tokens: this.#written,
      cache_read_tokens: this.#read,
      total_tokens: this.#input + this.#output + this.#written + this.#read,
      cost_usd: this.#priced === 0 && this.#unpriced > 0 ? null : usdOf(this.#picoUsd),
      is_cost_complete: this.#unpriced === 0,
    };
  }
}
