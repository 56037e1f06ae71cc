/** The one dedupe rule that every report shares, as questions about lines that claim to be a message. */
import type { NewUsageMessage } from "./usage-messages.ts";
import type { TokenCounts } from "./token-counts.ts";

interface Claim {
  readonly request_id: string;
  readonly is_sidechain: 0 | 1;
}

/**
 * True when one claim on a message makes another one, under another request, a mere copy. A strict order, so
 * that the claims that are left do not depend on which came first.
 */
export function outranks(claim: Claim, other: Claim): boolean {
  if (claim.request_id === other.request_id) return false;
  if (claim.is_sidechain !== other.is_sidechain) return claim.is_sidechain === 0;
  return claim.request_id !== "" && other.request_id === "";
}

type Mergeable = Pick<NewUsageMessage, "session_id" | "project" | "reported_cost_usd">;

/** The figures of the better line, with the session and project that had the message first. */
export function mergeInto<M extends Mergeable>(known: Mergeable, better: M): M {
  return {
    ...better,
    session_id: known.session_id,
    project: known.project,
    reported_cost_usd: better.reported_cost_usd ?? known.reported_cost_usd,
  };
}

export function totalTokens(counts: TokenCounts): number {
  return (
    counts.input_tokens +
    counts.output_tokens +
    counts.cache_write_5m_tokens +
    counts.cache_write_1h_tokens +
    counts.cache_read_tokens
  );
}

/**
 * True when `candidate` should stand for the message instead of `known`. A strict order over everything that may
 * differ between two lines, so that it does not matter which was read first.
 */
export function isBetter(candidate: Comparable, known: Comparable): boolean {
  if (candidate.is_sidechain !== known.is_sidechain) return candidate.is_sidechain === 0;
  const difference = totalTokens(candidate) - totalTokens(known);
  if (difference !== 0) return difference > 0;
  if (candidate.timestamp !== known.timestamp) return candidate.timestamp < known.timestamp;
  for (const name of TIE_BREAKERS) {
    if (candidate[name] !== known[name]) return candidate[name] > known[name];
  }
  return false;
}

type Comparable = TokenCounts & { readonly is_sidechain: 0 | 1; readonly timestamp: number };

/** Equal totals that are made up differently: rare, and then any fixed order does. */
const TIE_BREAKERS = [
  "output_tokens",
  "input_tokens",
  "cache_write_1h_tokens",
  "cache_write_5m_tokens",
] as const;
