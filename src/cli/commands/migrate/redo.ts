import { type Command, GLOBAL_ARGS } from "../../command.ts";
import { ALLOW_ARG, BACKUP_ARG } from "../../hazard-flags.ts";
import { LOCK_ARG } from "../../lock-flag.ts";
import { DIR_ARG } from "../../migration-source.ts";
import { interruptible } from "../../interruptible.ts";
import { tellEvents } from "../../migration-events.ts";
import { openTarget } from "../../migration-target.ts";

export const redo: Command = {
  meta: {
    name: "redo",
    description: "Roll the newest version back and apply it again from its file",
  },
  args: { ...ALLOW_ARG, ...BACKUP_ARG, ...LOCK_ARG, ...DIR_ARG, ...GLOBAL_ARGS },
  examples: [
    ["usagedb migrate redo --dir db/migrations --db dev.db", "after changing the newest migration"],
  ],
  run: async (context) => {
    const { output } = context;
    using database = await openTarget(context, "existing");
    const { guardedRun } = await import("../../guarded-run.ts");
    const run = await guardedRun(context, database.connection);
    const migrator = await database.runner({
      ...interruptible(context, tellEvents(output)),
      guard: run.guard,
    });
    const report = await migrator.redo();
    output.outcome(
      report.steps.length === 0
        ? "Nothing to do: nothing is applied."
        : `Version ${report.toVersion} was rolled back and applied again.`,
    );
    output.json({ ...report, backup: run.backupPath() });
    return 0;
  },
};
