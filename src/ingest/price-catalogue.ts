/** Published prices, from genai-prices: asked once for a model, and kept in the database from then on. */
import { refuseNameless } from "../store/nameless-rows.ts";
import { type DatedRates, PriceBook } from "../store/prices.ts";
import { checkRates, type Rate, type Rates } from "../store/rates.ts";
import type { UsageStore } from "../store/usage-store.ts";

type Catalogue = typeof import("@pydantic/genai-prices");
type ModelInfo = import("@pydantic/genai-prices").ModelInfo;
type ModelPrice = import("@pydantic/genai-prices").ModelPrice;

/** The version that package.json pins; a test compares them. */
export const CATALOGUE = "genai-prices 0.1.8";

/** Whose models an agent runs, for a model that its name does not tell. */
const PROVIDERS: Readonly<Record<string, string>> = {
  claude: "anthropic",
  codex: "openai",
  gemini: "google",
};

export interface NewModel {
  readonly model: string;
  readonly agent: string;
}

/**
 * Learns the prices of models that this catalogue was not asked about yet, and prices their hours in the same
 * transaction; returns the models that have a price now. Loading the catalogue takes longer than a small sync, so
 * nothing is loaded when every model is known.
 * @param isRefreshed asks again about every model, whatever was learned before.
 */
export function learnPrices(
  store: UsageStore,
  models: readonly NewModel[],
  isRefreshed = false,
): string[] {
  const asked = new Set(
    store.prices
      .list()
      .filter(({ kind, source }) => kind === "catalogue" && source === CATALOGUE)
      .map(({ model }) => model),
  );
  const wanted = models.filter(({ model }) => model !== "" && (isRefreshed || !asked.has(model)));
  if (wanted.length === 0) return [];
  const catalogue = require("@pydantic/genai-prices") as Catalogue;
  return store.connection.transaction(() => {
    const before = store.prices.book();
    const learned: string[] = [];
    for (const { model, agent } of wanted) {
      const prices = pricesOf(catalogue, model, agent);
      store.prices.replace(model, "catalogue", { prices, source: CATALOGUE });
      if (prices.length > 0) learned.push(model);
    }
    priceAnew(
      store,
      before,
      wanted.map(({ model }) => model),
    );
    return learned;
  }, "store prices");
}

export interface RepriceReport {
  /** Models with usage and a price, by name. */
  readonly priced: readonly string[];
  /** Models with usage and none. */
  readonly unpriced: readonly string[];
}

/**
 * Asks the catalogue again about every model that has usage, and prices all history anew: by the prices of the day
 * each message was written on, or all of it by those of today. Overrides stay, and win.
 */
export function reprice(store: UsageStore, at: "day" | "today"): RepriceReport {
  return store.connection.transaction(() => {
    const models = usedModels(store);
    const names = models.map(({ model }) => model);
    learnPrices(store, models, true);
    const before = store.prices.book();
    for (const { model } of models)
      store.prices.replace(model, "repriced", { prices: [], source: CATALOGUE });
    const now = store.now();
    // An override is no price of today's: it wins anyway, and is gone when it is taken away.
    const book = new PriceBook(store.prices.list().filter(({ kind }) => kind === "catalogue"));
    if (at === "today") {
      for (const { model } of models) {
        const rates = book.ratesAt(model, now);
        const prices = rates === null ? [] : [{ validFrom: 0, rates }];
        store.prices.replace(model, "repriced", { prices, source: CATALOGUE });
      }
    }
    priceAnew(store, before, names);
    const result = store.prices.book();
    const isPriced = (model: string): boolean => result.ratesAt(model, now) !== null;
    return { priced: names.filter(isPriced), unpriced: names.filter((name) => !isPriced(name)) };
  }, "reprice");
}

/** Sets or removes the override of a model, from a moment on, and prices its hours anew. */
export function setOverride(store: UsageStore, model: string, prices: readonly DatedRates[]): void {
  store.connection.transaction(() => {
    const before = store.prices.book();
    store.prices.replace(model, "override", { prices, source: "override" });
    priceAnew(store, before, [model]);
  }, "store prices");
}

/** Prices the hours and sessions of models anew; every message is looked at, so not for models without usage. */
function priceAnew(store: UsageStore, before: PriceBook, changed: readonly string[]): void {
  const used = new Set(usedModels(store).map(({ model }) => model));
  const models = changed.filter((model) => used.has(model));
  if (models.length === 0) return;
  const repricing = { book: store.prices.book(), before, models };
  store.rollups.reprice(repricing);
  store.sessionTotals.reprice(repricing);
}

/** Every model that has usage, with an agent that used it. */
export function usedModels(store: UsageStore): NewModel[] {
  const models = store.connection
    .prepare<{ readonly model: string; readonly agent: string }>(
      "SELECT model, min(agent) AS agent FROM usage_rollups GROUP BY model ORDER BY model",
      "read rollups",
    )
    .all();
  refuseNameless(models, ["model", "agent"]);
  return models;
}

/** The dated prices of a model; none when the catalogue does not know it. */
function pricesOf(catalogue: Catalogue, model: string, agent: string): DatedRates[] {
  const info = find(catalogue, model, agent);
  if (info === null) return [];
  if (!Array.isArray(info.prices)) return datedRates(0, info.prices);
  return info.prices.flatMap(({ constraint, prices }) => {
    // Prices by the time of day are discounts of one provider; the usual price is the one without.
    if (constraint !== undefined && constraint.type !== "start_date") return [];
    const validFrom =
      constraint === undefined ? 0 : Date.parse(`${constraint.start_date}T00:00:00Z`);
    return datedRates(validFrom, prices);
  });
}

/** By the name alone, as it may name another provider than the agent's own; by the agent's where that fails. */
function find(catalogue: Catalogue, model: string, agent: string): ModelInfo | null {
  const providerId = PROVIDERS[agent];
  const options = [...(providerId === undefined ? [] : [{ providerId }]), {}];
  for (const option of options) {
    const found = catalogue.calcPrice({ input_tokens: 1 }, model, option);
    if (found !== null) return found.model;
  }
  return null;
}

function datedRates(validFrom: number, price: ModelPrice): DatedRates[] {
  const rate = (name: string): Rate | undefined => price[name] as Rate | undefined;
  const [input, output] = [rate("input_mtok"), rate("output_mtok")];
  if (input === undefined || output === undefined) return [];
  const parts: [keyof Rates, Rate | undefined][] = [
    ["cache_read", rate("cache_read_mtok")],
    ["cache_write_5m", rate("cache_write_5m_mtok") ?? rate("cache_write_mtok")],
    ["cache_write_1h", rate("cache_write_1h_mtok")],
  ];
  const known = Object.fromEntries(parts.filter(([, part]) => part !== undefined));
  return [{ validFrom, rates: checkRates({ input, output, ...known }) }];
}
