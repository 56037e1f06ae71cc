import { type Command, GLOBAL_ARGS } from "../command.ts";
import { refuseTogether } from "../flag-pairs.ts";
import { runStatusLine } from "../statusline-start.ts";

export const statusline: Command = {
  meta: {
    name: "statusline",
    description:
      "Print a status line from the JSON that Claude Code hands to one, and store the limits that it tells",
  },
  args: {
    color: { type: "boolean", description: "with colours, whatever NO_COLOR says" },
    "no-color": { type: "boolean", description: "without colours (the default)" },
    ...GLOBAL_ARGS,
  },
  examples: [
    ["usagedb statusline < status.json", "model, cost, today, limits, context"],
    [
      "usagedb statusline --color < status.json",
      "in colours; `hook install --statusline` writes it",
    ],
    ["usagedb statusline --json < status.json", "the same as data"],
  ],
  run: async ({ args, env, output, now }) => {
    refuseTogether("usagedb statusline", args, ["color", "no-color"]);
    return await runStatusLine({
      database: typeof args["db"] === "string" ? args["db"] : undefined,
      color: args["color"] === true ? true : args["no-color"] === true ? false : undefined,
      env,
      now: now(),
      isQuiet: output.isQuiet,
      isJson: output.isJson,
    });
  },
};
