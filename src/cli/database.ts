/** The usage database that a command names, opened and brought up to date. */
import { openUsageDb, type UsageDb } from "../usage-db.ts";
import type { CommandContext } from "./command.ts";
import { databasePath } from "./paths.ts";

export function openDatabase(
  { args, env, now, output }: CommandContext,
  mode: "create" | "existing" | "read",
): UsageDb {
  return openUsageDb(databasePath(args["db"], env), {
    mode,
    now,
    onEvent: (event) => {
      if (event.type === "planned")
        output.note(`Bringing the database up to date: ${event.steps.length} migration(s).`);
    },
  });
}
