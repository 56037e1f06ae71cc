/** Hours summed anew from the messages, by the slices that a verification compares them with. */
import type { Binding } from "../engine/sqlite/connection.ts";
import { type MessageSlice, readSlices, type SliceOptions } from "./message-slices.ts";
import { USAGE_ROLLUP_COLUMNS, type UsageRollup } from "./usage-rollups.ts";
import type { UsageStore } from "./usage-store.ts";

export type HourKey = Pick<UsageRollup, "hour" | "project" | "model" | "agent">;

/** Enters every hour of which there are messages and no row; returns how many. */
export function rebuildMissingHours(store: UsageStore): number {
  return store.connection.transaction(() => {
    const known = new Set(store.rollups.list(0, Number.MAX_SAFE_INTEGER).map(idOf));
    const missing = [...sumHours(store, {})].filter(([id]) => !known.has(id));
    for (const [, hour] of missing) insertHour(store, hour);
    return missing.length;
  }, "rebuild hours");
}

/** Sums every hour anew of which there are messages; returns how many. One without messages stays as it is. */
export function rebuildAllHours(store: UsageStore): number {
  const hours = [...sumHours(store, {}).values()];
  rebuildHours(store, hours);
  return hours.length;
}

/**
 * Puts into the place of some hours what their messages say now: a new sum, or nothing when there are no more. Call
 * inside the transaction that took the messages away.
 */
export function rebuildHours(store: UsageStore, keys: readonly HourKey[]): void {
  if (keys.length === 0) return;
  const hours = keys.map(({ hour }) => hour);
  const range = { fromMs: least(hours), toMs: most(hours) + HOUR_MS };
  const sums = sumHours(store, range);
  for (const key of keys) {
    store.connection
      .prepare(
        "DELETE FROM usage_rollups WHERE hour = ? AND project = ? AND model = ? AND agent = ?",
        "store a rollup",
      )
      .run(key.hour, key.project, key.model, key.agent);
    const sum = sums.get(idOf(key));
    if (sum !== undefined) insertHour(store, sum);
  }
}

const HOUR_MS = 3_600_000;
const least = (values: readonly number[]): number => values.reduce((a, b) => Math.min(a, b));
const most = (values: readonly number[]): number => values.reduce((a, b) => Math.max(a, b));

const idOf = ({ hour, project, model, agent }: HourKey): string =>
  JSON.stringify([hour, project, model, agent]);

function sumHours(store: UsageStore, range: Omit<SliceOptions, "keys">): Map<string, UsageRollup> {
  const sums = new Map<string, UsageRollup>();
  const keys = ["hour", "project", "agent"] as const;
  for (const slice of readSlices(store.connection, store.prices.book(), { keys, ...range })) {
    const hour = hourOf(slice);
    const known = sums.get(idOf(hour));
    sums.set(idOf(hour), known === undefined ? hour : added(known, hour));
  }
  return sums;
}

function hourOf(slice: MessageSlice): UsageRollup {
  const { hour, project, agent } = slice;
  return { ...slice, hour: hour ?? 0, project: project ?? "", agent: agent ?? "" };
}

function added(left: UsageRollup, right: UsageRollup): UsageRollup {
  const { reported_cost_usd: a, cost_picousd: c } = left;
  const { reported_cost_usd: b, cost_picousd: d } = right;
  return {
    ...left,
    message_count: left.message_count + right.message_count,
    input_tokens: left.input_tokens + right.input_tokens,
    output_tokens: left.output_tokens + right.output_tokens,
    cache_write_5m_tokens: left.cache_write_5m_tokens + right.cache_write_5m_tokens,
    cache_write_1h_tokens: left.cache_write_1h_tokens + right.cache_write_1h_tokens,
    cache_read_tokens: left.cache_read_tokens + right.cache_read_tokens,
    reported_cost_usd: a === null && b === null ? null : (a ?? 0) + (b ?? 0),
    // Unknown as soon as one price is.
    cost_picousd: c === null || d === null ? null : c + d,
    first_at: Math.min(left.first_at ?? Infinity, right.first_at ?? Infinity),
    last_at: Math.max(left.last_at ?? 0, right.last_at ?? 0),
  };
}

function insertHour({ connection }: UsageStore, hour: UsageRollup): void {
  connection
    .prepare(
      `INSERT INTO usage_rollups (${USAGE_ROLLUP_COLUMNS.join(", ")})
       VALUES (${USAGE_ROLLUP_COLUMNS.map(() => "?").join(", ")})`,
      "store a rollup",
    )
    .run(...USAGE_ROLLUP_COLUMNS.map((name): Binding => hour[name]));
}
