import { AGENT_NAMES, type AgentName } from "../../ingest/agents.ts";
import { refuseValue } from "../../errors.ts";
import { type Command, GLOBAL_ARGS } from "../command.ts";
import { openDatabase } from "../database.ts";
import { summarizeSync, syncFromContext, warnAboutSync } from "../transcripts.ts";

export const sync: Command = {
  meta: {
    name: "sync",
    description:
      "Read new lines of the transcripts of Claude Code, Codex, opencode and Gemini; what was read stays when they are deleted",
  },
  args: {
    agent: {
      type: "string",
      valueHint: "NAMES",
      description: `only these, separated by commas: ${AGENT_NAMES.join(", ")}`,
    },
    ...GLOBAL_ARGS,
  },
  examples: [
    ["usagedb sync", "read what is new, of every agent that is there"],
    ["usagedb sync --agent codex", "of one agent"],
    [
      "CLAUDE_CONFIG_DIR=~/backup/.claude usagedb sync",
      "read other folders (a comma separates several)",
    ],
    ["CODEX_HOME=~/backup/.codex usagedb sync", "the same for another agent"],
    ["usagedb sync --json", "files, messages, malformed lines as data, by agent too"],
  ],
  run: async (context) => {
    const agents = agentsOf(context.args["agent"]);
    using db = openDatabase(context, "create");
    const result = await syncFromContext(db, context, agents);
    await warnAboutSync(result, context);
    context.output.outcome(summarizeSync(result.report));
    context.output.json({ roots: result.roots, ...result.report });
    return 0;
  },
};

function agentsOf(flag: string | boolean | undefined): readonly AgentName[] {
  if (typeof flag !== "string") return AGENT_NAMES;
  const names = flag.split(",").map((name) => name.trim());
  return names.map((name) => {
    const agent = AGENT_NAMES.find((known) => known === name);
    return agent ?? refuseValue("--agent", JSON.stringify(name), AGENT_NAMES.join(", "));
  });
}
