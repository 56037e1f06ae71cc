/**
 * The start of `statusline`, which an agent runs after every message and which has 20 ms. The plainest lines, those
 * that stand in settings files, are answered here with a few small modules; all others by `main`.
 */
import type { ExitCode } from "../errors.ts";
import { readClaudeStatus } from "../ingest/claude/status-line.ts";
import { readStdin } from "./read-stdin.ts";
import { renderStatusLine } from "./render-status-line.ts";
import { statusFacts } from "./status-facts.ts";

type Env = Readonly<Record<string, string | undefined>>;

export interface StatusLineRun {
  readonly database: string | undefined;
  /** An agent draws colours though it is no terminal, so nothing but a flag tells whether they are wanted. */
  readonly color: boolean | undefined;
  readonly env: Env;
  readonly now: number;
  readonly isQuiet: boolean;
  readonly isJson: boolean;
}

/** Far above what an agent sends. */
const STDIN_LIMITS = { maxBytes: 4 << 20, timeoutMs: 1000 } as const;

/** Runs `usagedb statusline …`; never throws and never exits. `argv` is what follows the command's name. */
export async function startStatusLine(argv: readonly string[], env: Env): Promise<ExitCode> {
  const line = readPlainLine(argv);
  if (line === null)
    return (await import("./main.ts")).main({ argv: ["statusline", ...argv], env });
  return await runStatusLine({ ...line, env, now: Date.now(), isQuiet: false, isJson: false });
}

/** Prints the line; 0 whatever is wrong, because an agent shows nothing of a status line that failed. */
export async function runStatusLine(run: StatusLineRun): Promise<ExitCode> {
  const { env, now, isQuiet, isJson } = run;
  const onTrouble = (text: string): void => {
    if (isQuiet) return;
    // Loaded only when something is wrong.
    const { printable } = require("./output.ts") as typeof import("./output.ts");
    console.error(printable(`usagedb statusline: ${text}`));
  };
  const input = await readStdin(STDIN_LIMITS);
  if (input.kind !== "text") onTrouble(`nothing was read, stdin is ${REASONS[input.kind]}`);
  const status = readClaudeStatus(input.kind === "text" ? input.text : "");
  const facts = statusFacts({
    status,
    database: run.database ?? defaultDatabase(env),
    now,
    onTrouble,
  });
  if (isJson) {
    const { renderJson } = await import("./output.ts");
    console.log(renderJson(facts));
  } else console.log(renderStatusLine(facts, run.color === true));
  return 0;
}

/** Loaded only for a line without `--db`. */
function defaultDatabase(env: Env): string {
  return (require("./paths.ts") as typeof import("./paths.ts")).databasePath(undefined, env);
}

const REASONS = {
  terminal: "a terminal",
  "too long": "too long",
  late: "open and silent",
} as const;

/** Reads `[--db FILE] [--color | --no-color]`; null for every other line, wrong ones included. */
function readPlainLine(argv: readonly string[]): Pick<StatusLineRun, "database" | "color"> | null {
  let database: string | undefined;
  let color: boolean | undefined;
  for (let i = 0; i < argv.length; i++) {
    const token = argv[i];
    if ((token === "--color" || token === "--no-color") && color === undefined) {
      color = token === "--color";
      continue;
    }
    const value = argv[++i] ?? "";
    if (token !== "--db" || database !== undefined || value === "" || value.startsWith("-"))
      return null;
    database = value;
  }
  return { database, color };
}
