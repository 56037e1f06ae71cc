/** The part of `migrate up` that is needed only when something is pending. */
import { existsSync } from "node:fs";
import type { Drift } from "../../../engine/driver.ts";
import type { ExitCode } from "../../../errors.ts";
import type { PlanUpOptions } from "../../../migration/plan.ts";
import type { CommandContext } from "../../command.ts";
import { guardedRun } from "../../guarded-run.ts";
import { interruptible } from "../../interruptible.ts";
import { tellEvents } from "../../migration-events.ts";
import { openTarget, versionArg } from "../../migration-target.ts";
import { databasePath } from "../../paths.ts";

export async function applyPending(context: CommandContext): Promise<ExitCode> {
  const { args, output } = context;
  const target = versionArg(args, "to");
  const options = {
    ...(target === undefined ? {} : { target }),
    allowOutOfOrder: args["allow-out-of-order"] === true,
  };
  await refuseImpossible(context, options);
  using database = await openTarget(context, "create");
  // Our own migrations come with the program and are tested with it.
  const run = args["dir"] === undefined ? null : await guardedRun(context, database.connection);
  const tell = tellEvents(output);
  let drift: Drift = { differences: [], unknown: null };
  const listening = interruptible(context, (event) => {
    tell(event);
    if (event.type === "drifted") drift = event.drift;
  });
  const migrator = await database.runner({
    ...listening,
    ...(run !== null && { guard: run.guard }),
  });
  const { fromVersion, toVersion, steps } = await migrator.up(options);
  output.outcome(
    steps.length === 0
      ? `Nothing to do: version ${toVersion} is the newest.`
      : `Applied ${steps.length} migration(s): version ${fromVersion} -> ${toVersion}.`,
  );
  output.json({ fromVersion, toVersion, steps, backup: run?.backupPath() ?? null, drift });
  return 0;
}

/** A directory misspelt, a file that cannot be read or a target unknown must not leave a new, empty database behind. */
async function refuseImpossible(context: CommandContext, options: PlanUpOptions): Promise<void> {
  if (existsSync(databasePath(context.args["db"], context.env))) return;
  using preview = await openTarget(context, "preview");
  (await preview.migrator()).plan(options);
}
