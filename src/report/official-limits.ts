/** What the agents' makers say of their limits, and what that teaches about tokens. */
import { quantile } from "./statistics.ts";

/** As the table of samples has it. */
export interface LimitSample {
  readonly agent: string;
  readonly limit_name: string;
  readonly window_minutes: number;
  readonly used_percent: number;
  /** Epoch milliseconds; null when the maker did not say. */
  readonly resets_at: number | null;
  readonly observed_at: number;
}

/** Usage within one window, up to the moment of a sample. */
export interface WindowUsage {
  /** Input and output. */
  readonly tokens: number;
  readonly costUsd: number;
}

export interface LearnedLimit {
  /** Input and output tokens for one per cent of the window. */
  readonly tokensPerPercent: number;
  /** For the whole window. */
  readonly tokens: number;
  readonly costUsd: number;
  /** Windows it was learned from. */
  readonly windows: number;
  /** How far the middle half of the windows lies apart, as a share of the value: 0 when all agree. */
  readonly spread: number;
  /** `high` from five windows within a fifth, `medium` from three within a half. */
  readonly confidence: "low" | "medium" | "high";
}

/** Below this a percentage, told in whole numbers, says too little. */
export const LEAST_PERCENT = 5;
/** Windows looked at, newest first: plans change. */
const MAX_WINDOWS = 20;
/** Resets of one window are told up to a minute or so apart. */
const SAME_WINDOW_MS = 10 * 60_000;

/** The newest sample that still holds: its window has not ended. */
export function holdingSample(
  samples: readonly LimitSample[],
  nowMs: number,
): (LimitSample & { readonly resets_at: number }) | null {
  let newest: (LimitSample & { readonly resets_at: number }) | null = null;
  for (const sample of samples) {
    const { resets_at, observed_at } = sample;
    if (resets_at === null || resets_at <= nowMs || observed_at > nowMs) continue;
    if (newest === null || isNewer(sample, newest)) newest = { ...sample, resets_at };
  }
  return newest;
}

/** Within one window a percentage only grows: a smaller one is what an idle session repeats. */
function isNewer(
  sample: LimitSample,
  newest: LimitSample & { readonly resets_at: number },
): boolean {
  const resetsAt = sample.resets_at ?? 0;
  if (Math.abs(resetsAt - newest.resets_at) > SAME_WINDOW_MS) return resetsAt > newest.resets_at;
  if (sample.used_percent !== newest.used_percent) return sample.used_percent > newest.used_percent;
  return sample.observed_at > newest.observed_at;
}

/**
 * Learns what one per cent is worth: the middle of what the windows say. Each window speaks once, by the first sample
 * of its highest percentage, because then the percentage had just been reached. Usage elsewhere, which only the maker
 * sees, makes a window say less; the spread shows it.
 * Returns null when no window says anything.
 * @param usageOf what was used in [fromMs, toMs).
 */
export function learnLimit(
  samples: readonly LimitSample[],
  usageOf: (fromMs: number, toMs: number) => WindowUsage,
): LearnedLimit | null {
  const tellers = tellersOf(samples)
    .filter(({ used_percent }) => used_percent >= LEAST_PERCENT)
    .slice(-MAX_WINDOWS);
  const tokenRates: number[] = [];
  const costRates: number[] = [];
  for (const { resets_at, window_minutes, observed_at, used_percent } of tellers) {
    const usage = usageOf(resets_at - window_minutes * 60_000, observed_at + 1);
    if (usage.tokens === 0) continue;
    tokenRates.push(usage.tokens / used_percent);
    costRates.push(usage.costUsd / used_percent);
  }
  const tokensPerPercent = quantile(tokenRates, 0.5);
  const costPerPercent = quantile(costRates, 0.5);
  const [low, high] = [quantile(tokenRates, 0.25), quantile(tokenRates, 0.75)];
  if (tokensPerPercent === null || costPerPercent === null || low === null || high === null)
    return null;
  const spread = (high - low) / tokensPerPercent;
  return {
    tokensPerPercent,
    tokens: Math.round(tokensPerPercent * 100),
    costUsd: costPerPercent * 100,
    windows: tokenRates.length,
    spread,
    confidence: confidenceOf(tokenRates.length, spread),
  };
}

function confidenceOf(windows: number, spread: number): LearnedLimit["confidence"] {
  if (windows >= 5 && spread <= 0.2) return "high";
  return windows >= 3 && spread <= 0.5 ? "medium" : "low";
}

type Teller = LimitSample & { readonly resets_at: number };

/** For each window the first sample of its highest percentage up to 100, by the window's end. */
function tellersOf(samples: readonly LimitSample[]): Teller[] {
  const windows: Teller[] = [];
  const usable = samples
    .filter((sample): sample is Teller => sample.resets_at !== null && sample.used_percent <= 100)
    .sort((a, b) => a.resets_at - b.resets_at || a.observed_at - b.observed_at);
  for (const sample of usable) {
    const last = windows.at(-1);
    if (last === undefined || sample.resets_at - last.resets_at > SAME_WINDOW_MS) {
      windows.push(sample);
      continue;
    }
    const isHigher = sample.used_percent > last.used_percent;
    const isEarlier =
      sample.used_percent === last.used_percent && sample.observed_at < last.observed_at;
    if (isHigher || isEarlier) windows[windows.length - 1] = sample;
  }
  return windows;
}
