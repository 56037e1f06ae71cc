import { InputError, refuseValue } from "../../errors.ts";
import { AGENT_NAMES } from "../../ingest/agents.ts";
import { explainMessage } from "../../ingest/explain.ts";
import { type Command, GLOBAL_ARGS } from "../command.ts";
import { openDatabase } from "../database.ts";
import { printable } from "../output.ts";
import { ProgressLine } from "../progress.ts";

export const explain: Command = {
  meta: {
    name: "explain",
    description:
      "Show every line of a transcript that claims a message, which one counts, and why. Lines that lost are looked for in the files that are still there",
  },
  args: {
    message: {
      type: "positional",
      valueHint: "MESSAGE_ID",
      description: "the message's id",
      required: true,
    },
    agent: {
      type: "string",
      valueHint: "NAME",
      description: `only this agent's: ${AGENT_NAMES.join(", ")}`,
    },
    ...GLOBAL_ARGS,
  },
  examples: [
    ["usagedb explain msg_01AbC", "file, offset, session, request and tokens of each line"],
    ["usagedb explain msg_01AbC --json", "the same as data"],
  ],
  run: async (context) => {
    const { args, output } = context;
    const messageId = String(args["message"]);
    const agent = AGENT_NAMES.find((name) => name === args["agent"]);
    if (args["agent"] !== undefined && agent === undefined)
      refuseValue("--agent", JSON.stringify(args["agent"]), `one of ${AGENT_NAMES.join(", ")}`);
    using db = openDatabase(context, "existing");
    const progress = new ProgressLine("Searching transcripts", output.isQuiet);
    const explanation = await explainMessage(db, messageId, {
      ...(agent === undefined ? {} : { agent }),
      signal: context.interruptSignal(),
      onProgress: (done, total) => progress.update(done, total, String),
    }).finally(() => progress.clear());
    const { claims, filesGone, filesSearched, unreadable } = explanation;
    if (claims.length === 0) {
      throw new InputError(
        "MESSAGE_UNKNOWN",
        `Cannot explain the message: none is stored under this id, and none of ${filesSearched} file(s) has it, expected the id of a message`,
        { details: { filesSearched, filesGone } },
      );
    }
    output.json(explanation);
    if (output.isJson) return 0;
    const { renderExplanation } = await import("../render-explanation.ts");
    output.text(renderExplanation(explanation));
    if (unreadable.length > 0) {
      const lines = unreadable.map(({ path, reason }) => `  ${printable(path)}  ${reason}`);
      await output.warn(
        [`${unreadable.length} file(s) could not be searched:`, ...lines].join("\n"),
      );
    }
    return 0;
  },
};
