/** The maintenance jobs in the order in which they run; each is loaded when it is first asked for. */
import { describeKind, InputError } from "../errors.ts";
import { JOB_NAMES, type JobName, type MaintenanceJob } from "./job.ts";

/** Room is made first, then given back; what proves and copies the result comes last. */
const JOBS: Readonly<Partial<Record<JobName, () => MaintenanceJob>>> = {
  fold: () => (require("./fold.ts") as typeof import("./fold.ts")).foldJob,
  thin: () => (require("./thin.ts") as typeof import("./thin.ts")).thinJob,
  prune: () => (require("./prune-job.ts") as typeof import("./prune-job.ts")).pruneJob,
  compact: () => (require("./compact-job.ts") as typeof import("./compact-job.ts")).compactJob,
  vacuum: () => (require("./vacuum-job.ts") as typeof import("./vacuum-job.ts")).vacuumJob,
  integrity: () =>
    (require("./integrity-job.ts") as typeof import("./integrity-job.ts")).integrityJob,
  backup: () => (require("./backup-job.ts") as typeof import("./backup-job.ts")).backupJob,
  checkpoint: () =>
    (require("./checkpoint-job.ts") as typeof import("./checkpoint-job.ts")).checkpointJob,
  optimize: () => (require("./optimize.ts") as typeof import("./optimize.ts")).optimizeJob,
};

/** The names of all jobs, in the order in which they run. */
export const REGISTERED_JOBS: readonly JobName[] = JOB_NAMES.filter((name) => name in JOBS);

/** The jobs of these names, each once, in the order in which they run; all when no names are given. */
export function loadJobs(names: readonly JobName[] = REGISTERED_JOBS): MaintenanceJob[] {
  return REGISTERED_JOBS.filter((name) => names.includes(name)).map((name) =>
    (JOBS[name] as () => MaintenanceJob)(),
  );
}

/** @throws {InputError} VALUE_INVALID for a name that is none, or an empty list. */
export function checkJobNames(names: unknown): void {
  if (!Array.isArray(names)) return refuseJob(describeKind(names));
  if (names.length === 0) refuseJob("of an empty list");
  for (const name of names as readonly unknown[])
    if (!(REGISTERED_JOBS as readonly unknown[]).includes(name))
      refuseJob(typeof name === "string" ? JSON.stringify(name.slice(0, 40)) : describeKind(name));
}

function refuseJob(observed: string): never {
  throw new InputError(
    "VALUE_INVALID",
    `Cannot run the maintenance job ${observed}: there is none, expected ${REGISTERED_JOBS.join(", ")}`,
    { details: { field: "jobs", observed, known: REGISTERED_JOBS } },
  );
}
