/**
 * A small monitoring agent: `bun examples/agent.ts [usage.db]`.
 *
 * Every `refresh_rate` seconds it reads new transcripts and stores a snapshot of the day's figures; every
 * ten minutes it does what maintenance is due. SIGTERM and SIGINT end it between two whole steps; SIGKILL may come at any moment, because every
 * step is one transaction. In a program of your own the import is `from "usagedb"`.
 */
import { homedir } from "node:os";
import { setTimeout } from "node:timers/promises";
import {
  claudeRoots,
  openUsageDb,
  reportDaily,
  startMaintenance,
  syncTranscripts,
  UsageDbError,
} from "../src/index.ts";

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

const maintenance = startMaintenance(db, {
  schedule: "*/10 * * * *",
  onEvent: (event) => {
    if (event.type === "run-failed") console.error(`maintenance: ${event.error.message}`);
    if (event.type === "finished" && event.report.error !== undefined)
      console.error(`${event.job}: ${event.report.error.message}`);
  },
});
while (!stop.signal.aborted) {
  await attempt(refresh);
  await pause();
}
await maintenance.stop();
db.close();
console.log("stopped");

async function refresh(): Promise<void> {
  const { messages } = await syncTranscripts(db, { claudeRoots: roots, signal: stop.signal });
  const today = new Date().toISOString().slice(0, 10);
  const report = reportDaily(db, { timeZone: "UTC", since: today });
  db.snapshots.insert({
    session_id: SESSION_ID,
    snapshot_data: { version: 1, today: report.totals },
  });
  console.log(`${messages.inserted} new message(s)`);
}

/** Busy or full: says so and leaves it to the next turn. What was committed stays. */
async function attempt(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof UsageDbError)) throw error;
    if (error.code !== "CANCELLED")
      console.error(`${error.code}: ${error.message} (${error.hint})`);
  }
}

/** Sleeps for `refresh_rate` seconds, but not through a signal. */
async function pause(): Promise<void> {
  const seconds = db.config.get()?.refresh_rate ?? 10;
  await setTimeout(seconds * 1000, undefined, { signal: stop.signal }).catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
}
