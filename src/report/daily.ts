/** Usage by local day: what most programs want. */
import { checkInteger, checkKeys } from "../store/checks.ts";
import type { UsageStore } from "../store/usage-store.ts";
import { type PeriodRow, reportPeriods } from "./periods.ts";
import { RANGE_OPTIONS, type RangeOptions } from "./range.ts";
import type { TokenTotals } from "./totals.ts";
import { FILTER_OPTIONS, type UsageFilter } from "./usage-filter.ts";

export interface DailyReport {
  /** Days with usage only, in the order asked for. */
  readonly daily: readonly PeriodRow[];
  readonly totals: TokenTotals;
  /** Models whose price is not known: their tokens are in the totals, their cost is not. */
  readonly unpricedModels: readonly string[];
}

export interface DailyReportOptions extends RangeOptions, UsageFilter {
  /** Only the newest days with usage. */
  readonly lastDays?: number;
  /** `asc`, oldest first, when left out. */
  readonly order?: "asc" | "desc";
}

/**
 * Reports usage by local day; reads only.
 * @throws {InputError} VALUE_INVALID for an unknown zone, a date that is none or a range that is empty.
 */
export function reportDaily(store: UsageStore, options: DailyReportOptions): DailyReport {
  checkKeys("reportDaily", options, [...RANGE_OPTIONS, ...FILTER_OPTIONS, "lastDays", "order"]);
  const { lastDays, ...rest } = options;
  const { rows, totals, unpricedModels } = reportPeriods(store, {
    ...rest,
    ...(lastDays === undefined ? {} : { last: checkInteger("lastDays", lastDays, 1, 100_000) }),
  });
  return { daily: rows, totals, unpricedModels };
}
