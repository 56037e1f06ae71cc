import { readHistory, type HistoryEntry } from "../../../engine/sqlite/history.ts";
import { formatVersion } from "../../../migration/version.ts";
import { type Command, GLOBAL_ARGS } from "../../command.ts";
import { DIR_ARG } from "../../migration-source.ts";
import { openTarget } from "../../migration-target.ts";
import { numberArg } from "../../number-flag.ts";

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 1_000_000;

export const history: Command = {
  meta: {
    name: "history",
    description:
      "Show what happened to each version: who, when, how long, by which version, with what outcome",
  },
  args: {
    limit: {
      type: "string",
      valueHint: "N",
      description: `the newest N entries (default: ${DEFAULT_LIMIT})`,
    },
    ...DIR_ARG,
    ...GLOBAL_ARGS,
  },
  examples: [
    ["usagedb migrate history", "the newest entries, oldest of them first"],
    ["usagedb migrate history --limit 5 --json", "at, version, name, action, outcome, actor, ..."],
  ],
  run: async (context) => {
    const { args, output } = context;
    const limit = numberArg(args, "limit", { from: 1, to: MAX_LIMIT }) ?? DEFAULT_LIMIT;
    using database = await openTarget(context, "read");
    const entries = readHistory(database.connection).slice(-limit);
    output.json(entries);
    if (output.isJson) return 0;
    if (entries.length === 0) {
      output.outcome("Nothing has happened yet.");
      return 0;
    }
    const { renderTable } = await import("../../table.ts");
    output.text(
      renderTable(
        ["when", "version", "what", "outcome", "took", "by", "with"].map((title) => ({ title })),
        entries.map(rowOf),
      ),
    );
    for (const line of entries.flatMap(remarksOf)) output.text(line);
    return 0;
  },
};

function rowOf(entry: HistoryEntry): string[] {
  return [
    new Date(entry.at).toISOString(),
    `${formatVersion(entry.version)}_${entry.name}`,
    entry.action,
    entry.outcome === "failed" ? "FAILED" : entry.outcome,
    `${entry.execution_time_ms.toFixed(1)} ms`,
    entry.actor ?? "",
    entry.tool_version,
  ];
}

/** Errors and paths are too long for a column. */
function remarksOf({ at, version, detail, backup_path: backup }: HistoryEntry): string[] {
  const title = `${new Date(at).toISOString()} ${formatVersion(version)}`;
  return [
    ...(detail === null ? [] : [`${title}: ${detail}`]),
    ...(backup === null ? [] : [`${title}: backed up to ${backup}`]),
  ];
}
