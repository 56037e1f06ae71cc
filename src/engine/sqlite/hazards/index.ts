/** What a migration will do before it runs, and a guard that acts on it. */
export { analysePlan, type AnalyseOptions } from "./analyse.ts";
export { createHazardGuard, type HazardGuardOptions, type MigrationGuard } from "./guard.ts";
