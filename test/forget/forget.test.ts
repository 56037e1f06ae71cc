import { describe, expect, it } from "bun:test";
import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import {
  backupDatabase,
  type ForgetTarget,
  forgetUsage,
  openUsageDb,
  reportDaily,
  reportSessions,
  restoreDatabase,
  syncTranscripts,
  verifyRollups,
} from "../../src/index.ts";
import { Spool, spoolPath } from "../../src/ingest/hooks/spool.ts";
import { storeHookEvents } from "../../src/ingest/hooks/store-hook-events.ts";
import { readHookEvent } from "../../src/ingest/hooks/hook-event.ts";
import { codeOf } from "../support/error-of.ts";
import { holdRead } from "../support/held-read.ts";
import { tempFolder, type TempFolder } from "../support/temp-folder.ts";
import { assistant, writeLines } from "../support/transcripts.ts";
import { NOON } from "../support/usage-db.ts";

const SECRET = "5e55a0f1-0000-4000-8000-00000000000a";
const OTHER = "07e9b2c3-0000-4000-8000-00000000000b";
const HIDDEN = "/home/dev/hidden";
const DAY = 86_400_000;
const now = (): number => NOON;

/** Two sessions of two projects, read from transcripts, with events, snapshots and samples. */
async function fill(folder: TempFolder): Promise<string> {
  const path = folder.at("usage.db");
  const line = (index: number, sessionId: string, cwd: string): object =>
    assistant({
      id: `msg_${sessionId}_${index}`,
      requestId: `req_${sessionId}_${index}`,
      sessionId,
      cwd,
      timestamp: NOON - DAY * (index % 3) - index,
    });
  writeLines(
    folder.at("claude", "projects", "-home-dev-hidden", `${SECRET}.jsonl`),
    Array.from({ length: 30 }, (_, index) => line(index, SECRET, HIDDEN)),
  );
  writeLines(
    folder.at("claude", "projects", "-home-dev-open", `${OTHER}.jsonl`),
    Array.from({ length: 20 }, (_, index) => line(index, OTHER, "/home/dev/open")),
  );
  using db = openUsageDb(path, { now });
  await sync(folder, db);
  for (const [session_id, cwd] of [
    [SECRET, HIDDEN],
    [OTHER, "/home/dev/open"],
  ] as const) {
    for (let index = 0; index < 40; index++) {
      const payload = { cwd, session_id, text: "x".repeat(index * 200) };
      db.events.insert({
        source_app: "a",
        session_id,
        hook_event_type: "Stop",
        payload,
        timestamp: NOON - index * DAY,
      });
    }
    db.limitSamples.record([
      {
        agent: "claude",
        limit_name: "five_hour",
        window_minutes: 300,
        used_percent: 5,
        session_id,
        observed_at: NOON,
      },
    ]);
  }
  // What one session's snapshot says of the others.
  const recent = [{ session_id: SECRET, project: HIDDEN, total_tokens: 5 }];
  db.snapshots.insert({ session_id: OTHER, snapshot_data: { recent_sessions: recent } });
  // Deleted without care: it stands in free pages.
  db.connection.runOnce("PRAGMA secure_delete = OFF");
  db.connection.runOnce(`DELETE FROM events WHERE session_id = '${SECRET}' AND id % 2 = 0`);
  return path;
}

const sync = (
  folder: TempFolder,
  db: ReturnType<typeof openUsageDb>,
): ReturnType<typeof syncTranscripts> =>
  syncTranscripts(db, { claudeRoots: [folder.at("claude", "projects")] });

function contains(path: string, text: string): boolean {
  return existsSync(path) && readFileSync(path).includes(text);
}

function tokens(path: string): { daily: number; sessions: number; problems: string[] } {
  using db = openUsageDb(path, { now });
  return {
    daily: reportDaily(db, { timeZone: "UTC" }).totals.totalTokens,
    sessions: reportSessions(db, { timeZone: "UTC" }).totals.totalTokens,
    problems: verifyRollups(db),
  };
}

const SESSION: ForgetTarget = { kind: "session", sessionId: SECRET };
const PROJECT: ForgetTarget = { kind: "project", project: HIDDEN };
const TARGETS: [string, ForgetTarget, string[]][] = [
  ["a session", SESSION, [SECRET]],
  ["a project", PROJECT, [SECRET, HIDDEN]],
];

describe("forgetUsage()", () => {
  it.each(TARGETS)(
    "takes %s out of every byte and leaves all sums as they were",
    async (_, target, texts) => {
      using folder = tempFolder();
      const path = await fill(folder);
      const before = tokens(path);
      for (const text of texts)
        expect(contains(path, text) || contains(`${path}-wal`, text)).toBe(true);
      const report = forgetUsage(path, target, { now });
      expect(report).toMatchObject({
        sessions: 1,
        found: [],
        isProved: true,
        isVacuumed: true,
        isWalBusy: false,
      });
      for (const name of [path, `${path}-wal`])
        for (const text of texts)
          expect({ name, text, is: contains(name, text) }).toEqual({ name, text, is: false });
      expect(tokens(path)).toEqual({ ...before, problems: [] });
      expect(report.anonymised["usage_message_rows"]).toBeGreaterThanOrEqual(30);
      expect(report.deleted["events"]).toBe(20);
      using db = openUsageDb(path, { now });
      expect(db.sessions.get(OTHER)?.project).toBe("/home/dev/open");
      expect(db.messages.bySession(OTHER)).toHaveLength(20);
      const [snapshot] = db.snapshots.listBySession(OTHER);
      expect(JSON.parse(snapshot?.snapshot_data ?? "{}")).toMatchObject({
        recent_sessions: [{ session_id: "forgotten", total_tokens: 5 }],
      });
      expect(db.connection.readOnce("PRAGMA integrity_check").flat()).toEqual(["ok"]);
      expect(db.connection.readOnce("PRAGMA foreign_key_check")).toEqual([]);
    },
  );

  it.each(TARGETS)(
    "takes the tokens of %s with --rollups, in all reports alike",
    async (_, target) => {
      using folder = tempFolder();
      const path = await fill(folder);
      const report = forgetUsage(path, target, { now, rollups: true });
      expect(report).toMatchObject({ isProved: true, anonymised: {} });
      expect(report.deleted["usage_message_rows"]).toBe(30);
      expect(tokens(path)).toEqual({ daily: 20 * 100, sessions: 20 * 100, problems: [] });
    },
  );

  it("forgets everything before a moment, and keeps what a living session did since", async () => {
    using folder = tempFolder();
    const path = await fill(folder);
    const beforeMs = NOON - DAY;
    const report = forgetUsage(path, { kind: "before", beforeMs }, { now, rollups: true });
    expect(report.sessions).toBe(0);
    using db = openUsageDb(path, { now });
    expect(
      db.connection.readOnce(
        "SELECT count(*) FROM usage_message_rows WHERE timestamp < ?",
        beforeMs,
      ),
    ).toEqual([[0]]);
    expect(
      db.connection.readOnce("SELECT count(*) FROM events WHERE timestamp < ?", beforeMs),
    ).toEqual([[0]]);
    expect(db.events.recent().length).toBeGreaterThan(0);
    expect(verifyRollups(db)).toEqual([]);
    expect(db.messages.count()).toBeGreaterThan(10);
    const again = await sync(folder, db);
    expect(again).toMatchObject({ messages: { inserted: 0 } });
  });

  it("does not let transcripts bring it back, and says what it passed over", async () => {
    using folder = tempFolder();
    const path = await fill(folder);
    const { transcripts } = forgetUsage(path, PROJECT, { now });
    expect(transcripts).toEqual([
      folder.at("claude", "projects", "-home-dev-hidden", `${SECRET}.jsonl`),
    ]);
    const before = tokens(path);
    // A copy under another name is read, and nothing of it is stored.
    renameSync(
      folder.at("claude", "projects", "-home-dev-open"),
      folder.at("claude", "projects", "-home-dev-moved"),
    );
    writeLines(folder.at("claude", "projects", "x", "copy.jsonl"), [
      assistant({ id: "fresh", sessionId: SECRET, cwd: HIDDEN, timestamp: NOON }),
      assistant({ id: "later", sessionId: OTHER, cwd: HIDDEN, timestamp: NOON - 1 }),
    ]);
    {
      using db = openUsageDb(path, { now });
      const report = await sync(folder, db);
      expect(report).toMatchObject({ forgotten: 2, filesForgotten: 1, messages: { inserted: 0 } });
      // What the project does from now on is stored again.
      writeLines(folder.at("claude", "projects", "y", "new.jsonl"), [
        assistant({ id: "new", sessionId: "another", cwd: HIDDEN, timestamp: NOON + 1 }),
      ]);
      expect((await sync(folder, db)).messages.inserted).toBe(1);
    }
    expect(tokens(path)).toEqual({
      daily: before.daily + 100,
      sessions: before.sessions + 100,
      problems: [],
    });
    expect(contains(path, SECRET) || contains(`${path}-wal`, SECRET)).toBe(false);
  });

  it("forgets what waits in the spool, and what is hooked in later", async () => {
    using folder = tempFolder();
    const path = await fill(folder);
    const hook = (session_id: string): ReturnType<typeof readHookEvent> =>
      readHookEvent(JSON.stringify({ session_id, hook_event_name: "Stop", cwd: HIDDEN }), {
        receivedAt: NOON,
        keep: new Set(),
        sourceApp: "claude-code",
      });
    {
      using spool = new Spool(spoolPath(path));
      spool.append([
        hook(SECRET),
        { no: "event", session_id: SECRET },
        { no: "event", session_id: OTHER },
      ]);
    }
    const report = forgetUsage(path, SESSION, { now });
    expect(report).toMatchObject({ refusedEvents: 1, isProved: true });
    const refused = readFileSync(`${spoolPath(path)}.refused`, "utf8");
    expect([refused.includes(SECRET), refused.includes(OTHER)]).toEqual([false, true]);
    using db = openUsageDb(path, { now });
    expect(storeHookEvents(db, [hook(SECRET), hook(OTHER)])).toBe(1);
  });

  it("rewrites the backups that it is told of, with a new hash, and names those that it is not", async () => {
    using folder = tempFolder();
    const path = await fill(folder);
    {
      using db = openUsageDb(path, { now });
      backupDatabase(db.connection, folder.at("usage.db.1.backup"));
      backupDatabase(db.connection, folder.at("elsewhere.db"));
      backupDatabase(db.connection, folder.at("damaged.db"));
    }
    writeFileSync(folder.at("damaged.db.sha256"), `${"0".repeat(64)}  damaged.db\n`);
    const before = readFileSync(folder.at("elsewhere.db.sha256"), "utf8");
    const report = forgetUsage(path, SESSION, {
      now,
      backups: [folder.at("elsewhere.db"), folder.at("damaged.db")],
    });
    expect(report.backups).toMatchObject([
      { path: folder.at("elsewhere.db"), error: null },
      { path: folder.at("damaged.db"), sha256: null, error: { code: "BACKUP_UNVERIFIED" } },
    ]);
    expect(report.isProved).toBe(false);
    expect(report.found.map(({ path: name }) => name).sort()).toEqual(
      [folder.at("damaged.db"), folder.at("usage.db.1.backup")].sort(),
    );
    expect(readFileSync(folder.at("elsewhere.db.sha256"), "utf8")).not.toBe(before);
    expect(contains(folder.at("elsewhere.db"), SECRET)).toBe(false);
    expect(statSync(folder.at("elsewhere.db")).mode & 0o777).toBe(0o600);
    await restoreDatabase(folder.at("elsewhere.db"), folder.at("restored.db"));
    expect(tokens(folder.at("restored.db"))).toEqual(tokens(path));
  });

  it("changes nothing in a dry run, and counts what the real one does", async () => {
    using folder = tempFolder();
    const path = await fill(folder);
    const dry = forgetUsage(path, PROJECT, { now, dryRun: true });
    using db = openUsageDb(path, { now });
    expect(db.messages.bySession(SECRET)).toHaveLength(30);
    expect(db.connection.readOnce("SELECT count(*) FROM usage_forgotten")).toEqual([[0]]);
    db.close();
    const real = forgetUsage(path, PROJECT, { now });
    expect([dry.sessions, dry.deleted, dry.anonymised]).toEqual([
      real.sessions,
      real.deleted,
      real.anonymised,
    ]);
  });

  it("may be run again, and finds a text that another row still has", async () => {
    using folder = tempFolder();
    const path = await fill(folder);
    forgetUsage(path, SESSION, { now });
    expect(forgetUsage(path, SESSION, { now })).toMatchObject({ isProved: true, deleted: {} });
    {
      using db = openUsageDb(path, { now });
      db.events.insert({
        source_app: "a",
        session_id: OTHER,
        hook_event_type: "Stop",
        payload: { about: SECRET },
      });
    }
    const report = forgetUsage(path, SESSION, { now });
    expect(report.isProved).toBe(false);
    expect(report.found).toMatchObject([{ path, count: 1 }]);
  });

  it("tells a reader that keeps the WAL from being emptied", async () => {
    using folder = tempFolder();
    const path = await fill(folder);
    {
      await using _ = await holdRead(path);
      expect(forgetUsage(path, SESSION, { now })).toMatchObject({
        isWalBusy: true,
        isProved: false,
      });
    }
    expect(forgetUsage(path, SESSION, { now }).isProved).toBe(true);
  });

  it("refuses while this process has the database open, and what is no target", async () => {
    using folder = tempFolder();
    const path = await fill(folder);
    expect(codeOf(() => forgetUsage(path, { kind: "session", sessionId: "" }))).toBe(
      "VALUE_INVALID",
    );
    using _ = openUsageDb(path, { now });
    expect(codeOf(() => forgetUsage(path, SESSION, { now }))).toBe("DATABASE_BUSY");
  });
});
