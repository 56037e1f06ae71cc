import { UsageDbError } from "../../../errors.ts";
import type { PlanUpOptions, Step } from "../../../migration/plan.ts";
import { type Command, type CommandContext, GLOBAL_ARGS } from "../../command.ts";
import { DIR_ARG, migrationSource } from "../../migration-source.ts";
import { openTarget, versionArg } from "../../migration-target.ts";
import { renderPlan } from "../../render-migrations.ts";

export const plan: Command = {
  meta: { name: "plan", description: "Print the SQL that `up` would run; runs nothing" },
  args: {
    to: { type: "string", valueHint: "VERSION", description: "stop after this version" },
    "allow-out-of-order": {
      type: "boolean",
      description: "also plan versions older than the newest applied one",
    },
    ...DIR_ARG,
    ...GLOBAL_ARGS,
  },
  examples: [
    ["usagedb migrate plan", "everything that is pending"],
    ["usagedb migrate plan --to 3 --json", "steps as data"],
  ],
  run: async (context) => {
    const { output, args } = context;
    const target = versionArg(args, "to");
    const steps = await planSteps(context, {
      ...(target === undefined ? {} : { target }),
      allowOutOfOrder: args["allow-out-of-order"] === true,
    });
    output.json(
      steps.map(({ direction, version, name, file, body, hasDown }) => ({
        direction,
        version,
        name,
        file,
        sql: body.kind === "sql" ? body.sql : null,
        hasDown,
      })),
    );
    output.text(steps.length === 0 ? "-- nothing is pending" : renderPlan(steps));
    return 0;
  },
};

/** A database that does not exist yet is planned for as an empty one, and still not created. */
async function planSteps(context: CommandContext, options: PlanUpOptions): Promise<Step[]> {
  try {
    using database = await openTarget(context, "preview");
    return (await database.migrator()).plan(options);
  } catch (error) {
    if (!(error instanceof UsageDbError) || error.code !== "DATABASE_NOT_FOUND") throw error;
  }
  const { planUp } = await import("../../../migration/plan.ts");
  return planUp(migrationSource(context.args).load(), [], options);
}
