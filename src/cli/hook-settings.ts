/**
 * What usagedb puts into Claude Code's settings, and how it knows its own entries again: by the whole command, or by a
 * header of the HTTP hook. Anything that another program or a person wrote is none of them.
 */
import { shellWords } from "./shell-words.ts";

/** Where `serve --hooks` listens, and where installed hooks post to. */
export const DEFAULT_HOOK_PORT = 4000;

/**
 * The events that are asked for. Left out are those at which a hook decides whatever it answers: a command hook for
 * WorktreeCreate replaces the agent's own work, and PreModelSwitch is refused when its hook is slow.
 */
export const HOOK_EVENTS = [
  "SessionStart",
  "SessionEnd",
  "UserPromptSubmit",
  "PreToolUse",
  "PostToolUse",
  "PostToolUseFailure",
  "PermissionRequest",
  "Notification",
  "SubagentStart",
  "SubagentStop",
  "Stop",
  "PreCompact",
] as const;

/** The agent runs no HTTP hook when a session starts: "HTTP hooks are not supported for SessionStart". */
const COMMAND_ONLY: ReadonlySet<string> = new Set(["SessionStart"]);

/** In seconds. The agent waits for a hook; ours takes milliseconds, and this long only on a machine in trouble. */
const HOOK_TIMEOUT_S = 5;
/** By which an HTTP hook of ours is known. */
const MARK_HEADER = "X-Usagedb-Hook";

export interface HookTarget {
  /** The shell words that run usagedb, without a command. */
  readonly program: string;
  /** Options of `hook`, quoted: ` --db '/x y/usage.db'`. */
  readonly options: string;
  /** Undefined for command hooks. */
  readonly http?: { readonly url: string; readonly token: string };
}

export type Handler = Readonly<Record<string, unknown>>;

/** The handler for one event. */
export function handlerFor(event: string, { program, options, http }: HookTarget): Handler {
  if (http === undefined || COMMAND_ONLY.has(event))
    return { type: "command", command: `${program} hook${options}`, timeout: HOOK_TIMEOUT_S };
  return {
    type: "http",
    url: http.url,
    headers: { Authorization: `Bearer ${http.token}`, [MARK_HEADER]: "1" },
    timeout: HOOK_TIMEOUT_S,
  };
}

/** The status line's entry. */
export function statusLineFor(program: string, options: string): Handler {
  return { type: "command", command: `${program} statusline${options}` };
}

/** True for a handler that `hook install` wrote, whatever options it was given. */
export function isOwnHandler(handler: unknown): boolean {
  if (typeof handler !== "object" || handler === null) return false;
  const { type, command, headers } = handler as Handler;
  if (type === "http")
    return typeof headers === "object" && headers !== null && MARK_HEADER in headers;
  return type === "command" && isOwnCommand(command, "hook");
}

/** True for a status line that `hook install` wrote. */
export function isOwnStatusLine(entry: unknown): boolean {
  if (typeof entry !== "object" || entry === null) return false;
  const { type, command } = entry as Handler;
  return type === "command" && isOwnCommand(command, "statusline");
}

/** Our own commands only: `usagedb` or Bun with our file, `hook` or `statusline`, options; nothing piped or joined. */
function isOwnCommand(command: unknown, wanted: "hook" | "statusline"): boolean {
  const words = typeof command === "string" ? shellWords(command) : null;
  if (words === null) return false;
  const at = words.findIndex((word) => /(?:^|\/)(?:usagedb|cli\/bin\.ts)$/.test(word));
  const [runner, ...flags] = words.slice(0, Math.max(0, at));
  const isRun =
    runner === undefined ||
    (/(?:^|\/)bun(?:\.exe)?$/.test(runner) && flags.every((flag) => flag.startsWith("--")));
  const [word, option = "--"] = words.slice(at + 1);
  return at >= 0 && isRun && word === wanted && option.startsWith("--");
}
