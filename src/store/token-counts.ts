/** The counters that everything about usage has. */

export const HOUR_MS = 3_600_000;

/** The counters of a message or of a sum of them. */
export interface TokenCounts {
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly cache_write_5m_tokens: number;
  readonly cache_write_1h_tokens: number;
  readonly cache_read_tokens: number;
}
