/** Turns file names into migrations-to-be: pairs joined, duplicates refused, ordered by version. */
import { MigrationError } from "../errors.ts";
import { parseFileName } from "./file-name.ts";
import { formatVersion, type Version } from "./version.ts";

/** The files that make up one version, not yet read. */
export interface MigrationFiles {
  readonly version: Version;
  readonly name: string;
  readonly layout:
    | { readonly kind: "sql"; readonly fileName: string }
    | {
        readonly kind: "pair";
        readonly up: string;
        readonly down: string | null;
        /** A `metadata.toml` that says how both are to be run. */
        readonly settings?: string;
      }
    | { readonly kind: "module"; readonly fileName: string };
}

/**
 * Groups directory entries by version, ascending; entries that are no migrations are left out.
 * @throws {MigrationError} MIGRATION_FILE_INVALID for a malformed name or a down without its up,
 *   MIGRATION_VERSION_DUPLICATE for two files with one version.
 */
export function assembleFiles(fileNames: readonly string[]): MigrationFiles[] {
  const found = new Map<Version, MigrationFiles>();
  const downs = new Map<Version, { readonly name: string; readonly fileName: string }>();
  const programs = new Map<Version, string>();
  for (const fileName of fileNames) {
    const verdict = parseFileName(fileName);
    if (verdict.is === "other") continue;
    if (verdict.is === "malformed") {
      throw new MigrationError(
        "MIGRATION_FILE_INVALID",
        `Cannot use ${fileName}: ${verdict.reason}, expected a name like 003_add_user_tracking.sql`,
        { details: { fileName, reason: verdict.reason } },
      );
    }
    if (verdict.is === "program") {
      programs.set(verdict.version, fileName);
      continue;
    }
    const { version, name, kind } = verdict.file;
    if (kind === "down") {
      const other = downs.get(version);
      if (other !== undefined) refuseDuplicate(version, other.fileName, fileName);
      downs.set(version, { name, fileName });
      continue;
    }
    const other = found.get(version);
    if (other !== undefined) refuseDuplicate(version, mainFile(other), fileName);
    const layout: MigrationFiles["layout"] =
      kind === "up" ? { kind: "pair", up: fileName, down: null } : { kind, fileName };
    found.set(version, { version, name, layout });
  }
  for (const [version, down] of downs) joinDown(found, version, down);
  for (const [version, fileName] of programs) if (!found.has(version)) refuseProgram(fileName);
  return [...found.values()].sort(byVersion);
}

/** Ascending. */
export function byVersion(left: MigrationFiles, right: MigrationFiles): number {
  return left.version - right.version;
}

/** @throws {MigrationError} MIGRATION_VERSION_DUPLICATE when two have the same version. */
export function refuseDuplicateFolders(all: readonly MigrationFiles[]): void {
  const first = new Map<Version, string>();
  for (const files of all) {
    const other = first.get(files.version);
    if (other !== undefined) refuseDuplicate(files.version, other, mainFile(files));
    first.set(files.version, mainFile(files));
  }
}

/** Left out in silence, what it does would be missing from the schema that later files build on. */
function refuseProgram(fileName: string): never {
  const reason = "it is a program of another tool";
  throw new MigrationError(
    "MIGRATION_FILE_INVALID",
    `Cannot use ${fileName}: ${reason}, expected SQL`,
    {
      details: { fileName, reason },
      hint: "Write what it does into a .sql file of the same version beside it.",
    },
  );
}

/** The file that errors and status name for a version. */
export function mainFile(files: MigrationFiles): string {
  return files.layout.kind === "pair" ? files.layout.up : files.layout.fileName;
}

function joinDown(
  found: Map<Version, MigrationFiles>,
  version: Version,
  down: { readonly name: string; readonly fileName: string },
): void {
  const up = found.get(version);
  if (up?.layout.kind === "pair" && up.name === down.name) {
    found.set(version, { ...up, layout: { ...up.layout, down: down.fileName } });
    return;
  }
  if (up !== undefined) refuseDuplicate(version, mainFile(up), down.fileName);
  const expected = `${down.fileName.slice(0, -".down.sql".length)}.up.sql`;
  throw new MigrationError(
    "MIGRATION_FILE_INVALID",
    `Cannot use ${down.fileName}: it has no up, expected ${expected} beside it`,
    { details: { fileName: down.fileName, reason: "down without up" } },
  );
}

/** @throws {MigrationError} MIGRATION_VERSION_DUPLICATE always. */
export function refuseDuplicate(version: Version, first: string, second: string): never {
  throw new MigrationError(
    "MIGRATION_VERSION_DUPLICATE",
    `Cannot order the migrations: ${first} and ${second} both have version ${formatVersion(version)}, expected one migration a version`,
    { details: { version, files: [first, second] } },
  );
}
