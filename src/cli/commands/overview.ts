import { reportDaily } from "../../report/daily.ts";
import { type Command, GLOBAL_ARGS } from "../command.ts";
import { openDatabase } from "../database.ts";
import { dayRule } from "../report-options.ts";
import { summarizeSync, syncFromContext, warnAboutSync } from "../transcripts.ts";

const SHOWN_DAYS = 7;

export const overview: Command = {
  meta: {
    name: "overview",
    description:
      "Bring the database up to date, read new transcripts, print the last seven days with usage",
  },
  args: {
    timezone: {
      type: "string",
      valueHint: "ZONE",
      description: "IANA zone of the days (default: the setting, else the machine's)",
    },
    ...GLOBAL_ARGS,
  },
  examples: [
    ["usagedb", "the same"],
    ["usagedb --json", "the last seven days as data"],
  ],
  run: async (context) => {
    const { output, args } = context;
    using db = openDatabase(context, "create");
    const sync = await syncFromContext(db, context);
    output.note(summarizeSync(sync.report));
    await warnAboutSync(sync, context);
    const report = reportDaily(db, { ...dayRule(db, args), lastDays: SHOWN_DAYS });
    output.json(report);
    if (output.isJson) return 0;
    if (report.daily.length === 0) {
      output.text("No usage yet.");
      return 0;
    }
    const { renderDaily } = await import("../render-daily.ts");
    output.text(renderDaily(report));
    return 0;
  },
};
