import { resolve } from "node:path";
import type { ExamineOptions, HealthReport } from "../../doctor/examine.ts";
import { openUsageDb } from "../../usage-db.ts";
import { claudeKeepsDays } from "../claude-settings.ts";
import { type Command, type CommandContext, GLOBAL_ARGS } from "../command.ts";
import { databasePath } from "../paths.ts";
import { healthData, renderHealth } from "../render-health.ts";
import { sourcesFromContext, summarizeSync, syncFromContext } from "../transcripts.ts";

export const doctor: Command = {
  meta: {
    name: "doctor",
    description:
      "Look the database over: file, space, schema, rows, sums, backups, jobs, transcripts; exit 3 when something needs doing",
  },
  args: {
    fix: {
      type: "boolean",
      description: "put right what can be without losing anything, then look again",
    },
    ...GLOBAL_ARGS,
  },
  examples: [
    ["usagedb doctor", "one screen, each finding with its remedy"],
    ["usagedb doctor --json", "isHealthy, findings[], topics"],
    [
      "usagedb doctor --fix",
      "modes, pending migrations, wrong sums, unread transcripts, the WAL, jobs that are due",
    ],
  ],
  run: async (context) => {
    const { args, output } = context;
    const { examine } = await import("../../doctor/examine.ts");
    const options = await lookOf(context);
    let report = await examine(options);
    if (args["fix"] === true && !report.isHealthy) {
      await fix(context, report);
      report = await examine(options);
    }
    output.json(healthData(report));
    if (!output.isJson) output.text(await renderHealth(report, output.isQuiet));
    return report.isHealthy ? 0 : 3;
  },
};

async function lookOf(context: CommandContext): Promise<ExamineOptions> {
  const { args, env, now, output } = context;
  const { TOOL_VERSION } = await import("../../engine/tool-version.ts");
  const path = resolve(databasePath(args["db"], env));
  const { schedulersWith } = await import("../scheduler/host-schedulers.ts");
  return {
    path,
    now,
    ownPid: process.pid,
    uid: process.getuid?.() ?? null,
    sources: sourcesFromContext(context),
    claudeKeepsDays: claudeKeepsDays(env),
    scheduledBy: () => schedulersWith(context, path),
    toolVersions: { bun: Bun.version, usagedb: TOOL_VERSION },
    ...(process.stderr.isTTY === true && !output.isQuiet
      ? { onTopic: (topic) => output.note(`Looking at ${topic} …`) }
      : {}),
  };
}

async function fix(context: CommandContext, report: HealthReport): Promise<void> {
  const { output, now } = context;
  const { mend } = await import("../../doctor/mend.ts");
  const done = await mend(
    report.topics.flatMap(({ findings }) => findings),
    {
      path: report.path,
      open: () => openUsageDb(report.path, { mode: "existing", now }),
      sync: async (db) => summarizeSync((await syncFromContext(db, context)).report),
    },
  );
  if (done.length === 0) output.note("There is nothing that could be put right safely.");
  for (const { done: sentence } of done) output.note(sentence);
}
