import { InputError } from "../../errors.ts";
import { type Command, GLOBAL_ARGS } from "../command.ts";
import { databasePath } from "../paths.ts";
import { ProgressLine } from "../progress.ts";

export const recover: Command = {
  meta: {
    name: "recover",
    description:
      "Save what can be read of a damaged database into a new file, with a balance of every table; the damaged file stays as it is",
  },
  args: {
    to: { type: "string", valueHint: "NEWFILE", description: "the new database, a new file" },
    from: {
      type: "string",
      valueHint: "FILE",
      description: "the damaged database (default: the one of --db)",
    },
    ...GLOBAL_ARGS,
  },
  examples: [
    ["usagedb recover --to saved.db", "rows that fit nowhere stand in saved.db.refused.jsonl"],
    ["usagedb recover --from copy.db --to saved.db --json", "another file; the balance as data"],
  ],
  run: async ({ args, env, now, output }) => {
    const to = args["to"];
    if (typeof to !== "string") {
      throw new InputError(
        "CLI_USAGE",
        "Cannot run `usagedb recover`: --to is missing, expected `--to NEWFILE`",
        { hint: "Name the new file with `--to`." },
      );
    }
    const from = typeof args["from"] === "string" ? args["from"] : databasePath(args["db"], env);
    const { recoverDatabase } = await import("../../recover/recover.ts");
    const progress = new ProgressLine("Recovering", output.isQuiet);
    const report = recoverDatabase(from, to, {
      now,
      onTable: (table, done, total) => progress.update(done, total, String, ` ${table}`),
    });
    progress.clear();
    output.json(report);
    const { renderRecovery } = await import("../render-recovery.ts");
    output.text(renderRecovery(report));
    return report.isWhole ? 0 : 3;
  },
};
