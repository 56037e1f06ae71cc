/** Every operation that is killed, and fails, at each of its calls: one line each. */
import { type JobName } from "../../src/retention/job.ts";
import { REGISTERED_JOBS } from "../../src/retention/jobs.ts";
import {
  backupByJob,
  checkpointByJob,
  compact,
  fold,
  pruneByPolicy,
  thin,
  vacuum,
} from "./maintenance-operations.ts";
import { down, up } from "./migration-operations.ts";
import type { Operation } from "./operation.ts";
import { adopt, backup, prune, restore, sync } from "./usage-operations.ts";

/** Jobs of maintenance by their names; a job that this version does not have is no operation. */
const JOBS: readonly (readonly [JobName, Operation])[] = [
  ["fold", fold],
  ["thin", thin],
  ["prune", pruneByPolicy],
  ["compact", compact],
  ["vacuum", vacuum],
  ["backup", backupByJob],
  ["checkpoint", checkpointByJob],
];

export const OPERATIONS: readonly Operation[] = [
  up,
  down,
  sync,
  prune,
  backup,
  restore,
  adopt,
  ...JOBS.filter(([name]) => REGISTERED_JOBS.includes(name)).map(([, operation]) => operation),
];

/** Those that were asked for; all of them when nothing was. */
export function operationsOf(only: readonly string[] | null): readonly Operation[] {
  return OPERATIONS.filter(({ name }) => only === null || only.includes(name));
}
