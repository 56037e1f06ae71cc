/** The way to scheduled maintenance for embedders; what it needs is loaded when it is called. */
import type { UsageStore } from "../store/usage-store.ts";
import type { MaintenanceScheduleOptions, ScheduledMaintenance } from "./schedule.ts";

/**
 * Runs maintenance by a cron schedule until it is stopped, never twice at once. Nothing is thrown once it has
 * started: failures are events, and `lastError`. Stop it, and wait for that, before the database is closed.
 *
 * The schedule does not keep the program alive unless it is told to; a run that goes on does, for its `maxMs` at most.
 * @param schedule five cron fields, a nickname such as `@hourly`, or all options; every ten minutes when left out.
 * @throws {InputError} VALUE_INVALID or OPTION_UNKNOWN.
 */
export function startMaintenance(
  store: UsageStore,
  schedule: string | MaintenanceScheduleOptions = {},
): ScheduledMaintenance {
  const { ScheduledMaintenance } = require("./schedule.ts") as typeof import("./schedule.ts");
  return new ScheduledMaintenance(store, typeof schedule === "string" ? { schedule } : schedule);
}
