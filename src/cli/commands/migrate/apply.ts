/** The part of `migrate up` that is needed only when something is pending. */
import type { ExitCode } from "../../../errors.ts";
import type { CommandContext } from "../../command.ts";
import { migrationSource } from "../../migration-source.ts";
import { openTarget, versionArg } from "../../migration-target.ts";
import { renderStep } from "../../render-migrations.ts";

export async function applyPending(context: CommandContext): Promise<ExitCode> {
  const { args, output } = context;
  const target = versionArg(args, "to");
  // A misspelt directory must not leave a new, empty database behind.
  migrationSource(args).versions();
  using database = await openTarget(context, "create");
  const migrator = await database.migrator((event) => {
    if (event.type === "applied" && !output.isJson)
      output.note(renderStep(event.step, event.executionTimeMs));
    if (event.type === "replanned")
      output.note("  another process is migrating too; going on from where it is");
  });
  const { fromVersion, toVersion, steps } = migrator.up({
    ...(target === undefined ? {} : { target }),
    allowOutOfOrder: args["allow-out-of-order"] === true,
  });
  output.outcome(
    steps.length === 0
      ? `Nothing to do: version ${toVersion} is the newest.`
      : `Applied ${steps.length} migration(s): version ${fromVersion} -> ${toVersion}.`,
  );
  output.json({ fromVersion, toVersion, steps });
  return 0;
}
