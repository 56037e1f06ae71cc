/**
 * The start of `migrate`. Almost every run of it finds nothing to do, and loading the command line costs more
 * than finding that out: the plainest lines are answered here, with a few small modules, all others by `main`.
 */
import { versionWhenUpToDate } from "../engine/sqlite/peek.ts";
import { stampDirectory } from "../engine/up-to-date.ts";
import type { SourceStamp } from "../engine/source.ts";
import type { ExitCode } from "../errors.ts";

export interface MigrateStartOptions {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What the user typed to get here, for help and errors. */
  readonly program: string;
}

/** Runs `usagedb migrate …`; never throws and never exits. */
export async function startMigrate(options: MigrateStartOptions): Promise<ExitCode> {
  const answer = answerWhenUpToDate(options);
  if (answer === null) return (await import("./main.ts")).main({ ...options, start: ["migrate"] });
  console.log(answer);
  return 0;
}

/**
 * What `up` says when nothing is pending for certain; null when that, or the command line, needs a closer
 * look. It asks the same question as the command does, so the answers are the same.
 */
function answerWhenUpToDate({ argv, env }: MigrateStartOptions): string | null {
  const line = readPlainLine(argv);
  if (line === null) return null;
  const { database, directory } = line;
  try {
    const stamp = (): SourceStamp => (directory === null ? ownStamp() : stampDirectory(directory));
    const version = versionWhenUpToDate(database ?? defaultDatabase(env), { stamp });
    return version === null ? null : `Nothing to do: version ${version} is the newest.`;
  } catch {
    // No such directory, no right to read it, no home: `main` has the words for it.
    return null;
  }
}

/** Loaded only for a line without `--db`. */
function defaultDatabase(env: MigrateStartOptions["env"]): string {
  return (require("./paths.ts") as typeof import("./paths.ts")).databasePath(undefined, env);
}

/** Loaded only for a line without `--dir`. */
function ownStamp(): SourceStamp {
  const { head } = require("../store/own-head.ts") as typeof import("../store/own-head.ts");
  return { value: head.stamp, isSettled: true };
}

/** Reads `[up] [--dir MIGRATIONS] [--db FILE]`; null for every other line, wrong ones included. */
function readPlainLine(
  argv: readonly string[],
): { readonly directory: string | null; readonly database: string | null } | null {
  let directory: string | null = null;
  let database: string | null = null;
  for (let i = argv[0] === "up" ? 1 : 0; i < argv.length; i += 2) {
    const value = argv[i + 1] ?? "";
    if (value === "" || value.startsWith("-")) return null;
    if (argv[i] === "--dir" && directory === null) directory = value;
    else if (argv[i] === "--db" && database === null) database = value;
    else return null;
  }
  return { directory, database };
}
