import { InputError } from "../../errors.ts";
import type { ForgetTarget } from "../../retention/forget/target.ts";
import { isAgreed, YES_ARG } from "../ask.ts";
import { type ArgValues, type Command, GLOBAL_ARGS } from "../command.ts";
import { databasePath } from "../paths.ts";

export const forget: Command = {
  meta: {
    name: "forget",
    description:
      "Remove a session, a project or everything before a moment from tables, free pages, WAL, spool and backups, and search the files' bytes for what is left. Tokens stay in all sums under names that say nothing, unless --rollups. A later sync passes over what was forgotten",
  },
  args: {
    session: { type: "string", valueHint: "ID", description: "this session" },
    project: { type: "string", valueHint: "NAME", description: "this project, as reports name it" },
    before: {
      type: "string",
      valueHint: "TIME",
      description: "everything older: 2026-02-12, or a moment like 2026-02-12T10:00:00Z",
    },
    rollups: { type: "boolean", description: "take the tokens out of the sums too" },
    backup: {
      type: "string",
      valueHint: "FILES",
      description: "forget it in these backups too, separated by commas",
    },
    "dry-run": { type: "boolean", description: "count, and change nothing" },
    ...YES_ARG,
    ...GLOBAL_ARGS,
  },
  examples: [
    ["usagedb forget --session 0b6f… --dry-run", "see how many rows it is about"],
    ["usagedb forget --project /home/me/app --rollups --yes", "with its tokens, without asking"],
    ["usagedb forget --before 2026-01-01 --backup old.db,older.db", "in two backups as well"],
  ],
  run: async ({ args, env, now, output }) => {
    const target = targetOf(args);
    const path = databasePath(args["db"], env);
    const { forgetUsage } = await import("../../forget/forget.ts");
    const { renderForgetting, renderPlan } = await import("../render-forgetting.ts");
    const options = { rollups: args["rollups"] === true, now };
    const isDryRun = args["dry-run"] === true;
    if (isDryRun || args["yes"] !== true) {
      // Without a terminal this is refused before anything is looked at.
      if (!isDryRun && process.stdin.isTTY !== true) await isAgreed(args, ASK);
      const plan = forgetUsage(path, target, { ...options, dryRun: true });
      if (isDryRun) output.json(plan);
      else output.note(renderPlan(plan));
      if (isDryRun) output.outcome(renderPlan(plan));
      if (isDryRun) return 0;
      if (!(await isAgreed(args, ASK))) return 1;
    }
    const report = forgetUsage(path, target, { ...options, backups: filesIn(args["backup"]) });
    output.json(report);
    output.outcome(renderForgetting(report));
    if (report.backups.some(({ error }) => error !== null)) return 1;
    return report.isProved ? 0 : 3;
  },
};

const ASK = { action: "forget", question: "Forget it for good?" };

function targetOf(args: ArgValues): ForgetTarget {
  const { session, project, before } = args;
  const given = [session, project, before].filter((value) => typeof value === "string");
  if (given.length !== 1) {
    throw new InputError(
      "CLI_USAGE",
      `Cannot run \`usagedb forget\`: ${given.length} of --session, --project and --before are given, expected one of them`,
      { hint: "Say what to forget with one of the three." },
    );
  }
  if (typeof session === "string") return { kind: "session", sessionId: session };
  if (typeof project === "string") return { kind: "project", project };
  return { kind: "before", beforeMs: momentOf(String(before)) };
}

/** A day begins at midnight in UTC; a time has to say its zone. */
function momentOf(text: string): number {
  const isMoment = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/.test(text);
  const moment = isMoment ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(moment)) return moment;
  throw new InputError(
    "VALUE_INVALID",
    `Cannot use --before: ${JSON.stringify(text)} is no moment, expected a day or a time with its zone`,
    { details: { field: "--before" }, hint: "Write 2026-02-12 or 2026-02-12T10:00:00Z." },
  );
}

function filesIn(flag: string | boolean | undefined): string[] {
  return typeof flag === "string" ? flag.split(",").filter((name) => name !== "") : [];
}
