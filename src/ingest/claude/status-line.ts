/** The JSON that Claude Code hands to a status line: the only place where it tells its official limits. */
import type { NewUsageLimitSample } from "../../store/usage-limit-samples.ts";
import { MAX_TIMESTAMP_MS, MIN_TIMESTAMP_MS } from "../../store/checks.ts";

/** Everything is optional: what is missing or of another kind is null. */
export interface ClaudeStatus {
  readonly sessionId: string | null;
  readonly model: string | null;
  /** What the session cost so far, as Claude Code reckons it. */
  readonly sessionCostUsd: number | null;
  readonly contextPercent: number | null;
  readonly limits: readonly ClaudeLimit[];
}

export interface ClaudeLimit {
  /** `five_hour`, `seven_day`, `seven_day_opus`, … */
  readonly name: string;
  readonly usedPercent: number;
  /** Epoch milliseconds. */
  readonly resetsAt: number | null;
}

export const CLAUDE_AGENT = "claude";

const MINUTES_OF: readonly (readonly [prefix: string, minutes: number])[] = [
  ["five_hour", 300],
  ["seven_day", 10_080],
];
const MAX_LIMITS = 20;
const MAX_NAME_LENGTH = 100;

const NOTHING: ClaudeStatus = {
  sessionId: null,
  model: null,
  sessionCostUsd: null,
  contextPercent: null,
  limits: [],
};

/** Reads what is there; text that is no JSON object tells nothing. */
export function readClaudeStatus(text: string): ClaudeStatus {
  let status: unknown;
  try {
    status = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) return NOTHING;
    throw error;
  }
  const root = fieldsOf(status);
  const model = fieldsOf(root["model"]);
  return {
    sessionId: textOf(root["session_id"]),
    model: textOf(model["display_name"]) ?? textOf(model["id"]) ?? textOf(root["model"]),
    sessionCostUsd: amountOf(fieldsOf(root["cost"])["total_cost_usd"]),
    contextPercent: amountOf(fieldsOf(root["context_window"])["used_percentage"]),
    limits: limitsOf(fieldsOf(root["rate_limits"])),
  };
}

/** The samples to store; none of a limit whose window nobody knows the length of. */
export function samplesOf(status: ClaudeStatus, observedAt: number): NewUsageLimitSample[] {
  const samples: NewUsageLimitSample[] = [];
  for (const { name, usedPercent, resetsAt } of status.limits) {
    const minutes = MINUTES_OF.find(([prefix]) => name.startsWith(prefix))?.[1];
    if (minutes === undefined) continue;
    samples.push({
      agent: CLAUDE_AGENT,
      limit_name: name,
      window_minutes: minutes,
      used_percent: usedPercent,
      resets_at: resetsAt,
      observed_at: observedAt,
      session_id: status.sessionId ?? "",
    });
  }
  return samples;
}

function limitsOf(limits: Readonly<Record<string, unknown>>): ClaudeLimit[] {
  const found: ClaudeLimit[] = [];
  for (const name of Object.keys(limits).slice(0, MAX_LIMITS)) {
    const limit = fieldsOf(limits[name]);
    const usedPercent = amountOf(limit["used_percentage"]);
    if (usedPercent === null || textOf(name) === null || name.length > MAX_NAME_LENGTH) continue;
    found.push({ name, usedPercent, resetsAt: momentOf(limit["resets_at"]) });
  }
  return found;
}

/** Epoch seconds as Claude Code writes them, in milliseconds; an ISO time is taken too. */
function momentOf(value: unknown): number | null {
  const ms =
    typeof value === "string" ? Date.parse(value) : typeof value === "number" ? value * 1000 : NaN;
  return ms >= MIN_TIMESTAMP_MS && ms <= MAX_TIMESTAMP_MS ? Math.round(ms) : null;
}

function amountOf(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 && value < 1e6
    ? value
    : null;
}

/** A string that a database keeps. */
function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" && value.length <= 1000 && !value.includes("\0")
    ? value.toWellFormed()
    : null;
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : {};
}
