/** Holds the hours that reports read against the messages themselves. */
import { readSlices } from "../store/message-slices.ts";
import type { UsageRollup } from "../store/usage-rollups.ts";
import type { UsageStore } from "../store/usage-store.ts";

const NAMES = [
  "message_count",
  "input_tokens",
  "output_tokens",
  "cache_write_5m_tokens",
  "cache_write_1h_tokens",
  "cache_read_tokens",
  "cost_picousd",
  "first_at",
  "last_at",
] as const satisfies readonly (keyof UsageRollup)[];

type Sums = Record<(typeof NAMES)[number], number | null>;

/** How the hours differ from what the messages say, one line each; empty when they agree. Reads only. */
export function verifyRollups(store: UsageStore): string[] {
  return store.connection.reading(() => {
    const expected = new Map<string, Sums>();
    const slices = readSlices(store.connection, store.prices.book(), {
      keys: ["hour", "project", "agent"],
    });
    for (const slice of slices) {
      const key = keyOf({
        ...slice,
        hour: slice.hour ?? 0,
        project: slice.project ?? "",
        agent: slice.agent ?? "",
      });
      expected.set(key, merged(expected.get(key), slice));
    }
    const differences: string[] = [];
    for (const rollup of store.rollups.list(0, Number.MAX_SAFE_INTEGER)) {
      const key = keyOf(rollup);
      const sums = expected.get(key);
      expected.delete(key);
      if (sums === undefined) {
        differences.push(`${key}: there are no messages of it, expected some`);
        continue;
      }
      for (const name of NAMES) {
        if (rollup[name] !== sums[name])
          differences.push(
            `${key}: ${name} is ${String(rollup[name])}, the messages say ${String(sums[name])}`,
          );
      }
    }
    for (const key of expected.keys())
      differences.push(`${key}: there is no such hour, expected one`);
    return differences;
  });
}

function keyOf({
  hour,
  project,
  model,
  agent,
}: Pick<UsageRollup, "hour" | "project" | "model" | "agent">): string {
  return `${new Date(hour).toISOString()} ${project} ${model} ${agent}`;
}

function merged(known: Sums | undefined, slice: Sums): Sums {
  if (known === undefined) {
    const picked = Object.fromEntries(NAMES.map((name) => [name, slice[name]]));
    return picked as Sums;
  }
  const sum = (name: (typeof NAMES)[number]): number | null => {
    const [left, right] = [known[name], slice[name]];
    return left === null || right === null ? null : left + right;
  };
  const all = Object.fromEntries(NAMES.map((name) => [name, sum(name)])) as Sums;
  return {
    ...all,
    first_at: Math.min(known.first_at ?? Infinity, slice.first_at ?? Infinity),
    last_at: Math.max(known.last_at ?? 0, slice.last_at ?? 0),
  };
}
