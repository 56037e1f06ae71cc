/** Which migrations a `migrate` command means: a directory's, or the product's own. */
import { directorySource } from "../engine/directory.ts";
import type { MigrationSource } from "../engine/source.ts";
import { InputError } from "../errors.ts";
import type { ArgValues } from "./command.ts";

/** The option shared by the commands under `migrate`. */
export const DIR_ARG = {
  dir: {
    type: "string",
    valueHint: "MIGRATIONS",
    description:
      "a directory of migrations other than the product's own: ours, or as dbmate, goose, golang-migrate, sqlx, Diesel or drizzle keep them",
  },
} as const;

/** @throws {InputError} CLI_USAGE when `--dir` is empty. */
export function migrationSource(args: ArgValues): MigrationSource {
  const directory = args["dir"];
  if (directory === undefined)
    return (require("../store/schema.ts") as typeof import("../store/schema.ts")).ownMigrations();
  if (typeof directory === "string" && directory !== "")
    return directorySource(directory.replace(/(?<=.)\/+$/, ""));
  throw new InputError(
    "CLI_USAGE",
    "Cannot use --dir: it is empty, expected a directory of migrations",
  );
}
