import { versionWhenUpToDate } from "../../../engine/sqlite/peek.ts";
import { type Command, GLOBAL_ARGS } from "../../command.ts";
import { ALLOW_ARG, BACKUP_ARG } from "../../hazard-flags.ts";
import { LOCK_ARG } from "../../lock-flag.ts";
import { DIR_ARG, migrationSource } from "../../migration-source.ts";
import { databasePath } from "../../paths.ts";

export const up: Command = {
  meta: {
    name: "up",
    description: "Apply pending migrations, each in a transaction with its ledger row",
  },
  args: {
    to: { type: "string", valueHint: "VERSION", description: "stop after this version" },
    "dry-run": { type: "boolean", description: "print the SQL instead of running it" },
    "allow-out-of-order": {
      type: "boolean",
      description: "also apply versions older than the newest applied one",
    },
    ...ALLOW_ARG,
    ...BACKUP_ARG,
    ...LOCK_ARG,
    ...DIR_ARG,
    ...GLOBAL_ARGS,
  },
  examples: [
    ["usagedb migrate", "apply everything"],
    ["usagedb migrate up --to 3", "stop at version 3"],
    ["usagedb migrate up --dry-run", "see the SQL first"],
    [
      "usagedb migrate up --dir db/migrations --db app.db --allow DELETES_DATA",
      "lose the data that `plan` names, after a backup",
    ],
    ["usagedb migrate up --dir db/migrations --db app.db", "any directory, any SQLite file"],
  ],
  /** The everyday case, nothing to do, is answered without loading planner, parser or driver. */
  run: async (context) => {
    const { args, env, output } = context;
    // A misspelt hazard is refused whether or not anything is pending.
    if (args["allow"] !== undefined) (await import("../../guarded-run.ts")).allowArg(args);
    if (args["dry-run"] === true) return (await import("./plan.ts")).plan.run(context);
    if (args["to"] === undefined) {
      const version = versionWhenUpToDate(databasePath(args["db"], env), migrationSource(args));
      if (version !== null) {
        output.outcome(`Nothing to do: version ${version} is the newest.`);
        output.json({
          fromVersion: version,
          toVersion: version,
          steps: [],
          backup: null,
          drift: { differences: [], unknown: null },
        });
        return 0;
      }
    }
    return (await import("./apply.ts")).applyPending(context);
  },
};
