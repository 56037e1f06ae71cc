/** Usage to watch: two months of it, a block that goes on, and what the maker says of the limits. */
import { openUsageDb, type UsageConfig } from "../../src/index.ts";
import { syncTranscripts } from "../../src/usage-sync.ts";
import { assistant, writeLines } from "./transcripts.ts";
import type { TempFolder } from "./temp-folder.ts";
import { NOON } from "./usage-db.ts";

/** 14:33:20 UTC of the day that the block is of. */
export const WATCH_NOW = NOON + (2 * 60 + 33) * 60_000 + 20_000;

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const MODELS = ["claude-opus-4-6", "claude-sonnet-4-5-20250929", "claude-haiku-4-5-20251001"];
const PROJECTS = ["/home/dev/app", "/home/dev/website", "/home/dev/données-été"];

export interface WatchedUsage {
  readonly database: string;
  readonly configDir: string;
  readonly transcript: string;
}

/** Fills a database in a folder; the same every time. */
export async function watchedUsage(
  folder: TempFolder,
  {
    withSamples = true,
    config = {},
  }: { withSamples?: boolean; config?: Partial<UsageConfig> } = {},
): Promise<WatchedUsage> {
  const usage = {
    database: folder.at("usage.db"),
    configDir: folder.at("claude"),
    transcript: folder.at("claude", "projects", "app", "now.jsonl"),
  };
  for (let day = 60; day >= 1; day -= day > 20 ? 3 : 1) {
    const at = NOON - day * DAY + (day % 5) * HOUR;
    writeSession(folder, {
      name: `session-${String(day).padStart(2, "0")}-of-the-past`,
      at,
      count: 2 + (day % 7),
    });
  }
  writeSession(folder, {
    name: "now",
    at: NOON + 7 * MINUTE,
    count: 14,
    sessionId: "7d1f0c52-now",
  });
  using db = openUsageDb(usage.database, { now: () => WATCH_NOW });
  // A minute between reloads: a test that is slow must not see one.
  db.config.update({ timezone: "UTC", time_format: "24h", refresh_rate: 60, ...config });
  await syncTranscripts(db, { claudeRoots: [folder.at("claude", "projects")] });
  if (withSamples) {
    const limit = (
      name: string,
      minutes: number,
      percent: number,
      resetsAt: number,
      observedAt: number,
    ) => ({
      agent: "claude",
      limit_name: name,
      window_minutes: minutes,
      used_percent: percent,
      resets_at: resetsAt,
      observed_at: observedAt,
      session_id: "7d1f0c52-now",
    });
    db.limitSamples.record([
      limit("five_hour", 300, 11, NOON + 4.5 * HOUR, NOON + 30 * MINUTE),
      limit("five_hour", 300, 42, NOON + 4.5 * HOUR, WATCH_NOW - 3 * MINUTE),
      limit("seven_day", 10_080, 18, NOON + 3 * DAY, WATCH_NOW - 3 * MINUTE),
    ]);
  }
  return usage;
}

function writeSession(
  folder: TempFolder,
  {
    name,
    at,
    count,
    sessionId = name,
  }: { name: string; at: number; count: number; sessionId?: string },
): void {
  const lines = Array.from({ length: count }, (_, index) =>
    assistant({
      id: `${name}-${index}`,
      requestId: `${name}-${index}`,
      sessionId,
      cwd: PROJECTS[count % PROJECTS.length] ?? "",
      model: MODELS[(count + (index % 4 === 3 ? 1 : 0)) % MODELS.length] ?? "",
      timestamp: at + index * 10 * MINUTE,
      usage: {
        input_tokens: 90 + index * 7,
        output_tokens: 700 + ((index * 317) % 900),
        cache_creation_input_tokens: 4000 + ((index * 911) % 3000),
        cache_read_input_tokens: 50_000 + ((index * 7919) % 40_000),
      },
    }),
  );
  writeLines(folder.at("claude", "projects", "app", `${name}.jsonl`), lines);
}
