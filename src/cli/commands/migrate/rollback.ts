import { type Command, GLOBAL_ARGS } from "../../command.ts";
import { BACKUP_ARG } from "../../hazard-flags.ts";
import { LOCK_ARG } from "../../lock-flag.ts";
import { DIR_ARG } from "../../migration-source.ts";
import { interruptible } from "../../interruptible.ts";
import { tellEvents } from "../../migration-events.ts";
import { openTarget, versionArg } from "../../migration-target.ts";
import { analysisData } from "../../render-hazards.ts";
import { renderPlan } from "../../render-migrations.ts";

export const rollback: Command = {
  meta: {
    name: "rollback",
    description: "Undo applied migrations with the down SQL that the ledger keeps",
  },
  args: {
    version: {
      type: "positional",
      required: false,
      description: "the version to go back to, 0 for all (default: one back)",
    },
    "dry-run": { type: "boolean", description: "print the SQL instead of running it" },
    "use-files": { type: "boolean", description: "run the files' down sections, not the ledger's" },
    "allow-drift": {
      type: "boolean",
      description: "go on although the schema is not what the applied migrations build",
    },
    ...BACKUP_ARG,
    ...LOCK_ARG,
    ...DIR_ARG,
    ...GLOBAL_ARGS,
  },
  examples: [
    ["usagedb migrate rollback", "one version back"],
    ["usagedb migrate rollback 2", "until version 2 is the newest"],
    ["usagedb migrate rollback --no-backup", "without the copy that is made when rows would go"],
    ["usagedb migrate rollback 0 --dry-run", "see what undoing everything would run"],
  ],
  run: async (context) => {
    const { output, args } = context;
    const target = versionArg(args, "version");
    const options = {
      ...(target === undefined ? {} : { target }),
      useFiles: args["use-files"] === true,
      allowDrift: args["allow-drift"] === true,
    };
    const isDryRun = args["dry-run"] === true;
    using database = await openTarget(context, isDryRun ? "read" : "existing");
    const { guardedRun } = await import("../../guarded-run.ts");
    const run = await guardedRun(context, database.connection);
    const migrator = await database.runner({
      ...interruptible(context, tellEvents(output)),
      guard: run.guard,
    });
    if (isDryRun) {
      const steps = await migrator.planRollback(options);
      const { analysePlan } = await import("../../../engine/sqlite/hazards/index.ts");
      const analysis = analysePlan(database.connection, steps);
      output.text(steps.length === 0 ? "-- nothing to roll back" : renderPlan(steps, analysis));
      output.json(
        steps.map(({ direction, version, name, body }, index) => ({
          direction,
          version,
          name,
          sql: body.kind === "sql" ? body.sql : null,
          ...analysisData(analysis, index),
        })),
      );
      return 0;
    }
    const report = await migrator.rollback(options);
    output.outcome(
      report.steps.length === 0
        ? `Nothing to do: the database is at version ${report.toVersion}.`
        : `Rolled back ${report.steps.length} migration(s): version ${report.fromVersion} -> ${report.toVersion}.`,
    );
    output.json({ ...report, backup: run.backupPath() });
    return 0;
  },
};
