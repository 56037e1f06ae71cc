/** What the plans are said to allow in five hours. */
import type { UsageConfig } from "../store/usage-config.ts";

export type Plan = UsageConfig["plan"];

export interface PlanLimits {
  /** Input and output tokens; the cache's do not count against it. */
  readonly tokens: number;
  readonly costUsd: number;
  readonly messages: number;
}

/** Where the table is from. Its maker publishes none, other versions say otherwise, so what was observed goes before it. */
export const PLAN_LIMITS_SOURCE = "Claude-Code-Usage-Monitor 3.1";

export const PLAN_LIMITS: Readonly<Record<Exclude<Plan, "custom">, PlanLimits>> = {
  pro: { tokens: 19_000, costUsd: 18, messages: 250 },
  max5: { tokens: 88_000, costUsd: 35, messages: 1_000 },
  max20: { tokens: 220_000, costUsd: 140, messages: 2_000 },
};

/** What a limit learned from the blocks of the past never falls below. */
export const LEAST_TOKENS = PLAN_LIMITS.pro.tokens;

/** The agent that the plans are of. */
export const PLAN_AGENT = "claude";
