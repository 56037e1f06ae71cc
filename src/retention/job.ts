/** What a maintenance job is: how it says what it would do, and how it does it. */
import type { ErrorCode, ErrorDetails } from "../errors.ts";
import type { UsageStore } from "../store/usage-store.ts";
import type { Pace } from "./pace.ts";

export const JOB_NAMES = [
  "fold",
  "thin",
  "prune",
  "compact",
  "vacuum",
  "checkpoint",
  "optimize",
  "integrity",
  "backup",
] as const;

export type JobName = (typeof JOB_NAMES)[number];

export interface MaintainOptions {
  /** The jobs to run, whenever they ran last; all that are due when left out. Their order is the registry's. */
  readonly jobs?: readonly JobName[];
  /** Estimates every job, and does nothing; takes no lock and writes nothing. */
  readonly dryRun?: boolean;
  /** Stops after the running chunk; what was done stays. */
  readonly signal?: AbortSignal;
  /** How long all jobs together may take, in milliseconds; half an hour when left out. */
  readonly maxMs?: number;
  /** Counts ages from the clock even when the newest writes do not bear it out. */
  readonly trustClock?: boolean;
  readonly onEvent?: (event: MaintenanceEvent) => void;
}

export interface JobEstimate {
  /** Rows that would be changed or deleted. */
  readonly rows: number;
  /** Bytes that would be freed, in the file or for its reuse. */
  readonly bytes: number;
  readonly expectedMs: number;
  /** What can still be asked afterwards, a sentence. */
  readonly staysAnswerable: string;
}

export interface JobResult {
  /** partial: time ran out, or others were in the way; the next run goes on. */
  readonly outcome: "done" | "partial";
  readonly rows: number;
  readonly bytes: number;
  /** JSON-safe facts for the run's row. */
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface JobContext {
  readonly store: UsageStore;
  readonly pace: Pace;
  readonly options: MaintainOptions;
  /** Tells how many rows are done, of how many; null when that is not known. */
  progress(done: number, total: number | null): void;
}

export interface MaintenanceJob {
  readonly name: JobName;
  /** What it does, as the words of a list. */
  readonly description: string;
  /** How often it runs unless it is named; with every run of maintenance when left out. */
  readonly everyMs?: number;
  /** Writes nothing. */
  estimate(store: UsageStore, options: MaintainOptions): JobEstimate | Promise<JobEstimate>;
  /** Resumable at every `await`: what is committed stays, the next run goes on from there. */
  run(context: JobContext): Promise<JobResult>;
}

/** An error as data: it outlives the process in `maintenance_runs`, and travels in JSON. */
export interface JobFailure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
  readonly details: ErrorDetails;
}

export interface JobReport {
  readonly job: JobName;
  /** estimated: a dry run; skipped: not due, or no time was left for it. */
  readonly outcome: JobResult["outcome"] | "cancelled" | "failed" | "skipped" | "estimated";
  readonly rows: number;
  readonly bytes: number;
  readonly durationMs: number;
  readonly detail: Readonly<Record<string, unknown>>;
  /** Of a dry run only. */
  readonly estimate?: JobEstimate;
  /** Why it was skipped. */
  readonly reason?: SkipReason;
  /** What went wrong; also of a partial run that others were in the way of. */
  readonly error?: JobFailure;
}

export type SkipReason = "not due" | "no time left" | "cancelled";

export type MaintenanceEvent =
  | { readonly type: "started"; readonly job: JobName; readonly at: number }
  | {
      readonly type: "progress";
      readonly job: JobName;
      readonly done: number;
      readonly total: number | null;
    }
  | { readonly type: "finished"; readonly job: JobName; readonly report: JobReport }
  | { readonly type: "skipped"; readonly job: JobName; readonly reason: SkipReason };

export interface MaintainReport {
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly durationMs: number;
  readonly isDryRun: boolean;
  /** True when every job that was due is done: none failed, was cut short or got no time. */
  readonly isComplete: boolean;
  /** In the order in which they ran, one a job. */
  readonly jobs: readonly JobReport[];
}
