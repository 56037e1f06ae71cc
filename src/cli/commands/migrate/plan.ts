import { type Command, GLOBAL_ARGS } from "../../command.ts";
import { DIR_ARG } from "../../migration-source.ts";
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
    using database = await openTarget(context, "read");
    const steps = (await database.migrator()).plan({
      ...(target === undefined ? {} : { target }),
      allowOutOfOrder: args["allow-out-of-order"] === true,
    });
    output.json(
      steps.map(({ direction, version, name, file, body, ledger }) => ({
        direction,
        version,
        name,
        file,
        sql: body.kind === "sql" ? body.sql : null,
        hasDown: ledger.downSql !== null,
      })),
    );
    output.text(steps.length === 0 ? "-- nothing is pending" : renderPlan(steps));
    return 0;
  },
};
