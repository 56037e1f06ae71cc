import {
  describeHolder,
  isWriteLocked,
  readLockHolder,
} from "../../../engine/sqlite/lock-holder.ts";
import { type Command, GLOBAL_ARGS } from "../../command.ts";
import { DIR_ARG } from "../../migration-source.ts";
import { openTarget } from "../../migration-target.ts";

export const lock: Command = {
  meta: {
    name: "lock",
    description: "Show who holds the database's write lock, since when and at which step",
  },
  args: { ...DIR_ARG, ...GLOBAL_ARGS },
  examples: [
    ["usagedb migrate lock", "the process, what it is doing, and for how long"],
    ["usagedb migrate lock --json", "isHeld, holder"],
  ],
  run: async (context) => {
    const { output } = context;
    using database = await openTarget(context, "read");
    // Asked first: the question whether it is free takes it for a moment.
    const holder = readLockHolder(database.connection.path);
    const isHeld = isWriteLocked(database.connection);
    output.json({ isHeld, holder: isHeld ? holder : null });
    output.text(isHeld ? `${describeHolder(holder)} holds the write lock.` : "Nobody holds it.");
    return 0;
  },
};
