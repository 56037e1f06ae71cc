import { readKeptContents } from "../../ingest/hooks/hook-event.ts";
import { type Command, GLOBAL_ARGS } from "../command.ts";
import { runHook } from "../hook-start.ts";

export const hookRecord: Command = {
  meta: {
    name: "record",
    description:
      "Store the hook event on stdin; a busy database gets it from a spool beside it. Never forbids the agent anything",
  },
  args: {
    "source-app": {
      type: "string",
      valueHint: "NAME",
      description: "whose events these are (default: claude-code)",
    },
    keep: {
      type: "string",
      valueHint: "WHAT",
      description: "prompts, output or prompts,output; neither is kept otherwise",
    },
    ...GLOBAL_ARGS,
  },
  examples: [
    ["usagedb hook < event.json", "store one event"],
    ["usagedb hook --keep prompts", "with what was typed"],
    ["usagedb hook install", "let Claude Code run it"],
  ],
  run: async ({ args, env, now, output }) => {
    const text = (name: string): string | undefined => {
      const value = args[name];
      return typeof value === "string" ? value : undefined;
    };
    const keep = text("keep");
    return await runHook({
      database: text("db"),
      sourceApp: text("source-app"),
      keep: keep === undefined ? new Set() : readKeptContents(keep),
      env,
      now,
      remark: (remark) => output.note(`usagedb hook: ${remark}`),
    });
  },
};
