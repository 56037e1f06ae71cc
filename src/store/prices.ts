/** Prices: what a model's tokens cost from when on, and where that was learned. */
import type { Connection, Prepared } from "../engine/sqlite/connection.ts";
import { checkNonEmpty, checkTimestamp } from "./checks.ts";
import { checkRates, costPicoUsd, type Rates, tierStarts } from "./rates.ts";
import type { TokenCounts } from "./token-counts.ts";

export interface Price {
  readonly price_id: number;
  readonly model: string;
  readonly kind: PriceKind;
  /** Epoch milliseconds; 0 means from the beginning. */
  readonly valid_from: number;
  /** `Rates` as JSON; null where the catalogue was asked and knows nothing. */
  readonly rates: string | null;
  /** `genai-prices 0.1.8`, or who set it. */
  readonly source: string;
  readonly created_at: number;
}

/** Each beats those before it. */
export type PriceKind = "catalogue" | "repriced" | "override";

export const PRICE_COLUMNS = [
  "price_id",
  "model",
  "kind",
  "valid_from",
  "rates",
  "source",
  "created_at",
] as const satisfies readonly (keyof Price)[];

export interface DatedRates {
  /** Epoch milliseconds; 0 means from the beginning. */
  readonly validFrom: number;
  readonly rates: Rates;
}

const RANKS: readonly PriceKind[] = ["catalogue", "repriced", "override"];

interface KnownPrice extends DatedRates {
  readonly rank: number;
}

/** The prices as they are at one moment. */
export class PriceBook {
  readonly #byModel: ReadonlyMap<string, readonly KnownPrice[]>;
  /** Inputs of a request above which the rate of some model changes, ascending. */
  readonly tierStarts: readonly number[];
  /** Moments at which the rates of some model change, ascending. */
  readonly changes: readonly number[];

  constructor(prices: readonly Price[]) {
    const byModel = new Map<string, KnownPrice[]>();
    for (const { model, kind, valid_from, rates } of prices) {
      if (rates === null) continue;
      const known: KnownPrice = {
        validFrom: valid_from,
        rates: checkRates(JSON.parse(rates)),
        rank: RANKS.indexOf(kind),
      };
      byModel.set(model, [...(byModel.get(model) ?? []), known]);
    }
    const all = [...byModel.values()].flat();
    this.#byModel = byModel;
    this.tierStarts = ascending(all.flatMap(({ rates }) => tierStarts(rates)));
    this.changes = ascending(all.map(({ validFrom }) => validFrom).filter((at) => at > 0));
  }

  /** The rates of a model at a moment; null when they are not known. */
  ratesAt(model: string, atMs: number): Rates | null {
    let best: KnownPrice | null = null;
    for (const price of this.#byModel.get(model) ?? []) {
      if (price.validFrom > atMs) continue;
      const isBetter =
        best === null ||
        price.rank > best.rank ||
        (price.rank === best.rank && price.validFrom > best.validFrom);
      if (isBetter) best = price;
    }
    return best?.rates ?? null;
  }

  /** What requests of one tier cost at a moment, in 1e-12 USD; null when the price is not known. */
  costOf(usage: TokenCounts & Priced): number | null {
    const rates = this.ratesAt(usage.model, usage.timestamp);
    return rates === null ? null : costPicoUsd(usage, usage.requestTokens, rates);
  }
}

export interface Priced {
  readonly model: string;
  /** Epoch milliseconds. */
  readonly timestamp: number;
  /** The whole input of one request, caches included. */
  readonly requestTokens: number;
}

/** The whole input of a request. */
export function requestTokensOf(counts: TokenCounts): number {
  return (
    counts.input_tokens +
    counts.cache_read_tokens +
    counts.cache_write_5m_tokens +
    counts.cache_write_1h_tokens
  );
}

function ascending(numbers: readonly number[]): number[] {
  return [...new Set(numbers)].sort((a, b) => a - b);
}

export class PriceStore {
  readonly #connection: Connection;
  readonly #now: () => number;
  readonly #list: Prepared<Price>;
  readonly #put: Prepared;
  readonly #delete: Prepared;

  constructor(connection: Connection, now: () => number) {
    this.#connection = connection;
    this.#now = now;
    this.#list = connection.prepare<Price>(
      `SELECT ${PRICE_COLUMNS.join(", ")} FROM prices ORDER BY model, kind, valid_from`,
      "read prices",
    );
    this.#put = connection.prepare(
      `INSERT INTO prices (model, kind, valid_from, rates, source, created_at)
       VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (model, kind, valid_from) DO UPDATE
       SET rates = excluded.rates, source = excluded.source, created_at = excluded.created_at`,
      "store a price",
    );
    this.#delete = connection.prepare(
      "DELETE FROM prices WHERE model = ? AND kind = ?",
      "store a price",
    );
  }

  /** Every price, by model, kind and time. */
  list(): Price[] {
    return this.#list.all();
  }

  book(): PriceBook {
    return new PriceBook(this.list());
  }

  /**
   * Puts a model's prices of one kind in the place of those that stand there; none leaves, for the catalogue, the
   * note that it was asked. The hours of the model have to be priced again in the same transaction: see
   * `UsageRollupStore.reprice`.
   * @throws {InputError} VALUE_INVALID for rates that are none.
   */
  replace(
    model: string,
    kind: PriceKind,
    { prices, source }: { readonly prices: readonly DatedRates[]; readonly source: string },
  ): void {
    checkNonEmpty("model", model);
    this.#connection.transaction(() => {
      this.#delete.run(model, kind);
      const at = this.#now();
      for (const { validFrom, rates } of prices) {
        if (validFrom !== 0) checkTimestamp("validFrom", validFrom);
        this.#put.run(model, kind, validFrom, JSON.stringify(checkRates(rates)), source, at);
      }
      if (prices.length === 0 && kind === "catalogue")
        this.#put.run(model, kind, 0, null, source, at);
    }, "store prices");
  }
}
