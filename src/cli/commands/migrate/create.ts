import { mkdirSync, writeFileSync } from "node:fs";
import { directoryLayout, directorySource } from "../../../engine/directory.ts";
import { InputError, OperationError } from "../../../errors.ts";
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
    ...GLOBAL_ARGS,
  },
  examples: [
    [
      "usagedb migrate create add_user_tracking --dir db/migrations",
      "writes 003_add_user_tracking.sql",
    ],
  ],
  run: async ({ args, output, now }) => {
    const directory =
      typeof args["dir"] === "string" ? args["dir"].replace(/(?<=.)\/+$/, "") : "migrations/sqlite";
    const name = snakeCase(String(args["name"]));
    const verdict = parseFileName(`1_${name}.sql`);
    if (verdict.is !== "migration" || verdict.file.kind !== "sql") refuseName(String(args["name"]));
    makeDirectory(directory);
    const layout = directoryLayout(directory);
    if (layout === "drizzle-journal" || layout === "drizzle-folders") refuseDrizzle(directory);
    const newest = directorySource(directory).versions().at(-1) ?? NO_VERSION;
    const isTimed = String(newest).length >= TIMESTAMP_DIGITS;
    const createdAt = new Date(now()).toISOString();
    // The second migration of a second, or one after a version from the future, still has to be the newest.
    const next = isTimed
      ? Math.max(newest + 1, Number(createdAt.slice(0, 19).replace(/\D/g, "")))
      : newest + 1;
    const version = formatVersion(next);
    const path =
      layout === "diesel"
        ? `${directory}/${isTimed ? dashed(version) : version}_${name}`
        : `${directory}/${version}_${name}.sql`;
    refusingExisting(path, () => {
      if (layout === "diesel") writeFolder(path);
      else
        writeFileSync(path, template(`${version}_${name}`, createdAt.slice(0, 10)), { flag: "wx" });
    });
    output.text(path);
    output.json({ path, version: Number(version), name });
    return 0;
  },
};

/** As Diesel writes its folders: `2023-01-31-123456`. */
function dashed(version: string): string {
  return version.replace(/^(\d{4})(\d\d)(\d\d)(\d{6})$/, "$1-$2-$3-$4");
}

function writeFolder(path: string): void {
  mkdirSync(path);
  writeFileSync(`${path}/up.sql`, "", { flag: "wx" });
  writeFileSync(`${path}/down.sql`, "", { flag: "wx" });
}

function refusingExisting(path: string, write: () => void): void {
  try {
    write();
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause && cause.code === "EEXIST")) throw cause;
    throw new InputError(
      "MIGRATION_FILE_EXISTS",
      `Cannot create ${path}: it exists, expected a new name`,
      { details: { path }, cause },
    );
  }
}

function refuseDrizzle(directory: string): never {
  throw new InputError(
    "CLI_USAGE",
    `Cannot create a migration in ${directory}: it is drizzle's, expected a directory without its snapshots`,
    {
      details: { directory },
      hint: "Run `drizzle-kit generate`, which keeps its journal and snapshots in step.",
    },
  );
}

function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true });
  } catch (cause) {
    const observed = cause instanceof Error && "code" in cause ? String(cause.code) : "it failed";
    throw new OperationError(
      "MIGRATIONS_NOT_FOUND",
      `Cannot create the directory ${directory}: ${observed}, expected a folder that exists or may be made`,
      { details: { directory }, cause },
    );
  }
}

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
