import { reportDaily as buildReport } from "../../report/daily.ts";
import { type Command, GLOBAL_ARGS } from "../command.ts";
import { openDatabase } from "../database.ts";
import { dayRule } from "../report-options.ts";

export const reportDaily: Command = {
  meta: {
    name: "daily",
    description: "Print tokens by local day; reads the database only, so `usagedb sync` first",
  },
  args: {
    since: { type: "string", valueHint: "DATE", description: "first day, YYYY-MM-DD" },
    until: { type: "string", valueHint: "DATE", description: "last day, YYYY-MM-DD" },
    timezone: {
      type: "string",
      valueHint: "ZONE",
      description: "IANA zone of the days (default: the setting, else the machine's)",
    },
    order: {
      type: "string",
      valueHint: "asc|desc",
      description: "oldest or newest day first (default: asc)",
    },
    ...GLOBAL_ARGS,
  },
  examples: [
    ["usagedb report daily --since 2026-02-01", "from a day on"],
    ["usagedb report daily --timezone UTC --json", "{ daily: [...], totals }, in ccusage's names"],
  ],
  run: async (context) => {
    const { args, output } = context;
    using db = openDatabase(context, "read");
    const { since, until, order } = args;
    const report = buildReport(db, {
      ...dayRule(db, args),
      ...(typeof since === "string" ? { since } : {}),
      ...(typeof until === "string" ? { until } : {}),
      ...(typeof order === "string" ? { order: order as "asc" | "desc" } : {}),
    });
    output.json(report);
    if (output.isJson) return 0;
    if (report.daily.length === 0) {
      output.text("No usage in this range.");
      return 0;
    }
    const { renderDaily } = await import("../render-daily.ts");
    output.text(renderDaily(report));
    return 0;
  },
};
