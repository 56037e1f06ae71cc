/**
 * The start of `hook`, which an agent runs at every step and waits for. The lines that stand in settings files are
 * answered here with a few small modules; all others by `main`.
 *
 * Exit codes follow the agent's rules, not the command line's: 2 would forbid the agent what it is about to do, so
 * nothing here ever ends with it. 0: the event is stored or spooled, or there was none. 1: an event was lost, or the
 * line is wrong; the agent shows that and goes on. stdout stays empty, because at some events it is read to the model.
 */
import type { Connection } from "../engine/sqlite/connection.ts";
import { type ExitCode, UsageDbError } from "../errors.ts";
import { drainBeside } from "../ingest/hooks/drain-spool.ts";
import {
  DEFAULT_SOURCE_APP,
  type HookEvent,
  MAX_BODY_BYTES,
  readHookEvent,
} from "../ingest/hooks/hook-event.ts";
import { Spool, spoolPath } from "../ingest/hooks/spool.ts";
import { type EventSink, storeHookEvents } from "../ingest/hooks/store-hook-events.ts";
import type { KeptContent } from "../ingest/hooks/trim-payload.ts";
import { EventStore } from "../store/events.ts";
import { openReadyDatabase } from "../store/ready-database.ts";
import { SessionStore } from "../store/sessions.ts";
import { databasePath } from "./paths.ts";
import { isTerminal, readStdin } from "./read-stdin.ts";

type Env = Readonly<Record<string, string | undefined>>;

export interface HookRun {
  readonly database: string | undefined;
  readonly sourceApp: string | undefined;
  readonly keep: ReadonlySet<KeptContent>;
  readonly env: Env;
  readonly now: () => number;
  /** Told what happened instead of the event being stored. */
  readonly remark: (text: string) => void;
}

const STDIN_LIMITS = { maxBytes: MAX_BODY_BYTES, timeoutMs: 4000 } as const;
/** The agent waits; a writer that needs longer gets the event from the spool. */
const BUSY_TIMEOUT_MS = 250;
/** What one hook brings in of what others spooled; a larger spool is left to commands that nobody waits for. */
const MAX_DRAINED_BYTES = 4 << 20;
const STDIN = 0;
/** The agent's code for "forbid it". */
const FORBIDS = 2;

/** Runs `usagedb hook …`; never throws and never exits. `argv` is what follows the command's name. */
export async function startHook(argv: readonly string[], env: Env): Promise<ExitCode> {
  const line = readPlainLine(argv);
  if (line !== null) return await runHook({ ...line, env, now: Date.now, remark: say });
  const { main } = await import("./main.ts");
  const exitCode = await main({ argv: ["hook", ...argv], env });
  // `install` and its like are for people, who type no event into stdin.
  return exitCode === FORBIDS && !isTerminal(STDIN) ? 1 : exitCode;
}

function say(text: string): void {
  // Loaded only when there is something to say.
  const { printable } = require("./output.ts") as typeof import("./output.ts");
  console.error(printable(`usagedb hook: ${text}`));
}

/** Stores the event on stdin, or spools it. */
export async function runHook(run: HookRun): Promise<ExitCode> {
  const { remark, now } = run;
  const input = await readStdin(STDIN_LIMITS);
  if (input.kind === "terminal") {
    remark("there is no event: stdin is a terminal, expected a hook's JSON");
    return 0;
  }
  if (input.kind !== "text") {
    remark(`the event is lost: stdin is ${input.kind === "late" ? "open and silent" : "too long"}`);
    return 1;
  }
  try {
    const event = readHookEvent(input.text, {
      receivedAt: now(),
      keep: run.keep,
      sourceApp: run.sourceApp ?? DEFAULT_SOURCE_APP,
    });
    keepEvent(event, databasePath(run.database, run.env), run);
    return 0;
  } catch (error) {
    remark(error instanceof Error ? error.message : String(error));
    // What is no event was not lost.
    return error instanceof UsageDbError && error.code === "HOOK_EVENT_INVALID" ? 0 : 1;
  }
}

function keepEvent(event: HookEvent, database: string, run: HookRun): void {
  using connection = openReadyDatabase(database, BUSY_TIMEOUT_MS, { refusesLinks: true });
  if (connection !== null) {
    const sink = sinkOf(connection, run.now);
    if (storeOrSpool(sink, event, database, run)) drainSome(sink, run);
    return;
  }
  // First into the spool: making a database, or bringing one up to date, may take longer than the agent waits.
  spoolEvent(event, database);
  try {
    const { openUsageDb } = require("../usage-db.ts") as typeof import("../usage-db.ts");
    using db = openUsageDb(database, { busyTimeoutMs: BUSY_TIMEOUT_MS });
    drainBeside(db, run.now());
  } catch (error) {
    run.remark(`the event is spooled: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function sinkOf(connection: Connection, now: () => number): EventSink {
  const sessions = new SessionStore(connection, now);
  return { connection, sessions, events: new EventStore(connection, sessions, now) };
}

/** True when it was stored, and the database takes more. */
function storeOrSpool(sink: EventSink, event: HookEvent, database: string, run: HookRun): boolean {
  try {
    storeHookEvents(sink, [event]);
    return true;
  } catch (error) {
    spoolEvent(event, database);
    run.remark(`the event is spooled: ${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
}

function spoolEvent(event: HookEvent, database: string): void {
  const { mkdirSync } = require("node:fs") as typeof import("node:fs");
  const { dirname } = require("node:path") as typeof import("node:path");
  mkdirSync(dirname(database), { recursive: true, mode: 0o700 });
  using spool = new Spool(spoolPath(database));
  spool.append([event], { flush: true });
}

function drainSome(sink: EventSink, run: HookRun): void {
  using spool = new Spool(spoolPath(sink.connection.path));
  const size = spool.sizeBytes();
  if (size === 0) return;
  if (size > MAX_DRAINED_BYTES) {
    run.remark(`${size} bytes are spooled; \`usagedb sync\` brings them in`);
    return;
  }
  try {
    drainBeside(sink, run.now());
  } catch (error) {
    run.remark(`the spool waits: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Reads `[--db FILE] [--source-app NAME]`; null for every other line, wrong ones included. */
function readPlainLine(
  argv: readonly string[],
): Pick<HookRun, "database" | "sourceApp" | "keep"> | null {
  let database: string | undefined;
  let sourceApp: string | undefined;
  for (let i = 0; i < argv.length; i += 2) {
    const value = argv[i + 1] ?? "";
    if (value === "" || value.startsWith("-")) return null;
    if (argv[i] === "--db" && database === undefined) database = value;
    else if (argv[i] === "--source-app" && sourceApp === undefined) sourceApp = value;
    else return null;
  }
  return { database, sourceApp, keep: new Set() };
}
