import { kill, pid } from "node:process";
import { type Command, GLOBAL_ARGS } from "../../command.ts";
import { DIR_ARG, migrationSource } from "../../migration-source.ts";
import { versionArg } from "../../migration-target.ts";
import { InputError } from "../../../errors.ts";

/** What `migrate test` starts to see it killed; hidden, because it is of no use to anybody else. */
export const testCrash: Command = {
  meta: {
    name: "test-crash",
    description: "Migrate a database of `migrate test` and be killed before one of the statements",
  },
  args: {
    up: { type: "string", valueHint: "VERSION", description: "the version to go up to" },
    down: { type: "string", valueHint: "VERSION", description: "the version to go back to" },
    at: { type: "string", valueHint: "N", description: "the statement to be killed before" },
    ...DIR_ARG,
    ...GLOBAL_ARGS,
  },
  examples: [["usagedb migrate test-crash --up 3 --at 7 --db FILE", "die before statement 7"]],
  run: async ({ args }) => {
    const [up, down, at] = ["up", "down", "at"].map((name) => versionArg(args, name));
    const databasePath = args["db"];
    const target = up ?? down;
    if (target === undefined || at === undefined || typeof databasePath !== "string") {
      throw new InputError(
        "CLI_USAGE",
        "Cannot run `test-crash`: an argument is missing, expected --up or --down, --at and --db",
      );
    }
    const { crashAt } = await import("../../../engine/sqlite/prove/crash.ts");
    crashAt(
      { databasePath, direction: up === undefined ? "down" : "up", target },
      migrationSource(args),
      { killAt: at, kill: () => kill(pid, "SIGKILL") },
    );
    return 0;
  },
};
