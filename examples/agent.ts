/**
 * A small monitoring agent: `bun examples/agent.ts [usage.db]`.
 *
 * Every `refresh_rate` seconds it reads new transcripts and stores a snapshot of the day's figures; once a day
 * it prunes. SIGTERM and SIGINT end it between two whole steps; SIGKILL may come at any moment, because every
 * step is one transaction. In a program of your own the import is `from "usagedb"`.
 */
import { homedir } from "node:os";
import { setTimeout } from "node:timers/promises";
import {
  claudeRoots,
  openUsageDb,
  reportDaily,
  syncTranscripts,
  UsageDbError,
} from "../src/index.ts";

const DAY_MS = 86_400_000;
const SESSION_ID = "agent";

const db = openUsageDb(process.argv[2] ?? "usage.db");
const roots = claudeRoots({
  configDir: process.env["CLAUDE_CONFIG_DIR"],
  xdgConfigHome: process.env["XDG_CONFIG_HOME"],
  home: homedir(),
});
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());
process.once("SIGINT", () => stop.abort());

const pruning = Bun.cron("30 4 * * *", async () => {
  const { deleted, kept } = await db.prune({ olderThanMs: 30 * DAY_MS, signal: stop.signal });
  console.log(`pruned ${deleted}, kept ${kept}`);
});

while (!stop.signal.aborted) {
  await refresh();
  await pause((db.config.get()?.refresh_rate ?? 10) * 1000);
}
pruning.stop();
db.close();
console.log("stopped");

async function refresh(): Promise<void> {
  try {
    const { messages } = await syncTranscripts(db, { claudeRoots: roots, signal: stop.signal });
    const { daily } = reportDaily(db, { timeZone: "UTC", lastDays: 1 });
    db.snapshots.insert({
      session_id: SESSION_ID,
      snapshot_data: { version: 1, today: daily[0] ?? null },
    });
    console.log(`${messages.inserted} new message(s)`);
  } catch (error) {
    if (!(error instanceof UsageDbError)) throw error;
    // Busy or full: say so and try again at the next turn. What was committed stays.
    if (error.code !== "CANCELLED")
      console.error(`${error.code}: ${error.message} (${error.hint})`);
  }
}

/** Sleeps, but not through a signal. */
async function pause(ms: number): Promise<void> {
  await setTimeout(ms, undefined, { signal: stop.signal }).catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
}
