/** One run of maintenance: the jobs that are due, one after the other, under the lock that only one process has. */
import { OperationError, refuseValue, UsageDbError } from "../errors.ts";
import { checkDrift } from "../engine/sqlite/drift.ts";
import { readLedgerHead } from "../engine/sqlite/ledger.ts";
import { takeJobLock } from "../engine/sqlite/job-lock.ts";
import { checkFunction, checkInteger, checkKeys } from "../store/checks.ts";
import type { UsageStore } from "../store/usage-store.ts";
import type {
  JobReport,
  MaintainOptions,
  MaintainReport,
  MaintenanceJob,
  SkipReason,
} from "./job.ts";
import { Reserve } from "./full-disk.ts";
import { describeFailure, runJob } from "./job-run.ts";
import { checkJobNames, loadJobs, REGISTERED_JOBS } from "./jobs.ts";
import { Pace } from "./pace.ts";

const DEFAULT_MAX_MS = 30 * 60_000;
const LONGEST_MAX_MS = 7 * 86_400_000;
/** A job that was cut short is not begun again for less. */
const MIN_SHARE_MS = 100;

const OPTIONS = ["jobs", "dryRun", "signal", "maxMs", "trustClock", "onEvent"];

/**
 * Runs the jobs that are named, or those that are due, and tells of each what came of it. A job that fails does not
 * stop the others: read `isComplete`, or the jobs' outcomes. Everybody else goes on writing meanwhile.
 *
 * Each job has an equal share of the time that is left; what the others did not need goes to those that were cut
 * short. Aborting `signal` is no error: the report has what was done, and it stays.
 * @throws {InputError} VALUE_INVALID or OPTION_UNKNOWN.
 * @throws {OperationError} MAINTENANCE_RUNNING when another connection is at it; DATABASE_READONLY for one that
 *   was opened to read.
 */
export async function maintain(
  store: UsageStore,
  options: MaintainOptions = {},
): Promise<MaintainReport> {
  const maxMs = checkMaintainOptions(options);
  return maintainWith(store, loadJobs(options.jobs), { ...options, maxMs });
}

/** The same with jobs that need not be in the registry. */
export async function maintainWith(
  store: UsageStore,
  jobs: readonly MaintenanceJob[],
  options: MaintainOptions & { readonly maxMs: number },
): Promise<MaintainReport> {
  const startedAt = store.now();
  const clock = performance.now();
  const reports =
    options.dryRun === true
      ? await estimateJobs(store, jobs, options)
      : await runLocked(store, jobs, options);
  return {
    startedAt,
    durationMs: performance.now() - clock,
    isDryRun: options.dryRun === true,
    isComplete: reports.every(isSettled),
    jobs: reports,
  };
}

const isSettled = ({ outcome, reason, error }: JobReport): boolean =>
  error === undefined &&
  (outcome === "done" ||
    outcome === "estimated" ||
    (outcome === "skipped" && reason === "not due"));

/**
 * Returns the time that the jobs may take together, in milliseconds.
 * @throws {InputError} VALUE_INVALID or OPTION_UNKNOWN.
 */
export function checkMaintainOptions(options: MaintainOptions): number {
  checkKeys("maintain", options, OPTIONS);
  checkFunction("onEvent", options.onEvent);
  for (const name of ["dryRun", "trustClock"] as const)
    if (options[name] !== undefined && typeof options[name] !== "boolean")
      refuseValue(name, typeof options[name], "true or false");
  if (options.signal !== undefined && !(options.signal instanceof AbortSignal))
    refuseValue("signal", typeof options.signal, "an AbortSignal");
  checkJobNames(options.jobs ?? REGISTERED_JOBS);
  return checkInteger("maxMs", options.maxMs ?? DEFAULT_MAX_MS, 1, LONGEST_MAX_MS);
}

async function estimateJobs(
  store: UsageStore,
  jobs: readonly MaintenanceJob[],
  options: MaintainOptions,
): Promise<JobReport[]> {
  const reports: JobReport[] = [];
  for (const job of jobs) {
    if (!isDue(store, job, options)) {
      reports.push(skipped(job, "not due", options));
      continue;
    }
    const startedAt = performance.now();
    const durationMs = (): number => performance.now() - startedAt;
    try {
      const estimate = await job.estimate(store, options);
      const { rows, bytes } = estimate;
      reports.push({
        ...NOTHING,
        job: job.name,
        outcome: "estimated",
        rows,
        bytes,
        durationMs: durationMs(),
        estimate,
      });
    } catch (error) {
      const failure = describeFailure(error, job.name);
      reports.push({
        ...NOTHING,
        job: job.name,
        outcome: "failed",
        durationMs: durationMs(),
        error: failure,
      });
    }
  }
  return reports;
}

async function runLocked(
  store: UsageStore,
  jobs: readonly MaintenanceJob[],
  options: MaintainOptions & { readonly maxMs: number },
): Promise<JobReport[]> {
  if (store.connection.readOnce("PRAGMA query_only")[0]?.[0] === 1) {
    throw new OperationError(
      "DATABASE_READONLY",
      `Cannot maintain ${store.connection.path}: it was opened to read, expected a handle that may write`,
      { hint: 'Open it without `mode: "read"`.' },
    );
  }
  using lock = takeJobLock(store.connection);
  if (lock === null) throw alreadyRunning(store);
  const whole = new Pace({
    connection: store.connection,
    signal: options.signal,
    maxMs: options.maxMs,
  });
  using reserve = new Reserve(store.connection);
  await closeAbandoned(store, whole);
  const due = jobs.filter((job) => isDue(store, job, options));
  const reports = new Map<MaintenanceJob, JobReport>();
  for (const job of jobs)
    if (!due.includes(job)) reports.set(job, skipped(job, "not due", options));
  for (let round = due; round.length > 0;) {
    round = await runRound(store, round, { options, whole, reports, reserve });
  }
  rememberSchema(store);
  return jobs.map((job) => reports.get(job) as JobReport);
}

/** A full disk must not keep the jobs from running that make room; the next run closes them then. */
async function closeAbandoned({ maintenanceRuns }: UsageStore, pace: Pace): Promise<void> {
  if (maintenanceRuns.running() === null) return;
  try {
    await pace.write(() => maintenanceRuns.closeAbandoned(), "close abandoned maintenance runs");
  } catch (error) {
    if (!(error instanceof UsageDbError) || error.code !== "DATABASE_FULL") throw error;
  }
}

/**
 * ANALYZE makes a table of SQLite's own and VACUUM counts the schema's cookie up: who opens the database next should
 * not have to find out that nothing changed.
 */
function rememberSchema({ connection }: UsageStore): void {
  try {
    if (readLedgerHead(connection)?.isSchemaKnown !== false) return;
    const { ownMigrations } = require("../store/schema.ts") as typeof import("../store/schema.ts");
    checkDrift(connection, ownMigrations().load(), true);
  } catch (error) {
    // Only a service to the next opening, which looks for itself; the report of the jobs must not be lost for it.
    if (!(error instanceof UsageDbError)) throw error;
  }
}

/** Runs each job once, and returns those that were cut short and got somewhere. */
async function runRound(
  store: UsageStore,
  round: readonly MaintenanceJob[],
  {
    options,
    whole,
    reports,
    reserve,
  }: {
    readonly options: MaintainOptions;
    readonly whole: Pace;
    readonly reserve: Reserve;
    readonly reports: Map<MaintenanceJob, JobReport>;
  },
): Promise<MaintenanceJob[]> {
  const unfinished: MaintenanceJob[] = [];
  for (const [index, job] of round.entries()) {
    const before = reports.get(job);
    const shareMs = whole.remainingMs / (round.length - index);
    const isCancelled = options.signal?.aborted === true;
    if (isCancelled || shareMs === 0 || (before !== undefined && shareMs < MIN_SHARE_MS)) {
      const reason = isCancelled ? "cancelled" : "no time left";
      if (before === undefined) reports.set(job, skipped(job, reason, options));
      continue;
    }
    let report = await runJob(store, job, { options, shareMs });
    // A full disk is what the ballast is for.
    if (report.error?.code === "DATABASE_FULL" && reserve.release())
      report = await runJob(store, job, { options, shareMs });
    reports.set(job, before === undefined ? report : together(before, report));
    const gotSomewhere = report.rows > 0 || report.bytes > 0;
    if (report.outcome === "partial" && report.error === undefined && gotSomewhere)
      unfinished.push(job);
  }
  return unfinished;
}

function together(before: JobReport, after: JobReport): JobReport {
  return {
    ...after,
    rows: before.rows + after.rows,
    bytes: before.bytes + after.bytes,
    durationMs: before.durationMs + after.durationMs,
  };
}

/** A job that was named runs; others when their time has come, or when the last run was not done. */
function isDue(
  store: UsageStore,
  { name, everyMs }: MaintenanceJob,
  options: MaintainOptions,
): boolean {
  if (options.jobs !== undefined || everyMs === undefined) return true;
  const last = store.maintenanceRuns.lastOf(name);
  if (last === null || last.outcome !== "done") return true;
  const ageMs = store.now() - last.started_at;
  return ageMs >= everyMs || ageMs < 0;
}

const NOTHING = { rows: 0, bytes: 0, durationMs: 0, detail: {} } as const;

function skipped(job: MaintenanceJob, reason: SkipReason, options: MaintainOptions): JobReport {
  options.onEvent?.({ type: "skipped", job: job.name, reason });
  return { ...NOTHING, job: job.name, outcome: "skipped", reason };
}

/** Who it is, as far as the table of runs knows; the lock itself has no name. */
function alreadyRunning({ connection, maintenanceRuns }: UsageStore): OperationError {
  const run = maintenanceRuns.running();
  const pid =
    run === null ? null : (JSON.parse(run.detail) as { readonly pid?: unknown } | null)?.pid;
  const at =
    run === null
      ? ""
      : `, at ${run.job} since ${new Date(run.started_at).toISOString()}${typeof pid === "number" ? ` in process ${pid}` : ""}`;
  return new OperationError(
    "MAINTENANCE_RUNNING",
    `Cannot maintain ${connection.path}: somebody else does${at}, expected nobody`,
    {
      details: {
        path: connection.path,
        job: run?.job ?? null,
        startedAt: run?.started_at ?? null,
        pid: typeof pid === "number" ? pid : null,
      },
    },
  );
}
