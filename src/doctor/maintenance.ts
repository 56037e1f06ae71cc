/** What is kept how long, and when each job last ran. */
import { UsageDbError } from "../errors.ts";
import { REGISTERED_JOBS } from "../retention/jobs.ts";
import type { MaintenanceRun } from "../store/maintenance-runs.ts";
import type { UsageStore } from "../store/usage-store.ts";
import { type TopicReport, TopicNotes } from "./finding.ts";

/** Whoever has maintenance run at all has it run more often. */
const LATE_MS = 14 * 86_400_000;

export interface MaintenanceLook {
  readonly now: number;
  /** Schedulers of the system that have an entry for the database; null where that is not asked. */
  readonly scheduledBy: (() => readonly string[]) | null;
}

/** Reads only. */
export function examineMaintenance(
  store: UsageStore,
  { now, scheduledBy }: MaintenanceLook,
): TopicReport {
  const notes = new TopicNotes("maintenance");
  examineSchedule(notes, scheduledBy);
  notes.fact(
    "policies",
    store.retention.list().map(({ subject, rule, value }) => ({ subject, rule, value })),
  );
  const runs = REGISTERED_JOBS.map((job) => ({ job, run: store.maintenanceRuns.lastOf(job) }));
  notes.fact(
    "jobs",
    runs.map(({ job, run }) => ({
      job,
      lastStartedAt: run?.started_at ?? null,
      outcome: run?.outcome ?? null,
      error: run?.error ?? null,
    })),
  );
  for (const { run } of runs) if (run !== null) checkRun(notes, run, now);
  const newest = Math.max(0, ...runs.map(({ run }) => run?.started_at ?? 0));
  if (now - newest > LATE_MS) {
    notes.remark("maintenance", {
      observed: newest === 0 ? "no job ever ran" : `no job ran since ${timeOf(newest)}`,
      remedy: "Run `usagedb maintain`, or `usagedb maintain install` to have it run by itself.",
      fix: "maintain",
    });
  }
  return notes.report();
}

function examineSchedule(notes: TopicNotes, scheduledBy: MaintenanceLook["scheduledBy"]): void {
  if (scheduledBy === null) return;
  try {
    notes.fact("scheduledBy", scheduledBy().join(", ") || "nothing");
  } catch (error) {
    if (!(error instanceof UsageDbError)) throw error;
    notes.notChecked(error.message);
  }
}

/** Epoch milliseconds of the newest checkpoint that emptied the WAL; null when none is known. */
export function lastFinishedCheckpoint(store: UsageStore): number | null {
  const done = store.maintenanceRuns
    .list({ job: "checkpoint", limit: 100 })
    .find(({ outcome }) => outcome === "done");
  return done?.ended_at ?? null;
}

function checkRun(notes: TopicNotes, run: MaintenanceRun, now: number): void {
  if (run.outcome === "failed") {
    notes.problem(run.job, {
      observed: `it failed at ${timeOf(run.started_at)}: ${run.error ?? "the reason was not kept"}`,
      remedy: `Do what the message says, then run \`usagedb maintain ${run.job}\`.`,
      fix: "maintain",
    });
  } else if (run.outcome === "interrupted") {
    notes.remark(run.job, {
      observed: `its process died after ${timeOf(run.started_at)}`,
      remedy: `Nothing is lost; \`usagedb maintain ${run.job}\` goes on from there.`,
    });
  }
  if (run.started_at > now) {
    notes.problem(run.job, {
      observed: `it ran at ${timeOf(run.started_at)}, which is still to come`,
      remedy: "Check the clock of this machine before anything is pruned.",
    });
  }
}

function timeOf(at: number): string {
  return new Date(at).toISOString();
}
