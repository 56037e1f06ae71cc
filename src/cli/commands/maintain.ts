import { InputError, OperationError } from "../../errors.ts";
import type { JobName, JobReport, MaintainReport, MaintenanceEvent } from "../../retention/job.ts";
import { openWithRoom } from "../../retention/full-disk.ts";
import { REGISTERED_JOBS } from "../../retention/jobs.ts";
import { type ArgValues, type Command, GLOBAL_ARGS } from "../command.ts";
import { openDatabase } from "../database.ts";
import { durationArg } from "../duration-flag.ts";
import type { Output } from "../output.ts";
import { databasePath } from "../paths.ts";
import { ProgressLine } from "../progress.ts";
import { remarksOn, renderMaintenance } from "../render-maintenance.ts";
import { nearest } from "../suggest.ts";

export const maintainRun: Command = {
  meta: {
    name: "run",
    description:
      "Do the jobs that are due, or those named, in small steps that keep nobody waiting; Ctrl-C loses nothing",
  },
  args: {
    job: {
      type: "positional",
      required: false,
      valueHint: "JOB…",
      description: `what to do, whenever it was last done: ${REGISTERED_JOBS.join(", ")}`,
    },
    "dry-run": {
      type: "boolean",
      description: "say what would be done, how long it would take and what could still be asked",
    },
    "max-time": {
      type: "string",
      valueHint: "SPAN",
      description: "stop after this long; the next run goes on: 30s, 5m (default: 30m)",
    },
    "trust-clock": {
      type: "boolean",
      description: "believe the clock even when the newest writes are far from it",
    },
    ...GLOBAL_ARGS,
  },
  choices: { job: REGISTERED_JOBS },
  examples: [
    ["usagedb maintain --dry-run", "see what would be done"],
    ["usagedb maintain", "do what is due"],
    ["usagedb maintain checkpoint optimize", "these two, whenever they last ran"],
    ["usagedb maintain --max-time 30s", "as much as fits into half a minute"],
  ],
  run: async (context) => {
    const { args, output } = context;
    const jobs = jobsOf(args);
    const maxMs = durationArg(args, "max-time");
    const isDryRun = args["dry-run"] === true;
    using db = isDryRun
      ? openDatabase(context, "read")
      : openWithRoom(databasePath(args["db"], context.env), () =>
          openDatabase(context, "existing"),
        );
    const progress = new JobProgress(output);
    const report = await db
      .maintain({
        dryRun: isDryRun,
        trustClock: args["trust-clock"] === true,
        signal: context.interruptSignal(),
        onEvent: (event) => progress.show(event),
        ...(jobs === undefined ? {} : { jobs }),
        ...(maxMs === undefined ? {} : { maxMs }),
      })
      .finally(() => progress.clear());
    output.json(report);
    if (!output.isJson && !output.isQuiet) output.text(await renderMaintenance(report));
    for (const remark of remarksOn(report)) await output.warn(remark);
    refuse(report, jobs !== undefined);
    return 0;
  },
};

/** @throws {InputError} CLI_USAGE, with the job that was probably meant. */
function jobsOf(args: ArgValues): JobName[] | undefined {
  const text = args["job"];
  if (typeof text !== "string") return undefined;
  return text.split(",").map((name) => {
    const job = REGISTERED_JOBS.find((known) => known === name);
    if (job !== undefined) return job;
    throw new InputError(
      "CLI_USAGE",
      `Cannot run the job ${JSON.stringify(name)}: there is none, expected ${nearest(name, REGISTERED_JOBS) ?? REGISTERED_JOBS.join(", ")}`,
      {
        details: { job: name, known: REGISTERED_JOBS },
        hint: "Run `usagedb maintain status` to see the jobs.",
      },
    );
  });
}

/** A line a job on a terminal, drawn over and over. */
class JobProgress {
  readonly #isQuiet: boolean;
  #line: ProgressLine | null = null;

  constructor({ isQuiet, isJson }: Output) {
    this.#isQuiet = isQuiet || isJson;
  }

  show(event: MaintenanceEvent): void {
    if (event.type === "started") {
      this.clear();
      this.#line = new ProgressLine(event.job, this.#isQuiet);
    } else if (event.type === "progress") {
      const rows = (amount: number): string => `${amount} rows`;
      if (event.total === null) this.#line?.count(rows(event.done));
      else this.#line?.update(event.done, event.total, String);
    }
  }

  clear(): void {
    this.#line?.clear();
    this.#line = null;
  }
}

/**
 * What did not come off ends the program with its own code: one failure with its own error, several with one for all.
 * A job whose time ran out is none; one that somebody asked for by name and a reader held up is.
 */
function refuse({ jobs }: MaintainReport, isNamed: boolean): void {
  const failed = jobs.filter(({ outcome }) => outcome === "failed");
  if (failed.length > 1) throw severalFailed(failed);
  const [first] = [...failed, ...jobs.filter(({ error }) => error !== undefined)];
  if (first?.error !== undefined) {
    const { code, message, hint, details } = first.error;
    throw new OperationError(code, message, { hint, details: { ...details, job: first.job } });
  }
  const done = jobs.reduce((sum, { rows }) => sum + rows, 0);
  if (jobs.some(({ outcome, reason }) => outcome === "cancelled" || reason === "cancelled")) {
    throw new OperationError(
      "CANCELLED",
      `Cannot go on with maintenance: it was interrupted after ${done} row(s), expected to reach its end; what was done stays`,
      { details: { rows: done } },
    );
  }
  const held = isNamed && jobs.find(({ detail }) => detail["isBusy"] === true);
  if (typeof held === "object") {
    throw new OperationError(
      "DATABASE_BUSY",
      `Cannot finish the job ${held.job}: others read or write the database, expected a free moment`,
      { details: { job: held.job, ...held.detail } },
    );
  }
}

function severalFailed(failed: readonly JobReport[]): OperationError {
  const names = failed.map(({ job }) => job);
  return new OperationError(
    "MAINTENANCE_FAILED",
    `Cannot finish maintenance: ${names.join(", ")} failed, expected every job to reach its end`,
    {
      details: {
        jobs: failed.map(({ job, error }) => ({
          job,
          code: error?.code ?? null,
          message: error?.message ?? null,
        })),
      },
    },
  );
}
