/** Token counts as Codex writes them: input with what was read from and written to the cache, output with reasoning. */
import { isFields, tokensOf } from "../json-fields.ts";

export interface TokenUsage {
  readonly input: number;
  readonly cached: number;
  /** Written to the cache; only newer releases tell. */
  readonly written: number;
  readonly output: number;
  readonly reasoning: number;
  readonly total: number;
}

/** Null when there is none; undefined when a count is none. */
export function readTokenUsage(value: unknown): TokenUsage | null | undefined {
  if (!isFields(value)) return null;
  const usage = {
    input: tokensOf(value["input_tokens"]),
    cached: tokensOf(value["cached_input_tokens"]),
    written: tokensOf(value["cache_write_input_tokens"]),
    output: tokensOf(value["output_tokens"]),
    reasoning: tokensOf(value["reasoning_output_tokens"]),
    total: tokensOf(value["total_tokens"]),
  };
  return Math.min(...Object.values(usage)) < 0 ? undefined : usage;
}

export function isSameUsage(left: TokenUsage, right: TokenUsage): boolean {
  return (
    left.input === right.input &&
    left.cached === right.cached &&
    left.output === right.output &&
    left.reasoning === right.reasoning &&
    left.total === right.total
  );
}

/** What a running total grew by; all of it when it started over. */
export function growthOf(total: TokenUsage, before: TokenUsage | null): TokenUsage {
  if (before === null) return total;
  const growth = {
    input: total.input - before.input,
    cached: total.cached - before.cached,
    written: total.written - before.written,
    output: total.output - before.output,
    reasoning: total.reasoning - before.reasoning,
    total: total.total - before.total,
  };
  return Math.min(...Object.values(growth)) < 0 ? total : growth;
}
