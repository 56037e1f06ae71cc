/** Seeds on disk: `seeds/development.sql` and its like. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { InputError, OperationError } from "../errors.ts";
import type { SqlBody } from "../migration/migration.ts";
import { isEnvironment, parseSeed } from "../migration/seed.ts";
import { checksumSql } from "./read-migration.ts";
import { readTextFile } from "./text-file.ts";

export const SEEDS_FOLDER = "seeds";

export interface Seed {
  readonly environment: string;
  readonly body: SqlBody;
  /** Of the canonical text, as a migration's: a comment is no change. */
  readonly checksum: string;
}

/**
 * The folder of seeds that goes with a directory of migrations: `seeds` inside it, else `seeds` beside it.
 * @throws {InputError} CLI_USAGE when both exist.
 */
export function seedsFolder(directory: string): string {
  const inside = join(directory, SEEDS_FOLDER);
  const beside = join(directory, "..", SEEDS_FOLDER);
  const isBeside = existsSync(beside);
  if (!existsSync(inside)) return isBeside ? beside : inside;
  if (!isBeside) return inside;
  throw new InputError(
    "CLI_USAGE",
    `Cannot choose the seeds of ${directory}: ${inside} and ${beside} both exist, expected one of them`,
    { details: { directory }, hint: "Name the one that you mean with --seeds." },
  );
}

/**
 * Reads and checks the seed of an environment.
 * @throws {InputError} CLI_USAGE for a name that is no environment's.
 * @throws {OperationError} SEED_NOT_FOUND, naming the environments that there are.
 * @throws {MigrationError} as `parseSeed`.
 */
export function readSeed(folder: string, environment: string): Seed {
  if (!isEnvironment(environment)) {
    throw new InputError(
      "CLI_USAGE",
      `Cannot seed ${JSON.stringify(environment)}: it is no environment's name, expected letters, digits, _ and -`,
      { details: { environment } },
    );
  }
  const file = join(folder, `${environment}.sql`);
  if (!existsSync(file)) {
    const known = environmentsIn(folder);
    throw new OperationError(
      "SEED_NOT_FOUND",
      `Cannot seed ${environment}: there is no ${file}, expected ${known.length === 0 ? "a seed" : `one of ${known.join(", ")}`}`,
      { details: { file, environment, known } },
    );
  }
  return seedFromText(environment, file, readTextFile(file));
}

/**
 * A seed whose text is at hand, as in a program that is shipped without its files.
 * @param file what errors call the text.
 * @throws {MigrationError} as `parseSeed`.
 */
export function seedFromText(environment: string, file: string, text: string): Seed {
  const body = parseSeed(file, text);
  return { environment, body, checksum: checksumSql(body.sql) };
}

function environmentsIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith(".sql") && isEnvironment(name.slice(0, -4)))
    .map((name) => name.slice(0, -4))
    .sort();
}
