/** Sums of usage, in the names that ccusage's readers know. */
import { usdOf } from "../store/rates.ts";
import type { TokenCounts } from "../store/token-counts.ts";

export interface TokenTotals {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheCreationTokens: number;
  readonly cacheReadTokens: number;
  readonly totalTokens: number;
  /** USD of everything whose price is known; see `unpricedModels` for the rest. */
  readonly totalCost: number;
}

export interface ModelBreakdown extends Omit<TokenTotals, "totalTokens" | "totalCost"> {
  readonly modelName: string;
  /** USD; null where the price is not known, which is not the same as nothing. */
  readonly cost: number | null;
}

/** Usage of one model, however far it was summed up. */
export interface ModelUsage extends TokenCounts {
  readonly model: string;
  readonly message_count: number;
  /** In 1e-12 USD; null where the price is not known. */
  readonly cost_picousd: number | null;
  /** Messages without a price, which the cost leaves out. */
  readonly unpriced_count?: number;
}

interface ModelSum {
  inputTokens: number;
  outputTokens: number;
  cacheCreationTokens: number;
  cacheReadTokens: number;
  messageCount: number;
  picoUsd: number;
  isPriced: boolean;
}

/** Adds up usage by model. */
export class UsageSum {
  readonly #models = new Map<string, ModelSum>();

  add(usage: ModelUsage): void {
    let sum = this.#models.get(usage.model);
    if (sum === undefined) {
      sum = emptySum();
      this.#models.set(usage.model, sum);
    }
    sum.inputTokens += usage.input_tokens;
    sum.outputTokens += usage.output_tokens;
    sum.cacheCreationTokens += usage.cache_write_5m_tokens + usage.cache_write_1h_tokens;
    sum.cacheReadTokens += usage.cache_read_tokens;
    sum.messageCount += usage.message_count;
    if (usage.cost_picousd === null || (usage.unpriced_count ?? 0) > 0) sum.isPriced = false;
    if (usage.cost_picousd !== null) sum.picoUsd += usage.cost_picousd;
  }

  /** Adds everything that another sum has. */
  addAll(other: UsageSum): void {
    for (const [model, part] of other.#models) {
      let sum = this.#models.get(model);
      if (sum === undefined) {
        sum = emptySum();
        this.#models.set(model, sum);
      }
      sum.inputTokens += part.inputTokens;
      sum.outputTokens += part.outputTokens;
      sum.cacheCreationTokens += part.cacheCreationTokens;
      sum.cacheReadTokens += part.cacheReadTokens;
      sum.messageCount += part.messageCount;
      sum.picoUsd += part.picoUsd;
      sum.isPriced &&= part.isPriced;
    }
  }

  get isEmpty(): boolean {
    return this.#models.size === 0;
  }

  get messageCount(): number {
    let total = 0;
    for (const { messageCount } of this.#models.values()) total += messageCount;
    return total;
  }

  /** By name. */
  get models(): string[] {
    return [...this.#models.keys()].sort();
  }

  /** Models of which at least one message has no price, by name. */
  get unpricedModels(): string[] {
    return this.models.filter((model) => this.#models.get(model)?.isPriced === false);
  }

  totals(): TokenTotals {
    let [inputTokens, outputTokens, cacheCreationTokens, cacheReadTokens, picoUsd] = [
      0, 0, 0, 0, 0,
    ];
    for (const sum of this.#models.values()) {
      inputTokens += sum.inputTokens;
      outputTokens += sum.outputTokens;
      cacheCreationTokens += sum.cacheCreationTokens;
      cacheReadTokens += sum.cacheReadTokens;
      picoUsd += sum.picoUsd;
    }
    return {
      inputTokens,
      outputTokens,
      cacheCreationTokens,
      cacheReadTokens,
      totalTokens: inputTokens + outputTokens + cacheCreationTokens + cacheReadTokens,
      totalCost: usdOf(picoUsd),
    };
  }

  /** One a model, by name. */
  breakdowns(): ModelBreakdown[] {
    return this.models.map((modelName) => {
      const sum = this.#models.get(modelName) as ModelSum;
      return {
        modelName,
        inputTokens: sum.inputTokens,
        outputTokens: sum.outputTokens,
        cacheCreationTokens: sum.cacheCreationTokens,
        cacheReadTokens: sum.cacheReadTokens,
        cost: sum.isPriced ? usdOf(sum.picoUsd) : null,
      };
    });
  }
}

function emptySum(): ModelSum {
  return {
    inputTokens: 0,
    outputTokens: 0,
    cacheCreationTokens: 0,
    cacheReadTokens: 0,
    messageCount: 0,
    picoUsd: 0,
    isPriced: true,
  };
}
