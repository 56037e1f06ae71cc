/** Usage by session. */
import { checkInteger, checkKeys, checkOneOf } from "../store/checks.ts";
import { readSlices } from "../store/message-slices.ts";
import type { KeptSum } from "../store/usage-changes.ts";
import type { UsageStore } from "../store/usage-store.ts";
import { RANGE_OPTIONS, rangeOf, type RangeOptions } from "./range.ts";
import { type ModelBreakdown, type TokenTotals, UsageSum } from "./totals.ts";
import { FILTER_OPTIONS, filterOf, type UsageFilter } from "./usage-filter.ts";

export interface SessionRow extends TokenTotals {
  /** The session's id. */
  readonly period: string;
  readonly agent: string;
  readonly project: string;
  readonly messageCount: number;
  readonly modelsUsed: readonly string[];
  readonly modelBreakdowns: readonly ModelBreakdown[];
  readonly metadata: {
    /** ISO 8601, UTC. */
    readonly firstActivity: string;
    readonly lastActivity: string;
  };
}

export interface SessionReport {
  /** By last activity, in the order asked for. */
  readonly session: readonly SessionRow[];
  readonly totals: TokenTotals;
  readonly unpricedModels: readonly string[];
}

export interface SessionReportOptions extends RangeOptions, UsageFilter {
  /** Only the sessions that were active last. */
  readonly last?: number;
  /** `asc`, oldest first, when left out. */
  readonly order?: "asc" | "desc";
}

interface SessionSum {
  readonly sum: UsageSum;
  /** Those that it began with. */
  agent: string;
  project: string;
  firstAt: number;
  lastAt: number;
}

/** A session's usage of one model in one project. */
interface SessionUsage extends KeptSum {
  readonly session_id: string;
  readonly project: string;
  readonly model: string;
  readonly agent: string;
  readonly first_at: number;
  readonly last_at: number;
}

/**
 * Reports usage by session, as far as it lies on the days asked for; reads only.
 * @throws {InputError} VALUE_INVALID for an unknown zone, a date that is none or a range that is empty.
 */
export function reportSessions(store: UsageStore, options: SessionReportOptions): SessionReport {
  checkKeys("reportSessions", options, [...RANGE_OPTIONS, ...FILTER_OPTIONS, "last", "order"]);
  const order = checkOneOf("order", options.order ?? "asc", ["asc", "desc"]);
  const last =
    options.last === undefined ? Infinity : checkInteger("last", options.last, 1, 1_000_000);
  const slices = store.connection.reading(() => usageOf(store, options)).filter(filterOf(options));
  const sessions = new Map<string, SessionSum>();
  for (const slice of slices) {
    const id = slice.session_id;
    let session = sessions.get(id);
    if (session === undefined) {
      session = { sum: new UsageSum(), agent: "", project: "", firstAt: Infinity, lastAt: 0 };
      sessions.set(id, session);
    }
    session.sum.add(slice);
    if (slice.first_at < session.firstAt) {
      const { agent, project, first_at: firstAt } = slice;
      Object.assign(session, { agent, project, firstAt });
    }
    session.lastAt = Math.max(session.lastAt, slice.last_at);
  }
  const kept = [...sessions]
    .sort(([idA, a], [idB, b]) => a.lastAt - b.lastAt || (idA < idB ? -1 : 1))
    .slice(last === Infinity ? 0 : -last);
  const whole = new UsageSum();
  for (const [, { sum }] of kept) whole.addAll(sum);
  return {
    session: (order === "asc" ? kept : kept.toReversed()).map(([id, session]) =>
      rowOf(id, session),
    ),
    totals: whole.totals(),
    unpricedModels: whole.unpricedModels,
  };
}

/** The totals of sessions that lie within the range, and of those that its ends cut the messages. */
function usageOf(store: UsageStore, options: SessionReportOptions): SessionUsage[] {
  const { fromMs, toMs } = rangeOf(options);
  const whole = store.sessionTotals.within(fromMs, toMs);
  if (options.since === undefined && options.until === undefined) return whole;
  const cut = readSlices(store.connection, store.prices.book(), {
    keys: ["session_id", "project", "agent"],
    fromMs,
    toMs,
    areCutOnly: true,
  });
  const named = cut.map((slice) => ({
    ...slice,
    session_id: slice.session_id ?? "",
    project: slice.project ?? "",
    agent: slice.agent ?? "",
  }));
  return [...whole, ...named];
}

function rowOf(period: string, { sum, agent, project, firstAt, lastAt }: SessionSum): SessionRow {
  return {
    period,
    agent,
    project,
    ...sum.totals(),
    messageCount: sum.messageCount,
    modelsUsed: sum.models,
    modelBreakdowns: sum.breakdowns(),
    metadata: {
      firstActivity: new Date(firstAt).toISOString(),
      lastActivity: new Date(lastAt).toISOString(),
    },
  };
}
