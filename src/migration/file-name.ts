/** The grammar of file names in a migration directory. */
import { parseVersion, type Version } from "./version.ts";

/** What a file holds: both sections, one half of a pair, or a TypeScript module. */
export type MigrationFileKind = "sql" | "up" | "down" | "module";

export interface MigrationFileName {
  readonly version: Version;
  readonly name: string;
  readonly kind: MigrationFileKind;
}

export type FileNameVerdict =
  | { readonly is: "migration"; readonly file: MigrationFileName }
  | { readonly is: "other" }
  /** A migration that another tool runs as a program, in a language that is not ours. */
  | { readonly is: "program"; readonly version: Version }
  | { readonly is: "malformed"; readonly reason: string };

/** The hot queries that are kept beside the migrations. */
export const QUERIES_FILE = "queries.sql";

const OTHER: FileNameVerdict = { is: "other" };

/** Names a migration may have after its version: one path segment without control or shell characters. */
const NAME = /^[\p{L}\p{N}][\p{L}\p{M}\p{N}_.\- ]*$/u;

/** goose's in Go and Rails' in Ruby; tests have other names. */
const PROGRAM = /^(\d{1,15})_\w+(?<!_test)\.(?:go|rb)$/;

/** True for what may stand behind a version: letters, digits, `_`, `-`, `.` and spaces. */
export function isMigrationName(name: string): boolean {
  return NAME.test(name);
}

/**
 * Sorts a directory entry into migration, something else (notes, types, tests) or a malformed migration.
 * A file that ends in `.sql`, or starts with a digit and ends like a module, is never silently something else;
 * nor is one whose ending differs from these in case only.
 */
export function parseFileName(fileName: string): FileNameVerdict {
  if (fileName.startsWith(".") || fileName.endsWith("~") || fileName === QUERIES_FILE) return OTHER;
  if (fileName.endsWith(".sql")) return parseStem(fileName.slice(0, -4), "sql");
  const program = parseVersion(PROGRAM.exec(fileName)?.[1] ?? "");
  if (program !== undefined) return { is: "program", version: program };
  const ending = /\.(sql|[mc]?[tj]s)$/i.exec(fileName)?.[0];
  if (ending === undefined) return OTHER;
  if (/\.d\.[mc]?ts$/i.test(fileName) || /\.(test|spec)\.\w+$/i.test(fileName)) return OTHER;
  if (ending !== ending.toLowerCase() && (/\.sql$/i.test(fileName) || /^\d/.test(fileName))) {
    return {
      is: "malformed",
      reason: `it ends in ${ending}, which counts only as ${ending.toLowerCase()}`,
    };
  }
  if (!/^\d/.test(fileName)) return OTHER;
  return parseStem(fileName.slice(0, -ending.length), "module");
}

function parseStem(stem: string, kind: "sql" | "module"): FileNameVerdict {
  let fileKind: MigrationFileKind = kind;
  let rest = stem;
  if (kind === "sql" && rest.endsWith(".up")) {
    fileKind = "up";
    rest = rest.slice(0, -3);
  } else if (kind === "sql" && rest.endsWith(".down")) {
    fileKind = "down";
    rest = rest.slice(0, -5);
  } else if (kind === "sql" && /\.(up|down)$/i.test(rest)) {
    return { is: "malformed", reason: "`.up` and `.down` count only in lower case" };
  }
  let digits = 0;
  while (digits < rest.length && rest.charCodeAt(digits) >= 48 && rest.charCodeAt(digits) <= 57)
    digits++;
  if (digits === 0) return { is: "malformed", reason: "it does not start with a version" };
  const version = parseVersion(rest.slice(0, digits));
  if (version === undefined)
    return { is: "malformed", reason: "its version has more than 15 digits" };
  if (version === 0) return { is: "malformed", reason: "version 0 means an empty database" };
  const separator = rest[digits];
  if (separator !== "_" && separator !== "-") {
    return { is: "malformed", reason: "its version is not followed by `_` and a name" };
  }
  const name = rest.slice(digits + 1);
  if (!NAME.test(name)) {
    return {
      is: "malformed",
      reason: "its name is empty or has characters other than letters, digits, `_`, `-` and `.`",
    };
  }
  return { is: "migration", file: { version, name, kind: fileKind } };
}
