/** Reads what a `stats` snapshot says, of any version that was ever written. */
import { describeKind, InputError } from "../errors.ts";
import type { UsageStats, UsageStatsV1 } from "./usage-stats.ts";

/**
 * Reads the `snapshot_data` of a `stats` snapshot, as text or parsed; `version` tells the two apart. Fields that a
 * later release adds pass.
 * @throws {InputError} VALUE_INVALID, naming the field, for what is no such document: a program's own, or one of a
 *   version that this release does not know.
 */
export function parseUsageStats(data: unknown): UsageStats | UsageStatsV1 {
  const value = typeof data === "string" ? parsed(data) : data;
  const version = isRecord(value) ? value["version"] : undefined;
  if (version === 1) VERSION_1(value, "snapshot_data");
  else if (version === 2) VERSION_2(value, "snapshot_data");
  else refuseAs("snapshot_data", nameOf(value, version), "version 1 or 2 of the stats of a sync");
  return value as unknown as UsageStats | UsageStatsV1;
}

function nameOf(value: unknown, version: unknown): string {
  if (!isRecord(value)) return describeKind(value);
  return typeof version === "number" ? `of version ${version}` : "an object without a version";
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    return refuseAs("snapshot_data", "text that is not JSON", "JSON", cause);
  }
}

type Check = (value: unknown, path: string) => void;

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const check =
  (isFine: (value: unknown) => boolean, expected: string): Check =>
  (value, path) => {
    if (!isFine(value)) refuse(path, value, expected);
  };
const object =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value, path) => {
    if (!isRecord(value)) return refuse(path, value, "an object");
    for (const [name, of] of Object.entries(fields)) of(value[name], `${path}.${name}`);
  };
const list =
  (of: Check): Check =>
  (value, path) => {
    if (!Array.isArray(value)) return refuse(path, value, "an array");
    for (const [index, item] of value.entries()) of(item, `${path}[${index}]`);
  };
const nullable =
  (of: Check): Check =>
  (value, path) => {
    if (value !== null) of(value, path);
  };

const text = check((value) => typeof value === "string", "a string");
const truth = check((value) => typeof value === "boolean", "true or false");
const figure = check(Number.isFinite, "a number");
const whole = check((value) => Number.isSafeInteger(value) && Number(value) >= 0, "a whole number");

const TOKENS = {
  input_tokens: whole,
  output_tokens: whole,
  cache_creation_tokens: whole,
  cache_read_tokens: whole,
  total_tokens: whole,
};
const COST = { cost_usd: nullable(figure), is_cost_complete: truth };
const SESSION = {
  session_id: text,
  agent: nullable(text),
  project: nullable(text),
  started_at: whole,
  last_seen_at: whole,
  message_count: whole,
};
const MODEL = { model: text, message_count: whole, ...TOKENS };
const LIMIT = object({
  used: figure,
  limit: figure,
  used_percent: figure,
  source: text,
  projected: nullable(figure),
  reached_at: nullable(whole),
});
const OFFICIAL = object({
  limit_name: text,
  window_minutes: whole,
  used_percent: figure,
  resets_at: whole,
  observed_at: whole,
  reached_at: nullable(whole),
});

const VERSION_1 = object({
  current_session: object({ ...SESSION, models: list(object(MODEL)) }),
  totals: object(TOKENS),
});

const VERSION_2 = object({
  current_session: object({
    ...SESSION,
    ...TOKENS,
    ...COST,
    models: list(object({ ...MODEL, ...COST })),
  }),
  recent_sessions: list(object({ ...SESSION, total_tokens: whole, ...COST })),
  burn_rate: nullable(object({ tokens_per_minute: figure, cost_per_hour: figure })),
  predictions: nullable(
    object({
      block_started_at: whole,
      block_ends_at: whole,
      total_tokens: whole,
      projected_tokens: nullable(whole),
      projected_cost_usd: nullable(figure),
      limits: object({ tokens: LIMIT, cost_usd: nullable(LIMIT), messages: nullable(LIMIT) }),
      official: list(OFFICIAL),
    }),
  ),
  totals: object({ message_count: whole, ...TOKENS, ...COST }),
});

function refuse(field: string, observed: unknown, expected: string): never {
  return refuseAs(field, describeKind(observed), expected);
}

/** Never the value itself: snapshots may hold anything. */
function refuseAs(field: string, observed: string, expected: string, cause?: unknown): never {
  throw new InputError(
    "VALUE_INVALID",
    `Cannot read a stats snapshot: ${field} is ${observed}, expected ${expected}`,
    {
      details: { field },
      hint: "Pass the snapshot_data of a stats snapshot that a sync of this release or an earlier one wrote.",
      ...(cause === undefined ? {} : { cause }),
    },
  );
}
