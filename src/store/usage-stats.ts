/** What a `stats` snapshot says. Tokens are whole numbers, times are epoch milliseconds, money is USD. */

export interface StatsTokens {
  readonly input_tokens: number;
  readonly output_tokens: number;
  /** Of five minutes and of one hour together. */
  readonly cache_creation_tokens: number;
  readonly cache_read_tokens: number;
  readonly total_tokens: number;
}

export interface StatsCost {
  /** Of everything whose price is known; null when no price is. */
  readonly cost_usd: number | null;
  /** False when the price of something is not known, so that the cost is more than that. */
  readonly is_cost_complete: boolean;
}

export interface ModelStats extends StatsTokens, StatsCost {
  readonly model: string;
  readonly message_count: number;
}

export interface SessionSums extends StatsTokens, StatsCost {
  readonly session_id: string;
  readonly agent: string | null;
  readonly project: string | null;
  /** Of its first and last message. */
  readonly started_at: number;
  readonly last_seen_at: number;
  readonly message_count: number;
}

/** One line of a list; its own snapshot tells more. */
export type RecentSession = Pick<
  SessionSums,
  | "session_id"
  | "agent"
  | "project"
  | "started_at"
  | "last_seen_at"
  | "message_count"
  | "total_tokens"
  | "cost_usd"
  | "is_cost_complete"
>;

export interface SessionStats extends SessionSums {
  /** By name. */
  readonly models: readonly ModelStats[];
}

export interface BurnRateStats {
  readonly tokens_per_minute: number;
  readonly cost_per_hour: number;
}

export interface LimitStats {
  readonly used: number;
  readonly limit: number;
  readonly used_percent: number;
  /** Where the limit is from: `setting`, `learned`, `plan` or `p90`. */
  readonly source: string;
  /** What will be used at the end of the block; null without a rate. */
  readonly projected: number | null;
  /** When the limit is reached at this rate; null when the block ends before. */
  readonly reached_at: number | null;
}

export interface OfficialLimitStats {
  readonly limit_name: string;
  readonly window_minutes: number;
  readonly used_percent: number;
  readonly resets_at: number;
  readonly observed_at: number;
  readonly reached_at: number | null;
}

/** Where the running five-hour block leads. */
export interface PredictionStats {
  readonly block_started_at: number;
  readonly block_ends_at: number;
  readonly total_tokens: number;
  /** At the end of the block; null without a rate. */
  readonly projected_tokens: number | null;
  readonly projected_cost_usd: number | null;
  readonly limits: {
    /** Input and output tokens. */
    readonly tokens: LimitStats;
    readonly cost_usd: LimitStats | null;
    readonly messages: LimitStats | null;
  };
  /** What the agent's maker says. */
  readonly official: readonly OfficialLimitStats[];
}

export interface TotalStats extends StatsTokens, StatsCost {
  readonly message_count: number;
}

/** What is known at a moment beside the session that a snapshot is of. */
export interface StatsMoment {
  /**
   * The sessions active last, newest first, of all agents; without the snapshot's own. Empty in the snapshot of a
   * session that was active before all of them: that is history which was read late.
   */
  readonly recent_sessions: readonly RecentSession[];
  /** Of the five-hour block of the session's agent; null when none goes on, or without a span of time. */
  readonly burn_rate: BurnRateStats | null;
  /** Null when no block goes on; and, like the burn rate, in what a sync stores before its last batch. */
  readonly predictions: PredictionStats | null;
  /** Of everything that the database holds. */
  readonly totals: TotalStats;
}

/** Version 2, the one that is written. */
export interface UsageStats extends StatsMoment {
  readonly version: 2;
  readonly current_session: SessionStats;
}

/** Version 1, which told of its session only: `totals` are the session's. */
export interface UsageStatsV1 {
  readonly version: 1;
  readonly current_session: Omit<SessionSums, keyof StatsTokens | keyof StatsCost> & {
    readonly models: readonly (StatsTokens & {
      readonly model: string;
      readonly message_count: number;
    })[];
  };
  readonly totals: StatsTokens;
}
