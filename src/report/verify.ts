/** Holds the hours and the sessions' totals that reports read against the messages themselves. */
import { type MessageSlice, readSlices, type SliceKey } from "../store/message-slices.ts";
import type { KeptSum } from "../store/usage-changes.ts";
import type { UsageStore } from "../store/usage-store.ts";

const NAMES = [
  "message_count",
  "input_tokens",
  "output_tokens",
  "cache_write_5m_tokens",
  "cache_write_1h_tokens",
  "cache_read_tokens",
  "cost_picousd",
  "unpriced_count",
  "first_at",
  "last_at",
] as const satisfies readonly (keyof KeptSum)[];

type Sums = Pick<KeptSum, (typeof NAMES)[number]>;

/**
 * How the hours and the totals differ from what the messages say, one line each; empty when they agree. Folded messages
 * count as what was added up of them. Reads only.
 */
export function verifyRollups(store: UsageStore): string[] {
  return store.connection.reading(() => [
    ...differencesOf(store, {
      keys: ["hour", "project", "agent"],
      noun: "hour",
      kept: store.rollups
        .list(0, Number.MAX_SAFE_INTEGER)
        .map((rollup) => [hourName(rollup), rollup]),
      nameOf: hourName,
    }),
    ...differencesOf(store, {
      keys: ["session_id", "project", "agent"],
      noun: "session",
      kept: store.sessionTotals
        .within(0, Number.MAX_SAFE_INTEGER)
        .map((total) => [sessionName(total), total]),
      nameOf: sessionName,
    }),
  ]);
}

export interface FoldedUsage {
  readonly messages: number;
  /** Epoch milliseconds of the last of them. */
  readonly lastAt: number;
}

/**
 * What `verifyRollups` cannot compare with messages, because only their folds are left; it compares hours and totals
 * with those. Null when nothing was folded.
 */
export function foldedUsage({ connection }: UsageStore): FoldedUsage | null {
  const [[messages, lastAt] = []] = connection
    .prepare("SELECT sum(message_count), max(last_at) FROM usage_message_folds", "read folds")
    .values();
  return typeof messages === "number" ? { messages, lastAt: Number(lastAt) } : null;
}

interface Comparison {
  readonly keys: readonly SliceKey[];
  readonly noun: string;
  readonly kept: readonly (readonly [name: string, sums: Sums])[];
  readonly nameOf: (slice: MessageSlice) => string;
}

function differencesOf(store: UsageStore, { keys, noun, kept, nameOf }: Comparison): string[] {
  const expected = new Map<string, Sums>();
  for (const slice of readSlices(store.connection, store.prices.book(), { keys })) {
    const name = nameOf(slice);
    const unpriced_count = slice.cost_picousd === null ? slice.message_count : 0;
    expected.set(name, merged(expected.get(name), { ...slice, unpriced_count }));
  }
  const differences: string[] = [];
  for (const [name, found] of kept) {
    const sums = expected.get(name);
    expected.delete(name);
    if (sums === undefined) {
      differences.push(`${name}: there are no messages of it, expected some`);
      continue;
    }
    const wanted = found.unpriced_count === undefined ? withoutUnpriced(sums) : sums;
    for (const column of NAMES) {
      if (found[column] !== wanted[column])
        differences.push(
          `${name}: ${column} is ${String(found[column])}, the messages say ${String(wanted[column])}`,
        );
    }
  }
  for (const name of expected.keys())
    differences.push(`${name}: there is no such ${noun}, expected one`);
  return differences;
}

type Named<Unit extends "hour" | "session_id"> = Pick<
  MessageSlice,
  Unit | "project" | "model" | "agent"
>;

function hourName({ hour, project, model, agent }: Named<"hour">): string {
  return `${new Date(hour ?? 0).toISOString()} ${project ?? ""} ${model} ${agent ?? ""}`;
}

function sessionName({ session_id, project, model, agent }: Named<"session_id">): string {
  return `session ${session_id ?? ""} ${project ?? ""} ${model} ${agent ?? ""}`;
}

/** As hours have it: no cost at all where one is not known. */
function withoutUnpriced({ unpriced_count: unpriced, ...sums }: Sums): Sums {
  return { ...sums, cost_picousd: unpriced === 0 ? sums.cost_picousd : null };
}

function merged(known: Sums | undefined, slice: Sums): Sums {
  if (known === undefined) return { ...slice, cost_picousd: slice.cost_picousd ?? 0 };
  const sum = (name: (typeof NAMES)[number]): number => (known[name] ?? 0) + (slice[name] ?? 0);
  const all = Object.fromEntries(NAMES.map((name) => [name, sum(name)])) as unknown as Sums;
  return {
    ...all,
    first_at: Math.min(known.first_at ?? Infinity, slice.first_at ?? Infinity),
    last_at: Math.max(known.last_at ?? 0, slice.last_at ?? 0),
  };
}
