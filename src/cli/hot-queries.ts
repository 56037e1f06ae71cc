/** The `queries.sql` that goes with the migrations of a command. */
import { existsSync } from "node:fs";
import { readTextFile } from "../engine/text-file.ts";
import { MigrationError } from "../errors.ts";
import { QUERIES_FILE } from "../migration/file-name.ts";
import { parseQueries, type QueryFile } from "../migration/queries.ts";
import type { ArgValues } from "./command.ts";

export interface QueryText {
  /** The path, or what the product's own are called. */
  readonly file: string;
  readonly text: string;
}

/**
 * The text of the queries beside the migrations of `--dir`, or of the product's own.
 * @throws {MigrationError} QUERIES_INVALID when there is none.
 */
export async function queryText(args: ArgValues): Promise<QueryText> {
  const directory = args["dir"];
  if (typeof directory !== "string") return (await import("../store/own-queries.ts")).OWN_QUERIES;
  const file = `${directory.replace(/(?<=.)\/+$/, "")}/${QUERIES_FILE}`;
  if (existsSync(file)) return { file, text: readTextFile(file) };
  throw new MigrationError(
    "QUERIES_INVALID",
    `Cannot check the plans of ${file}: there is no such file, expected the hot queries`,
    {
      details: { file },
      hint: `Write the queries that must stay fast into ${file}, each under \`-- query: NAME\`.`,
    },
  );
}

/** The same, read. @throws {MigrationError} QUERIES_INVALID. */
export async function hotQueries(args: ArgValues): Promise<QueryFile> {
  const { file, text } = await queryText(args);
  return parseQueries(file, text);
}
