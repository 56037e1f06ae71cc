/** What a Codex rollout's line needs to know of the lines before it; kept as JSON between two syncs. */
import { isFields } from "../json-fields.ts";
import type { WindowLimit } from "./rate-limits.ts";
import type { TokenUsage } from "./token-usage.ts";

export interface CodexState {
  readonly version: 1;
  /** From the file's first `session_meta`; null before it. */
  sessionId: string | null;
  project: string | null;
  isSidechain: boolean;
  /** The latest `turn_context`'s. */
  model: string | null;
  /** The running total as last told. */
  total: TokenUsage | null;
  /** Epoch milliseconds at which the file's first line was written: in a copy the parent's lines follow at once. */
  begunAt: number | null;
  /**
   * The last moment that belongs to the parent's history; null in what is no copy, and once the copy went on by
   * itself.
   */
  replayedUntil: number | null;
  /** By the window's minutes. */
  limits: Record<string, WindowLimit>;
}

export function freshState(): CodexState {
  return {
    version: 1,
    sessionId: null,
    project: null,
    isSidechain: false,
    model: null,
    total: null,
    begunAt: null,
    replayedUntil: null,
    limits: {},
  };
}

/** The state that an earlier sync kept; a fresh one when there is none. */
export function restoredState(kept: unknown): CodexState {
  if (!isFields(kept) || kept["version"] !== 1) return freshState();
  const state = { ...freshState(), ...(kept as Partial<CodexState>) };
  // An earlier release kept totals without what was written to the cache.
  if (state.total !== null) state.total = { ...state.total, written: state.total.written ?? 0 };
  return state;
}
