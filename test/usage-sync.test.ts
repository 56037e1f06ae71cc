import { describe, expect, it } from "bun:test";
import {
  parseUsageStats,
  reportBlocks,
  reportLive,
  reportPeriods,
  reportSessions,
  syncTranscripts,
  type UsageDb,
  type UsageStats,
} from "../src/index.ts";
import { sessionMeta, turns as codexTurns } from "./support/rollouts.ts";
import { tempFolder, type TempFolder } from "./support/temp-folder.ts";
import { appendLines, assistant, writeLines } from "./support/transcripts.ts";
import { clockedDb, NOON } from "./support/usage-db.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const sync = (db: UsageDb, folder: TempFolder): ReturnType<typeof syncTranscripts> =>
  syncTranscripts(db, {
    sources: { claude: [folder.at("projects")], codex: [folder.at("codex")] },
  });

const transcript = (folder: TempFolder, session: string): string =>
  folder.at("projects", "-home-dev-app", `${session}.jsonl`);

/** A line of session `sessionId` at `timestamp`. */
const line = (sessionId: string, id: string, timestamp: number, model?: string): object =>
  assistant({ sessionId, id, timestamp, ...(model === undefined ? {} : { model }) });

function statsOf(db: UsageDb, sessionId: string): UsageStats {
  const stats = parseUsageStats(db.snapshots.latest(sessionId)?.snapshot_data);
  if (stats.version !== 2) throw new Error("expected version 2");
  return stats;
}

/** Three sessions of Claude Code, the newest in the running block, and one of Codex. */
function writeUsage(folder: TempFolder): void {
  writeLines(transcript(folder, "old"), [
    line("old", "o1", NOON - 72 * HOUR),
    line("old", "o2", NOON - 71 * HOUR),
  ]);
  writeLines(transcript(folder, "noon"), [
    line("noon", "n1", NOON - 2 * HOUR),
    line("noon", "n2", NOON - HOUR, "claude-sonnet-4-5-20250929"),
  ]);
  writeLines(transcript(folder, "now"), [
    line("now", "w1", NOON - 30 * MINUTE),
    line("now", "w2", NOON - MINUTE),
  ]);
  writeLines(folder.at("codex", "2026", "11", "20", "rollout-x.jsonl"), [
    sessionMeta({}, NOON - 50 * MINUTE),
    ...codexTurns(3, { from: NOON - 40 * MINUTE }),
  ]);
}

describe("a stats snapshot of a sync", () => {
  it("says what the reports say at that moment", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    const { db } = clocked;
    db.config.update({ plan: "max5" });
    writeUsage(folder);
    // A snapshot tells of what is there when it commits, and agents are read one after the other.
    await syncTranscripts(db, { sources: { codex: [folder.at("codex")] } });
    await sync(db, folder);
    const stats = statsOf(db, "now");
    const live = reportLive(db, { nowMs: NOON, agent: "claude" });
    const { rows, totals } = reportPeriods(db, { timeZone: "UTC" });
    const { session } = reportSessions(db, { timeZone: "UTC" });
    const row = session.find(({ period }) => period === "now");
    expect(stats.current_session).toMatchObject({
      session_id: "now",
      agent: "claude",
      project: "/home/dev/app",
      started_at: NOON - 30 * MINUTE,
      last_seen_at: NOON - MINUTE,
      message_count: 2,
      total_tokens: Number(row?.totalTokens),
      cost_usd: Number(row?.totalCost),
      is_cost_complete: true,
    });
    expect(stats.current_session.models.map(({ model }) => model)).toEqual(["claude-opus-4-6"]);
    expect(stats.burn_rate).toEqual({
      tokens_per_minute: Number(live.block?.burnRate?.tokensPerMinute),
      cost_per_hour: Number(live.block?.burnRate?.costPerHour),
    });
    expect(stats.predictions).toMatchObject({
      block_started_at: Date.parse(String(live.block?.startTime)),
      block_ends_at: Date.parse(String(live.block?.endTime)),
      total_tokens: live.block?.totalTokens,
      projected_tokens: live.block?.projection?.totalTokens,
      projected_cost_usd: live.block?.projection?.totalCost,
      limits: {
        tokens: { limit: 88_000, source: "plan", used: live.block?.limits.tokens.used },
        messages: { limit: 1000, used: 4 },
      },
      official: [],
    });
    expect(stats.totals).toMatchObject({
      message_count: rows.reduce((sum, { messageCount }) => sum + messageCount, 0),
      input_tokens: totals.inputTokens,
      output_tokens: totals.outputTokens,
      cache_creation_tokens: totals.cacheCreationTokens,
      cache_read_tokens: totals.cacheReadTokens,
      total_tokens: totals.totalTokens,
    });
  });

  it("names the sessions active last, of every agent, without its own; none beside old history", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    const { db } = clocked;
    writeUsage(folder);
    for (let index = 0; index < 5; index++) {
      const id = `s${index}`;
      writeLines(transcript(folder, id), [line(id, id, NOON - (10 + index) * HOUR)]);
    }
    await sync(db, folder);
    const [codex] = reportSessions(db, { timeZone: "UTC" }).session.filter(
      ({ agent }) => agent === "codex",
    );
    // The last batch is Codex's, and knows every session.
    expect(
      statsOf(db, String(codex?.period)).recent_sessions.map(({ session_id }) => session_id),
    ).toEqual(["now", "noon", "s0", "s1", "s2"]);
    const [now] = statsOf(db, String(codex?.period)).recent_sessions;
    const { models: _models, ...sums } = statsOf(db, "now").current_session;
    expect(sums).toMatchObject({ ...now });
    expect(statsOf(db, "old").recent_sessions).toEqual([]);
    expect(statsOf(db, "now").recent_sessions.map(({ session_id }) => session_id)).not.toContain(
      "now",
    );
  });

  it("is not written twice for the same figures, and again as soon as one differs", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    const { db } = clocked;
    writeUsage(folder);
    expect(await sync(db, folder)).toMatchObject({ snapshots: 4 });
    clocked.time += 10 * MINUTE;
    // A line that is known: the file is read, nothing is told.
    appendLines(transcript(folder, "now"), [line("now", "w2", NOON - MINUTE)]);
    expect(await sync(db, folder)).toMatchObject({ filesRead: 1, snapshots: 0 });
    appendLines(transcript(folder, "now"), [line("now", "w3", NOON + 5 * MINUTE)]);
    expect(await sync(db, folder)).toMatchObject({ filesRead: 1, snapshots: 1 });
    expect(db.snapshots.listBySession("now")).toHaveLength(2);
    expect(db.snapshots.listBySession("noon")).toHaveLength(1);
  });

  it("answers for any past moment with what was known then", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    const { db } = clocked;
    writeUsage(folder);
    await sync(db, folder);
    const before = reportBlocks(db, { timeZone: "UTC", nowMs: NOON, agent: "claude" });
    clocked.time = NOON + 20 * MINUTE;
    appendLines(transcript(folder, "now"), [line("now", "w3", NOON + 15 * MINUTE)]);
    await sync(db, folder);
    const at = (ms: number, sessionId?: string): UsageStats | null => {
      const found = db.snapshots.at(ms, sessionId === undefined ? {} : { sessionId });
      return found === null ? null : (parseUsageStats(found.snapshot_data) as UsageStats);
    };
    expect(at(NOON - 1)).toBeNull();
    expect(at(NOON, "now")?.current_session.message_count).toBe(2);
    expect(at(NOON + 19 * MINUTE, "now")?.predictions?.total_tokens).toBe(
      before.blocks.find(({ isActive }) => isActive)?.totalTokens,
    );
    expect(at(NOON + 20 * MINUTE)?.current_session).toMatchObject({
      session_id: "now",
      message_count: 3,
    });
    expect(at(NOON + 20 * MINUTE, "noon")?.current_session.message_count).toBe(2);
  });

  it("tells a price that is not known from one that is nothing", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    const { db } = clocked;
    writeLines(transcript(folder, "a"), [line("a", "a1", NOON - MINUTE, "nobodys-model")]);
    writeLines(transcript(folder, "b"), [
      line("b", "b1", NOON - MINUTE, "nobodys-model"),
      line("b", "b2", NOON - MINUTE),
    ]);
    await sync(db, folder);
    const [a, b] = [statsOf(db, "a"), statsOf(db, "b")];
    expect(a.current_session).toMatchObject({ cost_usd: null, is_cost_complete: false });
    expect(b.current_session).toMatchObject({ is_cost_complete: false });
    expect(b.current_session.cost_usd).toBeGreaterThan(0);
    expect(b.totals).toMatchObject({
      cost_usd: b.current_session.cost_usd,
      is_cost_complete: false,
    });
  });

  it("is complete after a sync of many batches for the sessions active last", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    const { db } = clocked;
    // The session active last has the oldest file, so it is read first.
    writeLines(transcript(folder, "a"), [
      line("a", "a1", NOON - 2 * MINUTE),
      line("a", "a2", NOON),
    ]);
    for (const session of ["b", "c", "d"]) {
      const at = NOON - HOUR;
      writeLines(
        transcript(folder, session),
        Array.from({ length: 1300 }, (_, i) => line(session, `${session}${i}`, at + i)),
      );
    }
    expect(await sync(db, folder)).toMatchObject({ snapshots: 4 });
    const totals = reportPeriods(db, { timeZone: "UTC" }).totals.totalTokens;
    for (const session of ["a", "b", "c", "d"]) {
      const stats = statsOf(db, session);
      expect(stats.totals.total_tokens).toBe(totals);
      expect(stats.predictions?.total_tokens).toBe(totals);
      expect(stats.burn_rate).not.toBeNull();
    }
  });
});
