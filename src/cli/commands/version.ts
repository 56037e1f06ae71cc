import { TOOL_VERSION } from "../../engine/tool-version.ts";
import { type Command, GLOBAL_ARGS } from "../command.ts";

export const version: Command = {
  meta: { name: "version", description: "Print the versions of usagedb and Bun" },
  args: { ...GLOBAL_ARGS },
  examples: [["usagedb --version", "the same"]],
  run: async ({ output }) => {
    output.text(`usagedb ${TOOL_VERSION} (Bun ${Bun.version})`);
    output.json({ usagedb: TOOL_VERSION, bun: Bun.version });
    return 0;
  },
};
