/** Maintenance by the clock inside a program that runs anyway. */
import { describeKind, InputError, refuseValue, type UsageDbError } from "../errors.ts";
import { toUsageDbError } from "../engine/sqlite/sqlite-errors.ts";
import { checkFunction, checkKeys, checkNonEmpty } from "../store/checks.ts";
import type { UsageStore } from "../store/usage-store.ts";
import type { MaintainOptions, MaintainReport, MaintenanceEvent } from "./job.ts";
import { checkMaintainOptions, maintain } from "./maintain.ts";

export interface MaintenanceScheduleOptions extends Pick<
  MaintainOptions,
  "jobs" | "maxMs" | "trustClock"
> {
  /** Five cron fields, or a nickname such as `@hourly`; every ten minutes when left out. */
  readonly schedule?: string;
  /** An IANA zone in which the schedule is meant; the machine's own when left out. */
  readonly timeZone?: string;
  /** True keeps the program from ending while only the schedule is left to wait for. */
  readonly keepsAlive?: boolean;
  /** Told of everything, failures too. What it throws is kept in `lastError`, and stops nothing. */
  readonly onEvent?: (event: MaintenanceScheduleEvent) => void;
}

export type MaintenanceScheduleEvent =
  | MaintenanceEvent
  | { readonly type: "run-finished"; readonly report: MaintainReport }
  /** Another process is at it, which is as well. */
  | { readonly type: "run-skipped"; readonly error: UsageDbError }
  | { readonly type: "run-failed"; readonly error: UsageDbError };

const OPTIONS = ["schedule", "timeZone", "keepsAlive", "onEvent", "jobs", "maxMs", "trustClock"];
const EVERY_TEN_MINUTES = "*/10 * * * *";
const DEFAULT_MAX_MS = 5 * 60_000;

/** Maintenance by a cron schedule until it is stopped, never twice at once; see `startMaintenance`. */
export class ScheduledMaintenance implements AsyncDisposable {
  readonly schedule: string;
  readonly #store: UsageStore;
  readonly #options: MaintenanceScheduleOptions;
  readonly #maintainOptions: MaintainOptions;
  readonly #stopped = new AbortController();
  readonly #cron: Bun.CronJob;
  #running: Promise<MaintainReport | null> | null = null;
  #lastReport: MaintainReport | null = null;
  #lastError: UsageDbError | null = null;

  /** @throws {InputError} VALUE_INVALID or OPTION_UNKNOWN. */
  constructor(store: UsageStore, options: MaintenanceScheduleOptions) {
    const { jobs, maxMs = DEFAULT_MAX_MS, trustClock } = options;
    checkOptions(options);
    this.#maintainOptions = {
      maxMs,
      signal: this.#stopped.signal,
      onEvent: (event) => this.#tell(event),
      ...(jobs === undefined ? {} : { jobs }),
      ...(trustClock === undefined ? {} : { trustClock }),
    };
    // A misspelt job must not wait for the first run.
    checkMaintainOptions(this.#maintainOptions);
    this.schedule = options.schedule ?? EVERY_TEN_MINUTES;
    this.#store = store;
    this.#options = options;
    this.#cron = startCron(this.schedule, options.timeZone, () => this.#tick());
    if (options.keepsAlive !== true) this.#cron.unref();
  }

  get isRunning(): boolean {
    return this.#running !== null;
  }

  get isStopped(): boolean {
    return this.#stopped.signal.aborted;
  }

  /** Epoch milliseconds of the machine's clock; null once it is stopped. */
  get nextRunAt(): number | null {
    if (this.isStopped) return null;
    return nextAfter(this.schedule, this.#options.timeZone)?.getTime() ?? null;
  }

  /** What the newest run came to; null before the first one. */
  get lastReport(): MaintainReport | null {
    return this.#lastReport;
  }

  /** What the newest run failed by as a whole, or what `onEvent` threw; null when it did not. */
  get lastError(): UsageDbError | null {
    return this.#lastError;
  }

  /** Runs now, or waits for the run that goes on; null when it could not run. Never throws. */
  async runNow(): Promise<MaintainReport | null> {
    if (this.isStopped) return null;
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
    });
    return await this.#running;
  }

  /** No run begins any more; one that goes on ends after its chunk, and with it the promise. Safe to call twice. */
  async stop(): Promise<void> {
    this.#cron.stop();
    this.#stopped.abort();
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #tick(): Promise<void> {
    // Nobody stopped it before closing the database: there is nothing left to maintain.
    if (this.#store.connection.isClosed) await this.stop();
    else await this.runNow();
  }

  async #run(): Promise<MaintainReport | null> {
    this.#lastError = null;
    try {
      const report = await maintain(this.#store, this.#maintainOptions);
      this.#lastReport = report;
      this.#tell({ type: "run-finished", report });
      return report;
    } catch (cause) {
      const error = toUsageDbError(cause, "run scheduled maintenance");
      const isElsewhere = error.code === "MAINTENANCE_RUNNING";
      if (!isElsewhere) this.#lastError = error;
      this.#tell({ type: isElsewhere ? "run-skipped" : "run-failed", error });
      return null;
    }
  }

  /** A listener that throws must neither fail a job nor end the program. */
  #tell(event: MaintenanceScheduleEvent): void {
    try {
      this.#options.onEvent?.(event);
    } catch (cause) {
      this.#lastError = toUsageDbError(cause, `tell of the event ${event.type}`);
    }
  }
}

function checkOptions(options: MaintenanceScheduleOptions): void {
  checkKeys("startMaintenance", options, OPTIONS);
  checkFunction("onEvent", options.onEvent);
  if (options.schedule !== undefined) checkNonEmpty("schedule", options.schedule, 200);
  if (options.timeZone !== undefined) checkNonEmpty("timeZone", options.timeZone, 100);
  if (options.keepsAlive !== undefined && typeof options.keepsAlive !== "boolean")
    refuseValue("keepsAlive", describeKind(options.keepsAlive), "true or false");
}

const inZone = (timeZone: string | undefined): Bun.CronOptions =>
  timeZone === undefined ? {} : { tz: timeZone };

function startCron(
  schedule: string,
  timeZone: string | undefined,
  tick: () => Promise<void>,
): Bun.CronJob {
  try {
    return Bun.cron(schedule, tick, inZone(timeZone));
  } catch (cause) {
    throw new InputError(
      "VALUE_INVALID",
      `Cannot use schedule: ${JSON.stringify(schedule)}${timeZone === undefined ? "" : ` in ${timeZone}`} is none (${cause instanceof Error ? cause.message : "it is refused"}), expected five cron fields, a nickname such as @hourly, and an IANA zone`,
      {
        details: { field: "schedule", observed: schedule, timeZone: timeZone ?? null },
        hint: 'Write it like "*/10 * * * *" or "@hourly".',
        cause,
      },
    );
  }
}

function nextAfter(schedule: string, timeZone: string | undefined): Date | null {
  return Bun.cron.parse(schedule, Date.now(), inZone(timeZone));
}
