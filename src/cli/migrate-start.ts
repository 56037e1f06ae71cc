/**
 * The start of `migrate`. Almost every run of it finds nothing to do, and loading the command line costs more
 * than finding that out: the plainest lines are answered here, with three small modules, all others by `main`.
 */
import { peekLedgerHead } from "../engine/sqlite/peek.ts";
import { isUpToDate, stampDirectory } from "../engine/up-to-date.ts";
import type { ExitCode } from "../errors.ts";

export interface MigrateStartOptions {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What the user typed to get here, for help and errors. */
  readonly program: string;
}

const PEEK_TIMEOUT_MS = 5000;

/** Runs `usagedb migrate …`; never throws and never exits. */
export async function startMigrate(options: MigrateStartOptions): Promise<ExitCode> {
  const answer = answerWhenUpToDate(options.argv);
  if (answer === null) return (await import("./main.ts")).main({ ...options, start: ["migrate"] });
  console.log(answer);
  return 0;
}

/**
 * What `up` says when nothing is pending for certain; null when that, or the command line, needs a closer
 * look. It asks the same two questions as the command does, so the answers are the same.
 */
function answerWhenUpToDate(argv: readonly string[]): string | null {
  const line = readPlainLine(argv);
  if (line === null) return null;
  const head = peekLedgerHead(line.database, PEEK_TIMEOUT_MS);
  try {
    if (!isUpToDate(head, { stamp: () => stampDirectory(line.directory) })) return null;
  } catch {
    // No such directory, or no right to read it: `main` has the words for it.
    return null;
  }
  return head === null ? null : `Nothing to do: version ${head.version} is the newest.`;
}

/** Reads `[up] --dir MIGRATIONS --db FILE`; null for every other line, wrong ones included. */
function readPlainLine(
  argv: readonly string[],
): { readonly directory: string; readonly database: string } | null {
  let directory = "";
  let database = "";
  for (let i = argv[0] === "up" ? 1 : 0; i < argv.length; i += 2) {
    const value = argv[i + 1] ?? "";
    if (value === "" || value.startsWith("-")) return null;
    if (argv[i] === "--dir" && directory === "") directory = value;
    else if (argv[i] === "--db" && database === "") database = value;
    else return null;
  }
  return directory === "" || database === "" ? null : { directory, database };
}
