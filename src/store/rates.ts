/** What tokens cost at given rates, in whole numbers. */
import { refuseValue } from "../errors.ts";
import type { TokenCounts } from "./token-counts.ts";

/** USD per million tokens; with tiers, a request whose whole input is above `start` pays `price` for every token. */
export type Rate =
  | number
  | {
      readonly base: number;
      readonly tiers: readonly { readonly start: number; readonly price: number }[];
    };

export interface Rates {
  readonly input: Rate;
  readonly output: Rate;
  /** As input when left out. */
  readonly cache_read?: Rate;
  /** As input when left out. */
  readonly cache_write_5m?: Rate;
  /** As the five-minute part when left out. */
  readonly cache_write_1h?: Rate;
}

const NAMES = ["input", "output", "cache_read", "cache_write_5m", "cache_write_1h"] as const;
const PICO_PER_USD = 1e12;
/** One USD per million tokens in millionths of a millionth of a dollar per token. */
const PICO_PER_RATE = 1e6;

/**
 * The cost of requests that all fall into one tier, in 1e-12 USD: exact for every published rate, so sums do not
 * depend on how messages are grouped.
 * @param requestTokens the whole input of any one of the requests, caches included; it chooses the tier.
 */
export function costPicoUsd(counts: TokenCounts, requestTokens: number, rates: Rates): number {
  const of = (rate: Rate): number => Math.round(rateAt(rate, requestTokens) * PICO_PER_RATE);
  const write5m = rates.cache_write_5m ?? rates.input;
  return (
    counts.input_tokens * of(rates.input) +
    counts.output_tokens * of(rates.output) +
    counts.cache_read_tokens * of(rates.cache_read ?? rates.input) +
    counts.cache_write_5m_tokens * of(write5m) +
    counts.cache_write_1h_tokens * of(rates.cache_write_1h ?? write5m)
  );
}

export function usdOf(picoUsd: number): number {
  return picoUsd / PICO_PER_USD;
}

function rateAt(rate: Rate, requestTokens: number): number {
  if (typeof rate === "number") return rate;
  return rate.tiers.reduce(
    (price, tier) => (requestTokens > tier.start ? tier.price : price),
    rate.base,
  );
}

/** The inputs above which some rate changes. */
export function tierStarts(rates: Rates): number[] {
  return NAMES.flatMap((name) => {
    const rate = rates[name];
    return rate === undefined || typeof rate === "number"
      ? []
      : rate.tiers.map(({ start }) => start);
  });
}

/**
 * Reads rates from JSON or from a caller.
 * @throws {InputError} VALUE_INVALID for anything but non-negative numbers, tiers ascending.
 */
export function checkRates(value: unknown): Rates {
  if (typeof value !== "object" || value === null)
    return refuseValue("rates", String(value), "an object");
  const rates = value as Record<string, unknown>;
  const unknown = Object.keys(rates).find((name) => !NAMES.includes(name as keyof Rates));
  if (unknown !== undefined) refuseValue("rates", `with ${unknown}`, `only ${NAMES.join(", ")}`);
  for (const name of NAMES) {
    const isNeeded = name === "input" || name === "output";
    if ((rates[name] !== undefined || isNeeded) && !isRate(rates[name]))
      refuseValue(
        `rates.${name}`,
        JSON.stringify(rates[name]),
        "USD per million tokens, 0 or more",
      );
  }
  return rates as unknown as Rates;
}

const isPrice = (value: unknown): boolean =>
  typeof value === "number" && Number.isFinite(value) && value >= 0;

function isRate(value: unknown): boolean {
  if (isPrice(value)) return true;
  if (typeof value !== "object" || value === null) return false;
  const { base, tiers } = value as { base?: unknown; tiers?: unknown };
  return (
    isPrice(base) &&
    Array.isArray(tiers) &&
    tiers.every(
      (tier: { start?: unknown; price?: unknown }, index) =>
        isPrice(tier.price) &&
        isPrice(tier.start) &&
        (index === 0 || Number(tier.start) > Number(tiers[index - 1].start)),
    )
  );
}
