import { type Dimension, type Period, reportPeriods } from "../../../report/periods.ts";
import { type Command, GLOBAL_ARGS } from "../../command.ts";
import { openDatabase } from "../../database.ts";
import {
  FILTER_ARGS,
  filterFlags,
  noteUnknownNames,
  REPORT_ARGS,
  reportFlags,
} from "../../report-flags.ts";
import { shortModel, shortProject } from "../../usage-text.ts";
import { VERIFY_ARG, verified } from "../../verify-flag.ts";

const UNITS: Readonly<Record<Period, string>> = {
  daily: "day",
  weekly: "week",
  monthly: "month",
};

export const reportDaily = periodCommand("daily");
export const reportWeekly = periodCommand("weekly");
export const reportMonthly = periodCommand("monthly");

function periodCommand(period: Period): Command {
  const unit = UNITS[period];
  return {
    meta: {
      name: period,
      description: `Print tokens and cost by local ${unit}; reads the database only, so \`usagedb sync\` first`,
    },
    args: {
      ...REPORT_ARGS,
      ...FILTER_ARGS,
      by: {
        type: "string",
        valueHint: "project|model|agent",
        description: `one row for each within a ${unit}`,
      },
      ...VERIFY_ARG,
      ...GLOBAL_ARGS,
    },
    examples: [
      [`usagedb report ${period} --last 7d`, "today and the six days before"],
      [`usagedb report ${period} --by project --csv`, "for a spreadsheet"],
      [
        `usagedb report ${period} --agent claude --project app --model opus-4-6`,
        "only what all of them are true of",
      ],
      [
        `usagedb report ${period} --timezone UTC --json`,
        `{ ${period}: [...], totals }, in ccusage's names`,
      ],
    ],
    run: async (context) => {
      const { args, output } = context;
      using db = openDatabase(context, "read");
      const by = args["by"];
      const { rows, totals, unpricedModels } = reportPeriods(db, {
        ...reportFlags(db, context),
        ...filterFlags(args),
        period,
        ...(typeof by === "string" ? { by: by as Dimension } : {}),
      });
      const { printUsage } = await import("../../render-usage.ts");
      await printUsage(context, {
        title: unit,
        group: typeof by === "string" ? by : null,
        rows: rows.map((row) => ({
          ...row,
          name: row.period,
          sub: row.group,
          ...(row.group === null ? {} : { shortSub: shortGroup(row.group, by) }),
        })),
        totals,
        unpricedModels,
        json: { [period]: rows, totals, unpricedModels },
      });
      noteUnknownNames(db, args, output);
      // Awaited here: the database is closed when this function returns.
      return await verified(db, args, output);
    },
  };
}

function shortGroup(group: string, by: string | boolean | undefined): string {
  if (by === "project") return shortProject(group);
  return by === "model" ? shortModel(group) : group;
}
