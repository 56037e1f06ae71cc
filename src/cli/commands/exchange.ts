import { exportChanges } from "../../ingest/exchange/export.ts";
import { importChanges } from "../../ingest/exchange/import.ts";
import type { FoldedCounts } from "../../ingest/exchange/change-file.ts";
import { InputError } from "../../errors.ts";
import { dayFromText } from "../../report/local-days.ts";
import { type Command, type CommandContext, GLOBAL_ARGS } from "../command.ts";
import { openDatabase } from "../database.ts";
import type { Output } from "../output.ts";
import { ProgressLine } from "../progress.ts";
import { dayRule, TIMEZONE_ARG } from "../report-flags.ts";
import type { UsageDb } from "../../usage-db.ts";

const rows = (count: number): string => `${count.toLocaleString("en-US")} rows`;

export const exportCommand: Command = {
  meta: {
    name: "export",
    description: "Write messages, sessions and events into a compressed file for another machine",
  },
  args: {
    file: {
      type: "positional",
      required: true,
      description: "the file to write, say work.changes",
    },
    since: {
      type: "string",
      valueHint: "DATE",
      description: "only what is not older, YYYY-MM-DD (default: everything)",
    },
    ...TIMEZONE_ARG,
    ...GLOBAL_ARGS,
  },
  examples: [
    [
      "usagedb export work.changes",
      "everything; copy it to the other machine, and import it there",
    ],
    ["usagedb export --since 2026-11-01 november.changes", "overlaps do no harm"],
  ],
  run: async (context) => {
    const { args, output } = context;
    using db = openDatabase(context, "existing");
    const report = exportChanges(db, String(args["file"]), { sinceMs: sinceOf(db, context) });
    output.outcome(
      `Exported ${report.messages} message(s), ${report.sessions} session(s) and ${report.events} event(s).`,
    );
    await warnOfFolds(
      output,
      report.folded,
      "is not in the file, because only sums of it are left here",
    );
    output.json(report);
    return 0;
  },
};

export const importCommand: Command = {
  meta: {
    name: "import",
    description: "Bring in what `usagedb export` wrote elsewhere: any order, any number of times",
  },
  args: {
    file: { type: "positional", required: true, description: "the file to read" },
    ...GLOBAL_ARGS,
  },
  examples: [["usagedb import work.changes", "running it again adds nothing"]],
  run: async (context) => {
    const { args, output, interruptSignal } = context;
    using db = openDatabase(context, "create");
    const progress = new ProgressLine("Importing", output.isQuiet);
    const report = await importChanges(db, String(args["file"]), {
      signal: interruptSignal(),
      onProgress: (done, total) => progress.update(done, total, rows),
    }).finally(() => progress.clear());
    const { inserted, updated, unchanged, replays } = report.messages;
    output.outcome(
      `Brought in ${inserted} message(s) and ${report.events.inserted} event(s); ${updated} message(s) were replaced, ${unchanged + replays} were known.`,
    );
    if (report.folded !== null)
      await warnOfFolds(
        output,
        report.folded,
        "is left as sums on the other machine only, and was not in the file",
      );
    output.json(report);
    return 0;
  },
};

/** A total that lacks something must not look whole. */
async function warnOfFolds(
  output: Output,
  { messages, events }: FoldedCounts,
  what: string,
): Promise<void> {
  if (messages + events > 0)
    await output.warn(`What was folded ${what}: ${messages} message(s) and ${events} event(s).`);
}

function sinceOf(db: UsageDb, context: CommandContext): number {
  const text = context.args["since"];
  if (typeof text !== "string") return 0;
  const day = dayFromText(text, dayRule(db, context));
  if (day !== null) return day.startMs;
  throw new InputError(
    "VALUE_INVALID",
    `Cannot use since: ${JSON.stringify(text)} is not a date, expected YYYY-MM-DD`,
    { details: { field: "since" }, hint: "Write a date like 2026-02-12." },
  );
}
