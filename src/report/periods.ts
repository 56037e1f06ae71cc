/** Usage by local day, week or month. */
import { checkInteger, checkKeys, checkOneOf } from "../store/checks.ts";
import { readSlices } from "../store/message-slices.ts";
import { HOUR_MS } from "../store/token-counts.ts";
import type { UsageStore } from "../store/usage-store.ts";
import { dayOf, type LocalDay } from "./local-days.ts";
import { type Range, RANGE_OPTIONS, rangeOf, type RangeOptions } from "./range.ts";
import { type ModelBreakdown, type ModelUsage, type TokenTotals, UsageSum } from "./totals.ts";
import { FILTER_OPTIONS, filterOf, type UsageFilter } from "./usage-filter.ts";

export type Period = "daily" | "weekly" | "monthly";

/** What rows can be told apart by within a period. */
export type Dimension = "project" | "model" | "agent";

export interface PeriodRow extends TokenTotals {
  /** The local day, the Monday of the week, or the month: `YYYY-MM-DD` or `YYYY-MM`. */
  readonly period: string;
  /** What the row is of, when the report is told apart; null otherwise. */
  readonly group: string | null;
  readonly messageCount: number;
  readonly modelsUsed: readonly string[];
  readonly modelBreakdowns: readonly ModelBreakdown[];
}

export interface PeriodReport {
  readonly period: Period;
  /** Periods with usage only, in the order asked for; within one by group. */
  readonly rows: readonly PeriodRow[];
  /** Of the rows. */
  readonly totals: TokenTotals;
  /** Models whose price is not known: their tokens are in the totals, their cost is not. */
  readonly unpricedModels: readonly string[];
}

export interface PeriodReportOptions extends RangeOptions, UsageFilter {
  /** `daily` when left out. */
  readonly period?: Period;
  readonly by?: Dimension;
  /** Only the newest periods with usage. */
  readonly last?: number;
  /** `asc`, oldest first, when left out. */
  readonly order?: "asc" | "desc";
}

const OPTIONS = [...RANGE_OPTIONS, ...FILTER_OPTIONS, "period", "by", "last", "order"];

/** Usage of one model, project and agent that no day's border cuts. */
interface Part extends ModelUsage {
  readonly project: string;
  readonly agent: string;
}

/**
 * Reports usage by local day, week or month, from the hours; reads only.
 * @throws {InputError} VALUE_INVALID for an unknown zone, a date that is none or a range that is empty.
 */
export function reportPeriods(store: UsageStore, options: PeriodReportOptions): PeriodReport {
  checkKeys("reportPeriods", options, OPTIONS);
  const period = checkOneOf("period", options.period ?? "daily", ["daily", "weekly", "monthly"]);
  const order = checkOneOf("order", options.order ?? "asc", ["asc", "desc"]);
  const last =
    options.last === undefined ? Infinity : checkInteger("last", options.last, 1, 100_000);
  const by =
    options.by === undefined
      ? null
      : checkOneOf("by", options.by, ["project", "model", "agent"] as const);
  const isMeant = filterOf(options);
  const groups = sumByPeriod(store, rangeOf(options), { period, by, isMeant });
  const kept = [...groups].slice(last === Infinity ? 0 : -last);
  const whole = new UsageSum();
  const rows = (order === "asc" ? kept : kept.toReversed()).flatMap(([name, sums]) =>
    [...sums]
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([group, sum]) => {
        whole.addAll(sum);
        return rowOf(name, by === null ? null : group, sum);
      }),
  );
  return { period, rows, totals: whole.totals(), unpricedModels: whole.unpricedModels };
}

function rowOf(period: string, group: string | null, sum: UsageSum): PeriodRow {
  return {
    period,
    group,
    ...sum.totals(),
    messageCount: sum.messageCount,
    modelsUsed: sum.models,
    modelBreakdowns: sum.breakdowns(),
  };
}

/** Sums by period, ascending, and by group. */
function sumByPeriod(
  store: UsageStore,
  range: Range,
  {
    period,
    by,
    isMeant,
  }: {
    readonly period: Period;
    readonly by: Dimension | null;
    readonly isMeant: ReturnType<typeof filterOf>;
  },
): Map<string, Map<string, UsageSum>> {
  const periods = new Map<string, Map<string, UsageSum>>();
  let day: LocalDay | null = null;
  let name = "";
  let groups = new Map<string, UsageSum>();
  visitParts(store, range, (part, at) => {
    if (!isMeant(part)) return;
    if (day === null || at >= day.endMs || at < day.startMs) {
      day = dayOf(at, range.rule);
      name = nameOf(day.date, period);
      groups = periods.get(name) ?? new Map<string, UsageSum>();
      periods.set(name, groups);
    }
    const key = by === null ? "" : part[by];
    let sum = groups.get(key);
    if (sum === undefined) {
      sum = new UsageSum();
      groups.set(key, sum);
    }
    sum.add(part);
  });
  return periods;
}

/** Weeks begin on Monday, as in ISO 8601. */
function nameOf(date: string, period: Period): string {
  if (period === "daily") return date;
  if (period === "monthly") return date.slice(0, "YYYY-MM".length);
  const day = Temporal.PlainDate.from(date);
  return day.subtract({ days: day.dayOfWeek - 1 }).toString();
}

/**
 * Visits usage by hour, where an hour that a day's border cuts is taken apart with the messages themselves: the border
 * lies at half past in India, and at the report's own ends.
 */
function visitParts(
  store: UsageStore,
  { rule, fromMs, toMs }: Range,
  visit: (part: Part, at: number) => void,
): void {
  let day: LocalDay | null = null;
  let lastHour = -1;
  let isCut = false;
  for (const rollup of store.rollups.list(fromMs - (fromMs % HOUR_MS), toMs)) {
    const { hour } = rollup;
    if (hour !== lastHour) {
      lastHour = hour;
      if (day === null || hour >= day.endMs) day = dayOf(hour, rule);
      const hourEnd = hour + HOUR_MS;
      const borders = [fromMs, day.endMs, toMs].filter((at) => at > hour && at < hourEnd);
      isCut = borders.length > 0;
      const points = isCut ? [...new Set([hour, ...borders, hourEnd])].sort((a, b) => a - b) : [];
      for (let i = 0; i + 1 < points.length; i++) {
        const [start, end] = [points[i] as number, points[i + 1] as number];
        if (start < fromMs || end > toMs) continue;
        for (const part of partsWithin(store, start, end)) visit(part, start);
      }
    }
    if (!isCut) visit(rollup, hour);
  }
}

function partsWithin(store: UsageStore, fromMs: number, toMs: number): Part[] {
  return readSlices(store.connection, store.prices.book(), {
    keys: ["project", "agent"],
    fromMs,
    toMs,
  }).map((slice) => ({
    ...slice,
    project: slice.project ?? "",
    agent: slice.agent ?? "",
  }));
}
