import { type Command, GLOBAL_ARGS } from "../command.ts";
import { openDatabase } from "../database.ts";
import { summarizeSync, syncFromContext, warnAboutSync } from "../transcripts.ts";

export const sync: Command = {
  meta: {
    name: "sync",
    description:
      "Read new lines of Claude Code's transcripts; what was read stays when they are deleted",
  },
  args: { ...GLOBAL_ARGS },
  examples: [
    ["usagedb sync", "read what is new"],
    [
      "CLAUDE_CONFIG_DIR=~/backup/.claude usagedb sync",
      "read other folders (a comma separates several)",
    ],
    ["usagedb sync --json", "files, messages, malformed lines as data"],
  ],
  run: async (context) => {
    using db = openDatabase(context, "create");
    const result = await syncFromContext(db, context);
    await warnAboutSync(result, context);
    context.output.outcome(summarizeSync(result.report));
    context.output.json({ roots: result.roots, ...result.report });
    return 0;
  },
};
