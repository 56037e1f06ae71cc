/** Market bars by symbol, provider and timeframe. */
import { refuseValue } from "../errors.ts";
import type { Connection, Prepared } from "../engine/sqlite/connection.ts";
import {
  checkInteger,
  checkKeys,
  checkMoment,
  checkNonEmpty,
  checkNumber,
  MAX_TIMESTAMP_MS,
} from "./checks.ts";

export interface Bar {
  readonly symbol: string;
  readonly provider: string;
  readonly timeframe: string;
  /** Epoch milliseconds of the bar's start; may lie before 1970. */
  readonly timestamp: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
  /** Starts at 0; counts how often the bar's values were corrected. */
  readonly revision: number;
  /** The lower number wins where providers overlap. */
  readonly providerPriority: number;
  /** Epoch milliseconds. */
  readonly insertedAt: number;
}

export const BAR_COLUMNS = [
  "symbol",
  "provider",
  "timeframe",
  "timestamp",
  "open",
  "high",
  "low",
  "close",
  "volume",
  "revision",
  "providerPriority",
  "insertedAt",
] as const satisfies readonly (keyof Bar)[];

export type NewBar = Omit<Bar, "revision" | "providerPriority" | "insertedAt"> & {
  /** 0 when left out. */
  readonly providerPriority?: number;
};

export interface BarRange {
  readonly symbol: string;
  readonly timeframe: string;
  /** Only this provider; without it the provider with the lowest priority number wins, bar by bar. */
  readonly provider?: string;
  /** Epoch milliseconds, inclusive. */
  readonly fromMs?: number;
  /** Epoch milliseconds, exclusive. */
  readonly toMs?: number;
}

const NEW_BAR_KEYS = BAR_COLUMNS.filter((name) => name !== "revision" && name !== "insertedAt");
/** The year 1, in epoch milliseconds. */
const MIN_BAR_MS = -62_135_596_800_000;
/** Between these lie 115 days of 1970, or every date from 1973 to 2286 written in seconds. */
const SECONDS_FROM = 100_000_000;
const SECONDS_TO = 9_999_999_999;

export class BarStore {
  readonly #connection: Connection;
  readonly #now: () => number;
  readonly #upsert: Prepared;

  constructor(connection: Connection, now: () => number) {
    this.#connection = connection;
    this.#now = now;
    this.#upsert = connection.prepare(
      `INSERT INTO bars_cache (symbol, provider, timeframe, timestamp, open, high, low, close, volume, providerPriority, insertedAt)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (symbol, provider, timeframe, timestamp) DO UPDATE SET
         revision = revision + ((open, high, low, close, volume) IS NOT (excluded.open, excluded.high, excluded.low, excluded.close, excluded.volume)),
         open = excluded.open,
         high = excluded.high,
         low = excluded.low,
         close = excluded.close,
         volume = excluded.volume,
         providerPriority = excluded.providerPriority,
         insertedAt = excluded.insertedAt
       WHERE (open, high, low, close, volume, providerPriority)
         IS NOT (excluded.open, excluded.high, excluded.low, excluded.close, excluded.volume, excluded.providerPriority)`,
      "store bars",
    );
  }

  /**
   * Stores bars in one transaction, all or none; a bar whose values changed counts as a revision.
   * Returns how many rows were new or changed.
   * @throws {InputError} VALUE_INVALID before anything is written.
   */
  upsert(bars: readonly NewBar[]): number {
    const insertedAt = this.#now();
    const rows = bars.map((bar) => checkBar(bar));
    return this.#connection.transaction(() => {
      let changed = 0;
      for (const row of rows) changed += this.#upsert.run(...row, insertedAt).changes;
      return changed;
    }, "store bars");
  }

  /** Bars by time, ascending, at most one a timestamp. */
  range(range: BarRange): Bar[] {
    checkKeys("bars.range", range, ["symbol", "timeframe", "provider", "fromMs", "toMs"]);
    const { symbol, timeframe, provider, fromMs = MIN_BAR_MS, toMs = MAX_TIMESTAMP_MS + 1 } = range;
    checkMoment("fromMs", fromMs);
    checkMoment("toMs", toMs);
    const columns = BAR_COLUMNS.join(", ");
    if (provider !== undefined) {
      return this.#connection
        .prepare<Bar>(
          `SELECT ${columns} FROM bars_cache
           WHERE symbol = ? AND provider = ? AND timeframe = ? AND timestamp >= ? AND timestamp < ?
           ORDER BY timestamp`,
          "read bars",
        )
        .all(symbol, provider, timeframe, fromMs, toMs);
    }
    const rows = this.#connection
      .prepare<Bar>(
        `SELECT ${columns} FROM bars_cache
         WHERE symbol = ? AND timeframe = ? AND timestamp >= ? AND timestamp < ?
         ORDER BY timestamp, providerPriority, provider`,
        "read bars",
      )
      .all(symbol, timeframe, fromMs, toMs);
    return rows.filter((bar, index) => bar.timestamp !== rows[index - 1]?.timestamp);
  }
}

type BarRow = readonly [
  string,
  string,
  string,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
];

function checkBar(bar: NewBar): BarRow {
  checkKeys("bars.upsert", bar, NEW_BAR_KEYS);
  const finite = (field: "open" | "high" | "low" | "close"): number =>
    checkNumber(field, bar[field], -Number.MAX_VALUE, Number.MAX_VALUE);
  const [open, high, low, close] = [finite("open"), finite("high"), finite("low"), finite("close")];
  if (high < low) refuseValue("high", String(high), `a number not below low, which is ${low}`);
  return [
    checkNonEmpty("symbol", bar.symbol),
    checkNonEmpty("provider", bar.provider),
    checkNonEmpty("timeframe", bar.timeframe),
    checkBarTime(bar.timestamp),
    open,
    high,
    low,
    close,
    checkNumber("volume", bar.volume, 0, Number.MAX_VALUE),
    checkInteger("providerPriority", bar.providerPriority ?? 0, -1_000_000_000, 1_000_000_000),
  ];
}

function checkBarTime(value: number): number {
  const timestamp = checkInteger("timestamp", value, MIN_BAR_MS, MAX_TIMESTAMP_MS);
  if (timestamp < SECONDS_FROM || timestamp > SECONDS_TO) return timestamp;
  return refuseValue("timestamp", String(value), "epoch milliseconds (this looks like seconds)");
}
