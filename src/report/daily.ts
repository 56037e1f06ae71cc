/** Tokens by local day and model. */
import { InputError } from "../errors.ts";
import { checkInteger, checkKeys, checkOneOf } from "../store/checks.ts";
import { HOUR_MS, type ModelUsage } from "../store/usage-rollups.ts";
import type { UsageStore } from "../store/usage-store.ts";
import { dayFromText, dayOf, type DayRule, type LocalDay } from "./local-days.ts";

/** Tokens, in the names that ccusage's readers know. */
export interface TokenTotals {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheCreationTokens: number;
  readonly cacheReadTokens: number;
  readonly totalTokens: number;
}

export interface ModelBreakdown extends Omit<TokenTotals, "totalTokens"> {
  readonly modelName: string;
}

export interface DailyRow extends TokenTotals {
  /** The local day, `YYYY-MM-DD`. */
  readonly period: string;
  readonly modelsUsed: readonly string[];
  readonly modelBreakdowns: readonly ModelBreakdown[];
}

export interface DailyReport {
  /** Days with usage only, in the order asked for. */
  readonly daily: readonly DailyRow[];
  readonly totals: TokenTotals;
}

export interface DailyReportOptions {
  /** An IANA zone such as `Europe/Berlin`, or `UTC`. */
  readonly timeZone: string;
  /** The local hour at which a day begins, 0 to 23; 0 when left out. */
  readonly resetHour?: number;
  /** First and last local day, `YYYY-MM-DD` or `YYYYMMDD`, both inclusive. */
  readonly since?: string;
  readonly until?: string;
  /** Only the newest days with usage. */
  readonly lastDays?: number;
  /** `asc`, oldest first, when left out. */
  readonly order?: "asc" | "desc";
}

const OPTIONS = ["timeZone", "resetHour", "since", "until", "lastDays", "order"];
/** Beyond every hour that the database can hold. */
const END_OF_TIME = 253_402_300_800_000;

/**
 * Reports tokens by local day; reads only.
 * @throws {InputError} VALUE_INVALID for an unknown zone, a date that is none or a range that is empty.
 */
export function reportDaily(store: UsageStore, options: DailyReportOptions): DailyReport {
  checkKeys("reportDaily", options, OPTIONS);
  const rule: DayRule = {
    timeZone: checkTimeZone(options.timeZone),
    resetHour: checkInteger("resetHour", options.resetHour ?? 0, 0, 23),
  };
  const order = checkOneOf("order", options.order ?? "asc", ["asc", "desc"]);
  const lastDays =
    options.lastDays === undefined
      ? Infinity
      : checkInteger("lastDays", options.lastDays, 1, 100_000);
  const fromMs = options.since === undefined ? 0 : dayArg("since", options.since, rule).startMs;
  const toMs =
    options.until === undefined ? END_OF_TIME : dayArg("until", options.until, rule).endMs;
  if (fromMs >= toMs) {
    throw new InputError(
      "VALUE_INVALID",
      `Cannot report: until (${options.until ?? ""}) is before since (${options.since ?? ""}), expected since first`,
      {
        details: { field: "until" },
      },
    );
  }
  const rows = dailyRows(store, rule, fromMs, toMs).slice(lastDays === Infinity ? 0 : -lastDays);
  return { daily: order === "asc" ? rows : rows.toReversed(), totals: totalOf(rows) };
}

/** Sums hours into days, ascending. */
function dailyRows(store: UsageStore, rule: DayRule, fromMs: number, toMs: number): DailyRow[] {
  const rows: DailyRow[] = [];
  let day: LocalDay | null = null;
  let models = new Map<string, MutableBreakdown>();
  const close = (): void => {
    if (day !== null && models.size > 0) rows.push(rowOf(day, models));
    models = new Map();
  };
  for (const usage of partsByDay(store, rule, fromMs, toMs)) {
    if (day === null || usage.at >= day.endMs) {
      close();
      day = dayOf(usage.at, rule);
    }
    addTo(models, usage);
  }
  close();
  return rows;
}

/**
 * Usage by hour and model, where an hour that a day's border cuts is taken apart with the messages themselves:
 * the border lies at half past in India, and at the report's own ends.
 */
function* partsByDay(
  store: UsageStore,
  rule: DayRule,
  fromMs: number,
  toMs: number,
): Generator<ModelUsage> {
  const firstHour = fromMs - (fromMs % HOUR_MS);
  let day: LocalDay | null = null;
  let cutHour = -1;
  for (const usage of store.rollups.byHourAndModel(firstHour, toMs)) {
    const hour = usage.at;
    if (hour === cutHour) continue;
    if (day === null || hour >= day.endMs) day = dayOf(hour, rule);
    const hourEnd = hour + HOUR_MS;
    const borders = [fromMs, day.endMs, toMs].filter((border) => border > hour && border < hourEnd);
    if (borders.length === 0) {
      yield usage;
      continue;
    }
    cutHour = hour;
    const points = [...new Set([hour, ...borders, hourEnd])].sort((a, b) => a - b);
    for (let i = 0; i + 1 < points.length; i++) {
      const [start, end] = [points[i] as number, points[i + 1] as number];
      if (start >= fromMs && end <= toMs) yield* store.rollups.byModelWithin(start, end);
    }
  }
}

type MutableBreakdown = { -readonly [Name in keyof ModelBreakdown]: ModelBreakdown[Name] };

function addTo(models: Map<string, MutableBreakdown>, usage: ModelUsage): void {
  let sum = models.get(usage.model);
  if (sum === undefined) {
    sum = {
      modelName: usage.model,
      inputTokens: 0,
      outputTokens: 0,
      cacheCreationTokens: 0,
      cacheReadTokens: 0,
    };
    models.set(usage.model, sum);
  }
  sum.inputTokens += usage.input_tokens;
  sum.outputTokens += usage.output_tokens;
  sum.cacheCreationTokens += usage.cache_write_5m_tokens + usage.cache_write_1h_tokens;
  sum.cacheReadTokens += usage.cache_read_tokens;
}

function rowOf(day: LocalDay, models: ReadonlyMap<string, MutableBreakdown>): DailyRow {
  const modelBreakdowns = [...models.values()].sort((a, b) => (a.modelName < b.modelName ? -1 : 1));
  const totals = modelBreakdowns.map((breakdown) => ({
    ...breakdown,
    totalTokens: sumOf(breakdown),
  }));
  return {
    period: day.date,
    ...totalOf(totals),
    modelsUsed: modelBreakdowns.map(({ modelName }) => modelName),
    modelBreakdowns,
  };
}

function sumOf(counts: Omit<TokenTotals, "totalTokens">): number {
  return (
    counts.inputTokens + counts.outputTokens + counts.cacheCreationTokens + counts.cacheReadTokens
  );
}

function totalOf(rows: readonly TokenTotals[]): TokenTotals {
  const sum = (name: keyof TokenTotals): number =>
    rows.reduce((total, row) => total + row[name], 0);
  return {
    inputTokens: sum("inputTokens"),
    outputTokens: sum("outputTokens"),
    cacheCreationTokens: sum("cacheCreationTokens"),
    cacheReadTokens: sum("cacheReadTokens"),
    totalTokens: sum("totalTokens"),
  };
}

function dayArg(field: "since" | "until", text: string, rule: DayRule): LocalDay {
  const day = dayFromText(text, rule);
  if (day !== null) return day;
  throw new InputError(
    "VALUE_INVALID",
    `Cannot use ${field}: ${JSON.stringify(text)} is not a date, expected YYYY-MM-DD`,
    {
      details: { field, observed: text },
      hint: "Write a date like 2026-02-12.",
    },
  );
}

function checkTimeZone(zone: string): string {
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(zone);
    return zone;
  } catch (cause) {
    throw new InputError(
      "VALUE_INVALID",
      `Cannot use timeZone: ${JSON.stringify(zone)} is not known, expected an IANA zone like Europe/Berlin`,
      {
        details: { field: "timeZone", observed: zone },
        hint: "Use an IANA zone like Europe/Berlin, or UTC.",
        cause,
      },
    );
  }
}
