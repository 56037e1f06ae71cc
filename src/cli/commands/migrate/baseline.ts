import { InputError } from "../../../errors.ts";
import { type Command, GLOBAL_ARGS } from "../../command.ts";
import { LOCK_ARG } from "../../lock-flag.ts";
import { DIR_ARG } from "../../migration-source.ts";
import { openTarget, versionArg } from "../../migration-target.ts";

export const baseline: Command = {
  meta: {
    name: "baseline",
    description:
      "Enter versions as applied, without running them, for a database that has their schema and no ledger",
  },
  args: {
    version: {
      type: "positional",
      required: true,
      description: "the newest version that the database already has",
    },
    ...LOCK_ARG,
    ...DIR_ARG,
    ...GLOBAL_ARGS,
  },
  examples: [
    [
      "usagedb migrate baseline 3 --dir db/migrations --db app.db",
      "app.db was built without a ledger and is at version 3; `up` goes on from there",
    ],
  ],
  run: async (context) => {
    const { args, output, now } = context;
    const version = versionArg(args, "version") ?? 0;
    if (args["dir"] === undefined) {
      throw new InputError(
        "CLI_USAGE",
        "Cannot baseline: --dir is missing, expected a directory of migrations",
        {
          hint: "Name the directory of migrations with --dir; an earlier usage database is brought over with `usagedb migrate adopt`.",
        },
      );
    }
    const { baselineDatabase } = await import("../../../engine/sqlite/baseline.ts");
    using database = await openTarget(context, "existing");
    const report = baselineDatabase(database.connection, { source: database.source, version, now });
    output.outcome(
      `Entered ${report.entered.length} migration(s) as applied: the database is at version ${report.version}.`,
    );
    output.json(report);
    return 0;
  },
};
