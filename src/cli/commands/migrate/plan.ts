import { UsageDbError } from "../../../errors.ts";
import type { PlanAnalysis } from "../../../migration/hazard.ts";
import type { PlanUpOptions, Step } from "../../../migration/plan.ts";
import { type Command, type CommandContext, GLOBAL_ARGS } from "../../command.ts";
import { DIR_ARG, migrationSource } from "../../migration-source.ts";
import { openTarget, versionArg } from "../../migration-target.ts";
import { analysisData } from "../../render-hazards.ts";
import { renderPlan } from "../../render-migrations.ts";

export const plan: Command = {
  meta: {
    name: "plan",
    description:
      "Print the SQL that `up` would run and what it would do to your rows; runs nothing",
  },
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
    ["usagedb migrate plan", "everything that is pending, hazards first"],
    ["usagedb migrate plan --to 3 --json", "steps, hazards and row counts as data"],
  ],
  run: async (context) => {
    const { output, args } = context;
    const target = versionArg(args, "to");
    const { steps, analysis } = await planSteps(context, {
      ...(target === undefined ? {} : { target }),
      allowOutOfOrder: args["allow-out-of-order"] === true,
    });
    output.json(
      steps.map(({ direction, version, name, file, body, hasDown }, index) => ({
        direction,
        version,
        name,
        file,
        sql: body.kind === "sql" ? body.sql : null,
        hasDown,
        ...analysisData(analysis, index),
      })),
    );
    output.text(steps.length === 0 ? "-- nothing is pending" : renderPlan(steps, analysis));
    return 0;
  },
};

interface AnalysedPlan {
  readonly steps: readonly Step[];
  /** Null when there is nothing to analyse. */
  readonly analysis: PlanAnalysis | null;
}

/** A database that does not exist yet is planned for as an empty one, and still not created. */
async function planSteps(context: CommandContext, options: PlanUpOptions): Promise<AnalysedPlan> {
  try {
    using database = await openTarget(context, "preview");
    const steps = (await database.migrator()).plan(options);
    if (steps.length === 0) return { steps, analysis: null };
    const { analysePlan } = await import("../../../engine/sqlite/hazards/index.ts");
    return {
      steps,
      analysis: analysePlan(database.connection, steps, { withSizes: true, withEstimates: true }),
    };
  } catch (error) {
    if (!(error instanceof UsageDbError) || error.code !== "DATABASE_NOT_FOUND") throw error;
  }
  const { planUp } = await import("../../../migration/plan.ts");
  return { steps: planUp(migrationSource(context.args).load(), [], options), analysis: null };
}
