/** Totals of sessions summed anew from the messages, by the slices that a verification compares them with. */
import type { Binding } from "../engine/sqlite/connection.ts";
import { readSlices } from "./message-slices.ts";
import { USAGE_SESSION_TOTAL_COLUMNS, type UsageSessionTotal } from "./usage-session-totals.ts";
import type { UsageStore } from "./usage-store.ts";

/** Enters every total of which there are messages and no row; returns how many. */
export function rebuildMissingTotals(store: UsageStore): number {
  return store.connection.transaction(() => {
    const known = new Set(store.sessionTotals.within(0, Number.MAX_SAFE_INTEGER).map(idOf));
    const missing = sumTotals(store).filter((total) => !known.has(idOf(total)));
    for (const total of missing) insertTotal(store, total);
    return missing.length;
  }, "rebuild session totals");
}

/** Sums every total anew; returns how many there are. */
export function rebuildAllTotals(store: UsageStore): number {
  const totals = sumTotals(store);
  store.connection.prepare("DELETE FROM usage_session_totals", "rebuild session totals").run();
  for (const total of totals) insertTotal(store, total);
  return totals.length;
}

/**
 * Sums those totals anew that have messages on both sides of a moment; call inside the transaction that took the
 * messages before it away.
 */
export function rebuildCutTotals(store: UsageStore, atMs: number): void {
  const cut = new Set(
    store.sessionTotals
      .within(0, Number.MAX_SAFE_INTEGER)
      .filter(({ first_at, last_at }) => first_at < atMs && last_at >= atMs)
      .map(idOf),
  );
  if (cut.size === 0) return;
  store.connection
    .prepare(
      "DELETE FROM usage_session_totals WHERE first_at < ?1 AND last_at >= ?1",
      "store a session's total",
    )
    .run(atMs);
  for (const total of sumTotals(store)) if (cut.has(idOf(total))) insertTotal(store, total);
}

const idOf = ({
  session_id,
  project,
  model,
  agent,
}: Pick<UsageSessionTotal, "session_id" | "project" | "model" | "agent">): string =>
  JSON.stringify([session_id, project, model, agent]);

function sumTotals(store: UsageStore): UsageSessionTotal[] {
  const sums = new Map<string, UsageSessionTotal>();
  const keys = ["session_id", "project", "agent"] as const;
  for (const slice of readSlices(store.connection, store.prices.book(), { keys })) {
    const { session_id, project, agent, cost_picousd, message_count } = slice;
    const total: UsageSessionTotal = {
      ...slice,
      session_id: session_id ?? "",
      project: project ?? "",
      agent: agent ?? "",
      cost_picousd: cost_picousd ?? 0,
      unpriced_count: cost_picousd === null ? message_count : 0,
    };
    const known = sums.get(idOf(total));
    sums.set(idOf(total), known === undefined ? total : added(known, total));
  }
  return [...sums.values()];
}

function added(left: UsageSessionTotal, right: UsageSessionTotal): UsageSessionTotal {
  const { reported_cost_usd: a } = left;
  const { reported_cost_usd: b } = right;
  const sum = (name: Counted): number => (left[name] ?? 0) + (right[name] ?? 0);
  return {
    ...left,
    message_count: sum("message_count"),
    input_tokens: sum("input_tokens"),
    output_tokens: sum("output_tokens"),
    cache_write_5m_tokens: sum("cache_write_5m_tokens"),
    cache_write_1h_tokens: sum("cache_write_1h_tokens"),
    cache_read_tokens: sum("cache_read_tokens"),
    reported_cost_usd: a === null && b === null ? null : (a ?? 0) + (b ?? 0),
    cost_picousd: sum("cost_picousd"),
    unpriced_count: sum("unpriced_count"),
    first_at: Math.min(left.first_at, right.first_at),
    last_at: Math.max(left.last_at, right.last_at),
  };
}

type Counted =
  | "message_count"
  | "input_tokens"
  | "output_tokens"
  | "cache_write_5m_tokens"
  | "cache_write_1h_tokens"
  | "cache_read_tokens"
  | "cost_picousd"
  | "unpriced_count";

function insertTotal({ connection }: UsageStore, total: UsageSessionTotal): void {
  const names: Readonly<Record<string, string>> = {
    session_name_id: total.session_id,
    project_name_id: total.project,
    model_name_id: total.model,
    agent_name_id: total.agent,
  };
  const values = { ...total, ...names } as unknown as Readonly<Record<string, Binding>>;
  const places = USAGE_SESSION_TOTAL_COLUMNS.map((column) =>
    column in names ? "(SELECT name_id FROM usage_names WHERE name = ?)" : "?",
  );
  connection
    .prepare(
      `INSERT INTO usage_session_totals (${USAGE_SESSION_TOTAL_COLUMNS.join(", ")})
       VALUES (${places.join(", ")})`,
      "store a session's total",
    )
    .run(...USAGE_SESSION_TOTAL_COLUMNS.map((column) => values[column] ?? null));
}
