import { CATALOGUE, reprice as repriceAll, setOverride } from "../../ingest/price-catalogue.ts";
import { InputError } from "../../errors.ts";
import type { DatedRates } from "../../store/prices.ts";
import { type Rate, type Rates } from "../../store/rates.ts";
import { type ArgValues, type Command, GLOBAL_ARGS } from "../command.ts";
import { openDatabase } from "../database.ts";

const RATE_ARGS = {
  input: { type: "string", valueHint: "USD", description: "per million input tokens" },
  output: { type: "string", valueHint: "USD", description: "per million output tokens" },
  "cache-read": { type: "string", valueHint: "USD", description: "(default: as input)" },
  "cache-write-5m": { type: "string", valueHint: "USD", description: "(default: as input)" },
  "cache-write-1h": {
    type: "string",
    valueHint: "USD",
    description: "(default: as the five-minute part)",
  },
} as const;

export const pricesList: Command = {
  meta: { name: "list", description: "Print the prices that are used, and where they come from" },
  args: { ...GLOBAL_ARGS },
  examples: [["usagedb prices list", "USD per million tokens, by model and date"]],
  run: async (context) => {
    const { output } = context;
    using db = openDatabase(context, "read");
    const prices = db.prices.list().map(({ rates, ...price }) => ({
      ...price,
      rates: rates === null ? null : (JSON.parse(rates) as Rates),
    }));
    output.json(prices);
    if (output.isJson) return 0;
    if (prices.length === 0) {
      output.text("No prices yet: they are learned when a model is first used.");
      return 0;
    }
    const { renderTable } = await import("../table.ts");
    const right = (title: string) => ({ title, align: "right" as const });
    output.text(
      renderTable(
        [
          { title: "Model" },
          { title: "From" },
          right("Input"),
          right("Output"),
          right("Read"),
          right("Write 5m"),
          right("Write 1h"),
          { title: "Source" },
        ],
        prices.map(({ model, valid_from: from, rates, kind, source }) => [
          model,
          from === 0 ? "" : new Date(from).toISOString().slice(0, "YYYY-MM-DD".length),
          ...(rates === null
            ? ["?", "?", "", "", ""]
            : [
                rates.input,
                rates.output,
                rates.cache_read,
                rates.cache_write_5m,
                rates.cache_write_1h,
              ].map(rateText)),
          kind === "catalogue" ? source : kind,
        ]),
      ),
    );
    return 0;
  },
};

export const pricesSet: Command = {
  meta: { name: "set", description: "Say what a model costs, over what the catalogue says" },
  args: {
    model: { type: "positional", required: true, description: "as it stands in reports --json" },
    ...RATE_ARGS,
    from: {
      type: "string",
      valueHint: "DATE",
      description: "from this day on, UTC (default: from the beginning)",
    },
    ...GLOBAL_ARGS,
  },
  examples: [
    ["usagedb prices set my-model --input 3 --output 15", "USD per million tokens"],
    ["usagedb prices set my-model --input 2 --output 10 --from 2026-06-01", "a price that changed"],
  ],
  run: async (context) => {
    const { args, output } = context;
    const model = String(args["model"]);
    const price: DatedRates = { validFrom: dateOf(args), rates: ratesOf(args) };
    using db = openDatabase(context, "existing");
    const others = db.prices
      .list()
      .filter((one) => one.model === model && one.kind === "override")
      .filter(({ valid_from: from, rates }) => from !== price.validFrom && rates !== null)
      .map(({ valid_from: validFrom, rates }) => ({
        validFrom,
        rates: JSON.parse(rates ?? "") as Rates,
      }));
    setOverride(db, model, [...others, price]);
    output.outcome(`${model} is priced by you now; its history was priced anew.`);
    output.json({ model, override: price });
    return 0;
  },
};

export const pricesUnset: Command = {
  meta: { name: "unset", description: "Go back to the catalogue's price of a model" },
  args: {
    model: { type: "positional", required: true, description: "as it stands in reports --json" },
    ...GLOBAL_ARGS,
  },
  examples: [["usagedb prices unset my-model", "the override goes"]],
  run: async (context) => {
    const { args, output } = context;
    const model = String(args["model"]);
    using db = openDatabase(context, "existing");
    setOverride(db, model, []);
    output.outcome(`${model} is priced by ${CATALOGUE} again.`);
    output.json({ model, override: null });
    return 0;
  },
};

export const reprice: Command = {
  meta: {
    name: "reprice",
    description: "Price all history anew: by the prices of each day, or all of it by today's",
  },
  args: {
    at: {
      type: "string",
      valueHint: "day|today",
      description: "the prices of the day a message was written on (the default), or of today",
    },
    ...GLOBAL_ARGS,
  },
  examples: [
    ["usagedb reprice", "after an update brought newer prices"],
    ["usagedb reprice --at today", "what all of it would cost now"],
  ],
  run: async (context) => {
    const { args, output } = context;
    const at = args["at"] ?? "day";
    if (at !== "day" && at !== "today") {
      throw new InputError(
        "CLI_USAGE",
        `Cannot use --at: it is ${JSON.stringify(at)}, expected day or today`,
        { details: { argument: "at" } },
      );
    }
    using db = openDatabase(context, "existing");
    const report = repriceAll(db, at);
    output.outcome(
      `Priced ${report.priced.length} model(s) by ${CATALOGUE}, at the prices of ${at === "day" ? "each day" : "today"}.`,
    );
    if (report.unpriced.length > 0)
      output.note(
        `No price is known for ${report.unpriced.join(", ")}; see \`usagedb prices set\`.`,
      );
    output.json(report);
    return 0;
  },
};

function rateText(rate: Rate | undefined): string {
  if (rate === undefined) return "";
  if (typeof rate === "number") return String(rate);
  const tiers = rate.tiers.map(({ start, price }) => `${price} above ${start / 1000}k`);
  return [rate.base, ...tiers].join(", ");
}

function ratesOf(args: ArgValues): Rates {
  const of = (name: keyof typeof RATE_ARGS): number | undefined => {
    const text = args[name];
    if (typeof text !== "string") return undefined;
    const usd = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isFinite(usd)) return usd;
    return refuse(
      `--${name} is ${JSON.stringify(text)}`,
      "USD per million tokens such as 3 or 0.25",
    );
  };
  const [input, output] = [of("input"), of("output")];
  if (input === undefined || output === undefined)
    return refuse("--input or --output is missing", "both");
  const [read, write5m, write1h] = [of("cache-read"), of("cache-write-5m"), of("cache-write-1h")];
  return {
    input,
    output,
    ...(read === undefined ? {} : { cache_read: read }),
    ...(write5m === undefined ? {} : { cache_write_5m: write5m }),
    ...(write1h === undefined ? {} : { cache_write_1h: write1h }),
  };
}

function dateOf({ from }: ArgValues): number {
  if (typeof from !== "string") return 0;
  const at = /^\d{4}-\d{2}-\d{2}$/.test(from) ? Date.parse(`${from}T00:00:00Z`) : Number.NaN;
  return Number.isFinite(at) ? at : refuse(`--from is ${JSON.stringify(from)}`, "YYYY-MM-DD");
}

function refuse(observed: string, expected: string): never {
  throw new InputError("CLI_USAGE", `Cannot set a price: ${observed}, expected ${expected}`);
}
