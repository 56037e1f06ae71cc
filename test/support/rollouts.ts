/** Codex rollouts for tests, one line at a time. */
import { NOON } from "./usage-db.ts";

export interface Counts {
  readonly input: number;
  readonly cached?: number;
  readonly output: number;
  readonly reasoning?: number;
}

export const SESSION = "019c8a4c-ed82-79a1-aa28-7738fc5ab61a";

const at = (time: number): string => new Date(time).toISOString();

export function sessionMeta(
  payload: Readonly<Record<string, unknown>> = {},
  time: number = NOON,
): object {
  return {
    timestamp: at(time),
    type: "session_meta",
    payload: { id: SESSION, timestamp: at(time), cwd: "/home/dev/app", ...payload },
  };
}

export function turnContext(model: string, time: number = NOON): object {
  return { timestamp: at(time), type: "turn_context", payload: { cwd: "/home/dev/app", model } };
}

const usageOf = ({ input, cached = 0, output, reasoning = 0 }: Counts): object => ({
  input_tokens: input,
  cached_input_tokens: cached,
  output_tokens: output,
  reasoning_output_tokens: reasoning,
  total_tokens: input + output,
});

export interface TokenCountLine {
  readonly time: number;
  readonly last?: Counts;
  readonly total?: Counts;
  readonly limits?: object;
}

/** A token count; without counts its `info` is null. */
export function tokenCount({ time, last, total, limits }: TokenCountLine): object {
  const info =
    last === undefined && total === undefined
      ? null
      : {
          ...(total === undefined ? {} : { total_token_usage: usageOf(total) }),
          ...(last === undefined ? {} : { last_token_usage: usageOf(last) }),
        };
  return {
    timestamp: at(time),
    type: "event_msg",
    payload: {
      type: "token_count",
      info,
      ...(limits === undefined ? {} : { rate_limits: limits }),
    },
  };
}

/** A turn's count with its running total: `turns(n)` are n of them, ten seconds apart. */
export function turns(count: number, { from = NOON, gapMs = 10_000, before = 0 } = {}): object[] {
  return Array.from({ length: count }, (_, index) => {
    const nth = before + index + 1;
    return tokenCount({
      time: from + (index + 1) * gapMs,
      last: { input: 100 + nth, cached: 40, output: 20, reasoning: 5 },
      total: {
        input: 100 * nth + (nth * (nth + 1)) / 2,
        cached: 40 * nth,
        output: 20 * nth,
        reasoning: 5 * nth,
      },
    });
  });
}
