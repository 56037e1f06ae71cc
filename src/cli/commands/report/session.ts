import { reportSessions } from "../../../report/sessions.ts";
import { type Command, GLOBAL_ARGS } from "../../command.ts";
import { openDatabase } from "../../database.ts";
import {
  FILTER_ARGS,
  filterFlags,
  noteUnknownNames,
  REPORT_ARGS,
  reportFlags,
} from "../../report-flags.ts";
import { shortProject } from "../../usage-text.ts";
import { VERIFY_ARG, verified } from "../../verify-flag.ts";

export const reportSession: Command = {
  meta: {
    name: "session",
    description: "Print tokens and cost by session, the one active last at the end",
  },
  args: { ...REPORT_ARGS, ...FILTER_ARGS, ...VERIFY_ARG, ...GLOBAL_ARGS },
  examples: [
    ["usagedb report session --limit 10", "the ten sessions active last"],
    ["usagedb report session --project app", "of one project, by how its path ends"],
    ["usagedb report session --since 2026-02-01 --json", "{ session: [...], totals }"],
  ],
  run: async (context) => {
    const { args, output } = context;
    using db = openDatabase(context, "read");
    const report = reportSessions(db, {
      ...reportFlags(db, context),
      ...filterFlags(args),
    });
    const { printUsage } = await import("../../render-usage.ts");
    await printUsage(context, {
      title: "session",
      // As much of an id as tells sessions apart.
      leastName: 9,
      group: "project",
      rows: report.session.map((row) => ({
        ...row,
        name: row.period,
        sub: row.project,
        shortSub: shortProject(row.project),
      })),
      totals: report.totals,
      unpricedModels: report.unpricedModels,
      json: report,
    });
    noteUnknownNames(db, args, output);
    // Awaited here: the database is closed when this function returns.
    return await verified(db, args, output);
  },
};
