/** What a status line tells: what it was handed, what the database knows, and the limits it stores on the way. */
import type { Connection } from "../engine/sqlite/connection.ts";
import {
  CLAUDE_AGENT,
  type ClaudeLimit,
  type ClaudeStatus,
  samplesOf,
} from "../ingest/claude/status-line.ts";
import { activeBlockEnd } from "../report/active-block.ts";
import { machineDay } from "../report/machine-day.ts";
import { usageWithin, type UsageWithin } from "../report/usage-within.ts";
import { openReadyDatabase } from "../store/ready-database.ts";
import { UsageLimitSampleStore } from "../store/usage-limit-samples.ts";

export interface StatusFacts {
  readonly model: string | null;
  readonly sessionCostUsd: number | null;
  /** Null without a database that answers. */
  readonly today: UsageWithin | null;
  readonly contextPercent: number | null;
  /** The official limits that still hold. */
  readonly limits: readonly ClaudeLimit[];
  /** Until the five-hour block ends; null when none is active. */
  readonly blockLeftMs: number | null;
}

export interface StatusQuestion {
  readonly status: ClaudeStatus;
  readonly database: string;
  readonly now: number;
  /** Told why the database has no part in the answer. */
  readonly onTrouble: (text: string) => void;
}

/** A status line is drawn again in a moment; it waits for nobody. */
const BUSY_TIMEOUT_MS = 0;
/** Several status lines may find no database at once, and make it together. */
const FRESH_TIMEOUT_MS = 500;
const SHOWN_LIMITS = ["five_hour", "seven_day"] as const;

/** Stores the limits and answers; never throws for what is wrong with the database. */
export function statusFacts(question: StatusQuestion): StatusFacts {
  const { status, now } = question;
  const known = withDatabase(question);
  const limits = [...status.limits];
  for (const limit of known.limits)
    if (!limits.some(({ name }) => name === limit.name)) limits.push(limit);
  // A window that has ended says nothing of the one that followed.
  const held = limits.filter(({ resetsAt }) => resetsAt === null || resetsAt > now);
  // What the maker says of its window beats what is worked out.
  const blockEnd =
    held.find(({ name }) => name === "five_hour")?.resetsAt ?? known.blockEndMs ?? null;
  return {
    model: status.model,
    sessionCostUsd: status.sessionCostUsd,
    today: known.today,
    contextPercent: status.contextPercent,
    limits: held,
    blockLeftMs: blockEnd === null ? null : blockEnd - now,
  };
}

interface Known {
  readonly today: UsageWithin | null;
  readonly limits: readonly ClaudeLimit[];
  readonly blockEndMs: number | null;
}

const UNKNOWN: Known = { today: null, limits: [], blockEndMs: null };

function withDatabase(question: StatusQuestion): Known {
  let connection: Connection | null = null;
  try {
    connection = openReadyDatabase(question.database, BUSY_TIMEOUT_MS) ?? openFresh(question);
    return connection === null ? UNKNOWN : ask(connection, question);
  } catch (error) {
    question.onTrouble(describe(error));
    return UNKNOWN;
  } finally {
    connection?.close();
  }
}

function ask(connection: Connection, question: StatusQuestion): Known {
  const { status, now, onTrouble } = question;
  const samples = new UsageLimitSampleStore(connection, () => now);
  try {
    samples.record(samplesOf(status, now));
  } catch (error) {
    // Somebody writes: the same limits come again with the next line.
    onTrouble(describe(error));
  }
  const { startMs, endMs } = today(connection, now);
  return {
    today: usageWithin(connection, startMs, endMs),
    blockEndMs: activeBlockEnd(connection, CLAUDE_AGENT, now),
    limits: SHOWN_LIMITS.flatMap((name) => {
      if (status.limits.some((limit) => limit.name === name)) return [];
      const sample = samples.newest(CLAUDE_AGENT, name);
      // Of a limit without an end, an old sample may tell of another age.
      if (sample === null || sample.resets_at === null) return [];
      return [{ name, usedPercent: sample.used_percent, resetsAt: sample.resets_at }];
    }),
  };
}

/** The local day by the settings. */
function today(connection: Connection, now: number): { startMs: number; endMs: number } {
  const sql = "SELECT timezone, reset_hour FROM usage_config WHERE is_active = 1";
  const [timeZone = "auto", hour = 0] =
    connection.prepare(sql, "read the settings").values()[0] ?? [];
  const resetHour = Number(hour ?? 0);
  const day = timeZone === "auto" ? machineDay(connection, now, resetHour) : null;
  if (day !== null) return day;
  const { dayOf } = require("../report/local-days.ts") as typeof import("../report/local-days.ts");
  const zone = timeZone === "auto" ? Temporal.Now.timeZoneId() : String(timeZone);
  return dayOf(now, { timeZone: zone, resetHour });
}

/**
 * Makes the database when there is none: the first sample is worth as much as the last. One that is there but not up
 * to date is left to a command that may take its time.
 */
function openFresh({ database, onTrouble }: StatusQuestion): Connection | null {
  const { statSync } = require("node:fs") as typeof import("node:fs");
  if (statSync(database, { throwIfNoEntry: false }) !== undefined) {
    onTrouble(`${database} is busy or not up to date; \`usagedb migrate\` brings it up to date`);
    return null;
  }
  const { openUsageDb } = require("../usage-db.ts") as typeof import("../usage-db.ts");
  return openUsageDb(database, { busyTimeoutMs: FRESH_TIMEOUT_MS }).connection;
}

/** Whatever went wrong: a line without the database is better than none. */
function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
