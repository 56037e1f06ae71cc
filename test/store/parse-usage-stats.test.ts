import { describe, expect, it } from "bun:test";
import { parseUsageStats, type UsageStats, type UsageStatsV1 } from "../../src/index.ts";
import { errorOf } from "../support/error-of.ts";
import { NOON } from "../support/usage-db.ts";

const TOKENS = {
  input_tokens: 1,
  output_tokens: 2,
  cache_creation_tokens: 3,
  cache_read_tokens: 4,
  total_tokens: 10,
};
const COST = { cost_usd: 0.5, is_cost_complete: true };
const SESSION = {
  session_id: "s",
  agent: "claude",
  project: null,
  started_at: NOON,
  last_seen_at: NOON,
  message_count: 1,
};

const FIRST: UsageStatsV1 = {
  version: 1,
  current_session: { ...SESSION, models: [{ model: "m", message_count: 1, ...TOKENS }] },
  totals: TOKENS,
};

const SECOND: UsageStats = {
  version: 2,
  current_session: {
    ...SESSION,
    ...TOKENS,
    ...COST,
    models: [{ model: "m", message_count: 1, ...TOKENS, ...COST }],
  },
  recent_sessions: [{ ...SESSION, total_tokens: 10, cost_usd: null, is_cost_complete: false }],
  burn_rate: { tokens_per_minute: 1.5, cost_per_hour: 2 },
  predictions: {
    block_started_at: NOON,
    block_ends_at: NOON + 1,
    total_tokens: 10,
    projected_tokens: null,
    projected_cost_usd: null,
    limits: {
      tokens: {
        used: 3,
        limit: 10,
        used_percent: 30,
        source: "plan",
        projected: null,
        reached_at: null,
      },
      cost_usd: null,
      messages: null,
    },
    official: [
      {
        limit_name: "five_hour",
        window_minutes: 300,
        used_percent: 12.5,
        resets_at: NOON,
        observed_at: NOON,
        reached_at: null,
      },
    ],
  },
  totals: { message_count: 1, ...TOKENS, ...COST },
};

/** Every path to a value, as keys. */
function pathsOf(value: unknown, path: readonly (string | number)[] = []): (string | number)[][] {
  if (typeof value !== "object" || value === null) return [[...path]];
  const inner = Object.entries(value).flatMap(([key, of]) =>
    pathsOf(of, [...path, Array.isArray(value) ? Number(key) : key]),
  );
  return path.length === 0 ? inner : [[...path], ...inner];
}

function changed(document: object, path: readonly (string | number)[], value: unknown): unknown {
  const copy = structuredClone(document) as Record<string | number, unknown>;
  let at = copy;
  for (const key of path.slice(0, -1)) at = at[key] as typeof at;
  at[path.at(-1) ?? ""] = value;
  return copy;
}

describe("parseUsageStats()", () => {
  it("reads both versions, as text and as a value", () => {
    for (const document of [FIRST, SECOND]) {
      expect(parseUsageStats(document)).toEqual(document);
      expect(parseUsageStats(JSON.stringify(document))).toEqual(document);
    }
  });

  it("lets fields pass that a later release adds", () => {
    expect(parseUsageStats({ ...SECOND, mood: "fine" })).toMatchObject({ mood: "fine" });
  });

  it("refuses a wrong value in every single place, by name", () => {
    for (const document of [FIRST, SECOND]) {
      for (const path of pathsOf(document)) {
        const error = errorOf(() => parseUsageStats(changed(document, path, Symbol("none"))));
        expect([path, error.code]).toEqual([path, "VALUE_INVALID"]);
        if (path.join() !== "version") expect(error.message).toContain(String(path.at(-1)));
        expect(errorOf(() => parseUsageStats(changed(document, path, undefined))).code).toBe(
          "VALUE_INVALID",
        );
      }
    }
  });

  it.each([
    ["{", "text that is not JSON"],
    ["[]", "an array"],
    [null, "null"],
    ['{"version":3}', "of version 3"],
    ['{"tokens":12}', "an object without a version"],
    [{ version: 1, today: {} }, "current_session"],
  ])("refuses %p as no stats of a sync", (data, words) => {
    expect(errorOf(() => parseUsageStats(data)).message).toContain(words);
  });
});
