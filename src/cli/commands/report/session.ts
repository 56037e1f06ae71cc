import { reportSessions } from "../../../report/sessions.ts";
import { type Command, GLOBAL_ARGS } from "../../command.ts";
import { openDatabase } from "../../database.ts";
import { REPORT_ARGS, reportFlags } from "../../report-flags.ts";
import { VERIFY_ARG, verified } from "../../verify-flag.ts";

export const reportSession: Command = {
  meta: {
    name: "session",
    description: "Print tokens and cost by session, the one active last at the end",
  },
  args: { ...REPORT_ARGS, ...VERIFY_ARG, ...GLOBAL_ARGS },
  examples: [
    ["usagedb report session --limit 10", "the ten sessions active last"],
    ["usagedb report session --since 2026-02-01 --json", "{ session: [...], totals }"],
  ],
  run: async (context) => {
    const { args, now, output } = context;
    using db = openDatabase(context, "read");
    const report = reportSessions(db, reportFlags(db, args, now()));
    const { printUsage } = await import("../../render-usage.ts");
    await printUsage(context, {
      title: "session",
      group: "project",
      rows: report.session.map((row) => ({
        ...row,
        name: row.period,
        sub: row.project.split("/").at(-1) ?? row.project,
      })),
      totals: report.totals,
      unpricedModels: report.unpricedModels,
      json: report,
    });
    return verified(db, args, output);
  },
};
