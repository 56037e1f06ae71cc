import { reportDaily } from "../../report/daily.ts";
import { type Command, GLOBAL_ARGS } from "../command.ts";
import { openDatabase } from "../database.ts";
import { dayRule, TIMEZONE_ARG } from "../report-flags.ts";
import { summarizeSync, syncFromContext, warnAboutSync } from "../transcripts.ts";

const SHOWN_DAYS = 7;

export const overview: Command = {
  meta: {
    name: "overview",
    description:
      "Bring the database up to date, read new transcripts, print the last seven days with usage",
  },
  args: {
    ...TIMEZONE_ARG,
    ...GLOBAL_ARGS,
  },
  examples: [
    ["usagedb", "the same"],
    ["usagedb --json", "the last seven days as data"],
  ],
  run: async (context) => {
    const { output } = context;
    using db = openDatabase(context, "create");
    const sync = await syncFromContext(db, context);
    output.note(summarizeSync(sync.report));
    await warnAboutSync(sync, context);
    const report = reportDaily(db, { ...dayRule(db, context), lastDays: SHOWN_DAYS });
    if (output.isJson) {
      output.json(report);
      return 0;
    }
    if (report.daily.length === 0) {
      output.text("No usage yet.");
      return 0;
    }
    const { printUsage } = await import("../render-usage.ts");
    await printUsage(context, {
      title: "day",
      group: null,
      rows: report.daily.map((row) => ({ ...row, name: row.period, sub: null })),
      totals: report.totals,
      unpricedModels: report.unpricedModels,
      json: report,
    });
    return 0;
  },
};
