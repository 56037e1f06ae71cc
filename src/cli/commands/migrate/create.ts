import { mkdirSync, writeFileSync } from "node:fs";
import { directorySource } from "../../../engine/directory.ts";
import { InputError } from "../../../errors.ts";
import { parseFileName } from "../../../migration/file-name.ts";
import { formatVersion, NO_VERSION } from "../../../migration/version.ts";
import { type Command, GLOBAL_ARGS } from "../../command.ts";
import { DIR_ARG } from "../../migration-source.ts";

/** From this many digits on, a directory's versions are times and the next one is now. */
const TIMESTAMP_DIGITS = 14;

export const create: Command = {
  meta: { name: "create", description: "Write an empty migration with the next version" },
  args: {
    name: {
      type: "positional",
      required: true,
      description: "what it does, as words: add_user_tracking",
    },
    ...DIR_ARG,
    json: GLOBAL_ARGS.json,
    quiet: GLOBAL_ARGS.quiet,
    help: GLOBAL_ARGS.help,
  },
  examples: [
    [
      "usagedb migrate create add_user_tracking --dir db/migrations",
      "writes 003_add_user_tracking.sql",
    ],
  ],
  run: async ({ args, output, now }) => {
    const directory = typeof args["dir"] === "string" ? args["dir"] : "migrations/sqlite";
    const name = snakeCase(String(args["name"]));
    mkdirSync(directory, { recursive: true });
    const newest = directorySource(directory).versions().at(-1) ?? NO_VERSION;
    const isTimed = String(newest).length >= TIMESTAMP_DIGITS;
    const createdAt = new Date(now()).toISOString();
    const version = isTimed ? createdAt.slice(0, 19).replace(/\D/g, "") : formatVersion(newest + 1);
    const fileName = `${version}_${name}.sql`;
    if (parseFileName(fileName).is !== "migration") refuseName(String(args["name"]));
    const path = `${directory}/${fileName}`;
    try {
      writeFileSync(path, template(`${version}_${name}`, createdAt.slice(0, 10)), { flag: "wx" });
    } catch (cause) {
      if (!(cause instanceof Error && "code" in cause && cause.code === "EEXIST")) throw cause;
      throw new InputError(
        "MIGRATION_FILE_EXISTS",
        `Cannot create ${path}: it exists, expected a new name`,
        { details: { path }, cause },
      );
    }
    output.text(path);
    output.json({ path, version: Number(version), name });
    return 0;
  },
};

function snakeCase(words: string): string {
  return words
    .trim()
    .replace(/[\s-]+/g, "_")
    .toLowerCase();
}

function refuseName(name: string): never {
  throw new InputError(
    "CLI_USAGE",
    `Cannot create a migration named ${JSON.stringify(name)}, expected letters, digits and _`,
    {
      details: { name },
    },
  );
}

function template(name: string, date: string): string {
  return `-- Migration: ${name}
-- Description:
-- Created: ${date}

-- migrate:up

-- migrate:down
`;
}
