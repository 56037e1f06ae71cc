import { resolve } from "node:path";
import { UsageDbError } from "../../errors.ts";
import { loadJobs, REGISTERED_JOBS } from "../../retention/jobs.ts";
import type { MaintenanceRun } from "../../store/maintenance-runs.ts";
import { type Command, type CommandContext, GLOBAL_ARGS } from "../command.ts";
import { openDatabase } from "../database.ts";
import { databasePath } from "../paths.ts";
import { numberArg } from "../number-flag.ts";
import { duration, size } from "../render-maintenance.ts";
import { grouped } from "../usage-text.ts";

export const maintainStatus: Command = {
  meta: { name: "status", description: "Show the jobs, when each last ran and what came of it" },
  args: { ...GLOBAL_ARGS },
  examples: [["usagedb maintain status", "every job"]],
  run: async (context) => {
    const { output } = context;
    using db = openDatabase(context, "read");
    const jobs = loadJobs().map(({ name, description, everyMs }) => ({
      job: name as string,
      description,
      everyMs: everyMs ?? null,
      last: db.maintenanceRuns.lastOf(name),
    }));
    output.json(jobs.map((job) => ({ ...job, last: job.last && dataOf(job.last) })));
    if (!output.isJson) {
      const { renderTable } = await import("../table.ts");
      output.text(
        renderTable(
          [
            { title: "job" },
            { title: "last run" },
            { title: "outcome" },
            { title: "what it does" },
          ],
          jobs.map(({ job, description, last }) => [
            job,
            last === null ? "never" : timeOf(last.started_at),
            last?.outcome ?? "",
            description,
          ]),
        ),
      );
      output.text(await scheduleOf(context));
    }
    return 0;
  },
};

async function scheduleOf(context: CommandContext): Promise<string> {
  const { schedulersWith } = await import("../scheduler/host-schedulers.ts");
  try {
    const names = schedulersWith(context, resolve(databasePath(context.args["db"], context.env)));
    if (names.length > 0) return `Run by ${names.join(" and ")}.`;
    return "No scheduler of the system runs them; `usagedb maintain install` has one do it.";
  } catch (error) {
    if (!(error instanceof UsageDbError)) throw error;
    return `Whether a scheduler runs them could not be told: ${error.message}`;
  }
}

export const maintainHistory: Command = {
  meta: { name: "history", description: "Show the runs, newest first" },
  args: {
    job: { type: "positional", required: false, description: "only this job's" },
    limit: { type: "string", valueHint: "N", description: "how many (default: 20)" },
    ...GLOBAL_ARGS,
  },
  choices: { job: REGISTERED_JOBS },
  examples: [
    ["usagedb maintain history", "the last twenty runs"],
    ["usagedb maintain history checkpoint --limit 5", "of one job"],
  ],
  run: async (context) => {
    const { args, output } = context;
    const limit = numberArg(args, "limit", { from: 1, to: 100_000 }) ?? 20;
    const job = args["job"];
    using db = openDatabase(context, "read");
    const runs = db.maintenanceRuns.list({ limit, ...(typeof job === "string" ? { job } : {}) });
    output.json(runs.map(dataOf));
    if (!output.isJson) {
      const { renderTable } = await import("../table.ts");
      output.text(
        renderTable(
          [
            { title: "job" },
            { title: "started" },
            { title: "outcome" },
            { title: "rows", align: "right" },
            { title: "freed", align: "right" },
            { title: "took", align: "right" },
            { title: "error" },
          ],
          runs.map((run) => [
            run.job,
            timeOf(run.started_at),
            run.outcome,
            grouped(run.rows),
            size(run.bytes),
            run.ended_at === null ? "" : duration(run.ended_at - run.started_at),
            run.error ?? "",
          ]),
        ),
      );
    }
    return 0;
  },
};

function dataOf(run: MaintenanceRun): Record<string, unknown> {
  return { ...run, detail: JSON.parse(run.detail) as unknown };
}

function timeOf(at: number): string {
  return new Date(at).toISOString();
}
