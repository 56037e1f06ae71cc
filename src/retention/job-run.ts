/** One run of one job, with its row in `maintenance_runs` from beginning to end. */
import { pid } from "node:process";
import { UsageDbError } from "../errors.ts";
import { toUsageDbError } from "../engine/sqlite/sqlite-errors.ts";
import type { UsageStore } from "../store/usage-store.ts";
import type {
  JobFailure,
  JobName,
  JobReport,
  JobResult,
  MaintainOptions,
  MaintenanceJob,
} from "./job.ts";
import { Pace } from "./pace.ts";

/** What a run came to; a failure is data here, because the other jobs go on. */
type Ending = Pick<JobReport, "rows" | "bytes" | "detail" | "error"> & {
  readonly outcome: JobResult["outcome"] | "cancelled" | "failed";
};

/**
 * Runs a job for at most `shareMs` and writes its row. Never throws for what the job does: its report says what
 * came of it.
 */
export async function runJob(
  store: UsageStore,
  job: MaintenanceJob,
  { options, shareMs }: { readonly options: MaintainOptions; readonly shareMs: number },
): Promise<JobReport> {
  const startedAt = performance.now();
  const pace = new Pace({ connection: store.connection, signal: options.signal, maxMs: shareMs });
  const finish = (ending: Ending): JobReport => {
    const durationMs = performance.now() - startedAt;
    const report: JobReport = { job: job.name, ...ending, durationMs };
    options.onEvent?.({ type: "finished", job: job.name, report });
    return report;
  };
  const begun = await begin(store, job.name, pace);
  if (begun.error !== undefined) return finish(endingOf(begun.error, 0));
  const ending = await work(store, job, { options, pace });
  const unrecorded = await record(store, job.name, { id: begun.id, ending });
  return finish(unrecorded === undefined ? ending : { error: unrecorded, ...ending });
}

/** Whatever a job failed by, as data. */
export function describeFailure(error: unknown, job: JobName): JobFailure {
  return toUsageDbError(error, `run the maintenance job ${job}`).toJSON();
}

interface Begun {
  /** Null when the row could not be written. */
  readonly id: number | null;
  readonly error?: JobFailure;
}

/** A full disk must not keep the jobs from running that make room: their row is written when they are done. */
async function begin(store: UsageStore, job: JobName, pace: Pace): Promise<Begun> {
  try {
    const id = await pace.write(
      () => store.maintenanceRuns.begin(job, { pid }),
      "begin a maintenance run",
    );
    return { id };
  } catch (error) {
    if (error instanceof UsageDbError && error.code === "DATABASE_FULL") return { id: null };
    return { id: null, error: describeFailure(error, job) };
  }
}

async function work(
  store: UsageStore,
  job: MaintenanceJob,
  { options, pace }: { readonly options: MaintainOptions; readonly pace: Pace },
): Promise<Ending> {
  let rowsDone = 0;
  try {
    options.onEvent?.({ type: "started", job: job.name, at: store.now() });
    return await job.run({
      store,
      pace,
      options,
      progress(done, total) {
        rowsDone = done;
        options.onEvent?.({ type: "progress", job: job.name, done, total });
      },
    });
  } catch (error) {
    return endingOf(describeFailure(error, job.name), rowsDone);
  }
}

function endingOf(error: JobFailure, rows: number): Ending {
  const nothing = { rows, bytes: 0, detail: {} };
  if (error.code === "CANCELLED") return { ...nothing, outcome: "cancelled" };
  // Somebody else has the lock: the next run goes on.
  if (error.code === "DATABASE_BUSY") return { ...nothing, outcome: "partial", error };
  return { ...nothing, outcome: "failed", error };
}

/** Writes how the run ended, also when it was cancelled or its time is over. */
async function record(
  store: UsageStore,
  job: JobName,
  { id, ending }: { readonly id: number | null; readonly ending: Ending },
): Promise<JobFailure | undefined> {
  const { outcome, rows, bytes, detail, error } = ending;
  const ended = {
    outcome,
    rows,
    bytes,
    detail,
    error: error === undefined ? null : `${error.code}: ${error.message}`,
  };
  try {
    const runs = store.maintenanceRuns;
    await new Pace({ connection: store.connection }).write(
      () => runs.end(id ?? runs.begin(job, { pid }), ended),
      "end a maintenance run",
    );
    return undefined;
  } catch (failure) {
    return describeFailure(failure, job);
  }
}
