import { parseSpan } from "../../retention/prune.ts";
import { type Command, GLOBAL_ARGS } from "../command.ts";
import { openDatabase } from "../database.ts";
import { ProgressLine } from "../progress.ts";

export const prune: Command = {
  meta: {
    name: "prune",
    description:
      "Delete old snapshots in small steps that keep nobody waiting; messages and hours stay",
  },
  args: {
    "older-than": {
      type: "string",
      valueHint: "SPAN",
      description: "age from which snapshots go: 30d, 12h, 2w (default: 30d)",
    },
    "dry-run": { type: "boolean", description: "count, and delete nothing" },
    "trust-clock": {
      type: "boolean",
      description: "believe the clock even when the newest writes are far from it",
    },
    ...GLOBAL_ARGS,
  },
  examples: [
    ["usagedb prune --older-than 30d --dry-run", "see what would go"],
    ["usagedb prune --older-than 2w", "delete it"],
  ],
  run: async (context) => {
    const { args, output } = context;
    const olderThanMs = parseSpan("--older-than", String(args["older-than"] ?? "30d"));
    const isDryRun = args["dry-run"] === true;
    using db = openDatabase(context, isDryRun ? "read" : "existing");
    const progress = new ProgressLine("Pruning", output.isQuiet);
    const report = await db
      .prune({
        olderThanMs,
        dryRun: isDryRun,
        trustClock: args["trust-clock"] === true,
        signal: context.interruptSignal(),
        onProgress: ({ deleted, expired }) =>
          progress.update(deleted, expired, (rows) => `${rows} rows`),
      })
      .finally(() => progress.clear());
    const oldest =
      report.oldestKeptAt === null
        ? ""
        : `, the oldest of ${new Date(report.oldestKeptAt).toISOString()}`;
    output.outcome(
      isDryRun
        ? `Would delete ${report.expired} snapshot(s) from before ${new Date(report.cutoff).toISOString()}; ${report.kept} would stay${oldest}.`
        : `Deleted ${report.deleted} snapshot(s) from before ${new Date(report.cutoff).toISOString()} in ${(report.durationMs / 1000).toFixed(1)} s; ${report.kept} stay${oldest}.`,
    );
    output.json(report);
    return 0;
  },
};
