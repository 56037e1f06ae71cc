/** The ledger, what is pending, drift, and whether pages, rows and keys are sound. */
import type { ValidationReport } from "../engine/sqlite/validate.ts";
import type { UsageDbMigrations } from "../usage-db-migrations.ts";
import { type TopicReport, TopicNotes } from "./finding.ts";

export const CORRUPT_REMEDY =
  "Keep this file; restore the newest backup, or save what can be read with `usagedb recover`.";

const OF_SCHEMA = new Set(["ledger", "schema"]);

/** Two topics from one validation, which reads every page and row. */
export function examineSchema(migrations: UsageDbMigrations): readonly [TopicReport, TopicReport] {
  const schema = new TopicNotes("schema");
  const status = migrations.status();
  schema.fact("currentVersion", status.currentVersion);
  schema.fact("latestVersion", status.latestVersion);
  schema.fact("pendingCount", status.pendingCount);
  if (status.currentVersion > status.latestVersion) {
    schema.problem("migrations", {
      observed: `the database is at version ${status.currentVersion}, newer than this program's ${status.latestVersion}`,
      remedy: "Update usagedb.",
    });
  }
  if (status.pendingCount > 0) {
    schema.problem("migrations", {
      observed: `${status.pendingCount} are pending`,
      remedy: "Run `usagedb migrate up`.",
      fix: "migrate",
    });
  }
  const integrity = new TopicNotes("integrity");
  enter(migrations.validate(), schema, integrity);
  return [schema.report(), integrity.report()];
}

function enter(report: ValidationReport, schema: TopicNotes, integrity: TopicNotes): void {
  for (const { check, object, observed, remedy } of report.findings) {
    if (check === "ledger" && object === "PRAGMA user_version") {
      schema.problem(object, { observed, remedy, fix: "mirror" });
    } else if (OF_SCHEMA.has(check)) {
      schema.problem(object, { observed, remedy });
    } else if (check === "integrity") {
      integrity.problem(object, { observed, remedy: CORRUPT_REMEDY });
    } else {
      integrity.problem(object, { observed, remedy });
    }
  }
  for (const reason of report.notChecked) schema.notChecked(reason);
  integrity.fact(
    "isSound",
    report.findings.every(({ check }) => OF_SCHEMA.has(check)),
  );
}
