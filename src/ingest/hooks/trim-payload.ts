/**
 * Cuts a hook's payload down to what is worth keeping for ever. A tool's answer may embed whole files and a prompt is
 * private, so neither is kept unless asked for, and what is kept is capped. What was left out stands, with its size,
 * under `usagedb_trimmed` in the payload itself.
 */

/** Content that is kept only when asked for. */
export const KEPT_CONTENTS = ["prompts", "output"] as const;
export type KeptContent = (typeof KEPT_CONTENTS)[number];

/** The key under which a payload says what it lacks. */
export const TRIMMED_KEY = "usagedb_trimmed";

/** What was left out, and of which size it was. */
export interface Trimming {
  /** JSON Pointer into the payload. */
  readonly path: string;
  readonly why: "not kept" | "too long" | "too deep" | "too many" | "too much";
  /** Of the string, or of the value's JSON; of entries for "too many". */
  readonly size: number;
  readonly kept: number;
}

export interface TrimLimits {
  readonly maxStringLength: number;
  readonly maxTotalLength: number;
  readonly maxDepth: number;
  /** Of an array or an object. */
  readonly maxEntries: number;
}

export const PAYLOAD_LIMITS: TrimLimits = {
  maxStringLength: 2000,
  maxTotalLength: 64_000,
  maxDepth: 32,
  maxEntries: 500,
};

/** A whole conversation, which a client sent because its user asked for it. */
export const CHAT_LIMITS: TrimLimits = {
  maxStringLength: 8000,
  maxTotalLength: 1_000_000,
  maxDepth: 32,
  maxEntries: 10_000,
};

/** Keys whose value somebody typed. `/tool_input/prompt` is what an agent asks of another, or of a page. */
const PROMPTS = new Set([
  "/prompt",
  "/user_prompt",
  "/expanded_prompt",
  "/command_args",
  "/custom_instructions",
  "/content",
  "/tool_input/prompt",
]);
/** Keys whose value a tool or a model answered. */
const OUTPUT = new Set([
  "/last_assistant_message",
  "/assistant_message",
  "/compact_summary",
  "/delta",
  "/tool_error",
]);
/** The same, wherever they stand. */
const OUTPUT_NAMES = new Set(["tool_response", "tool_result", "tool_output"]);
/** The message of a failed tool; in other events `error` is a category. */
const FAILED_TOOL = "PostToolUseFailure";

const MAX_KEY_LENGTH = 200;
const MAX_LISTED = 50;

export interface TrimOptions {
  readonly keep: ReadonlySet<KeptContent>;
  readonly eventType: string;
  readonly limits?: TrimLimits;
}

/**
 * Returns a copy of a payload within the limits; one that lacks nothing comes back without the list of what was left
 * out, and a list of that name that came with it is dropped.
 */
export function trimPayload(
  payload: Readonly<Record<string, unknown>>,
  options: TrimOptions,
): Record<string, unknown> {
  const trimmer = new Trimmer(options);
  const { [TRIMMED_KEY]: _, ...rest } = payload;
  const result = trimmer.value(rest, "", 0) as Record<string, unknown>;
  return trimmer.count === 0 ? result : { ...result, [TRIMMED_KEY]: trimmer.listed() };
}

/** The same for a list, whose trimmings its caller keeps. */
export function trimList(
  list: readonly unknown[],
  options: TrimOptions,
): { readonly list: unknown[]; readonly trimmings: readonly Trimming[] } {
  const trimmer = new Trimmer(options);
  return { list: trimmer.value(list, "", 0) as unknown[], trimmings: trimmer.listed() };
}

class Trimmer {
  readonly #options: TrimOptions;
  readonly #limits: TrimLimits;
  readonly #trimmings: Trimming[] = [];
  #left: number;
  count = 0;

  constructor(options: TrimOptions) {
    this.#options = options;
    this.#limits = options.limits ?? PAYLOAD_LIMITS;
    this.#left = this.#limits.maxTotalLength;
  }

  /** What was left out, the first of it; the last entry says how many more there are. */
  listed(): Trimming[] {
    const more = this.count - this.#trimmings.length;
    if (more === 0) return this.#trimmings;
    return [...this.#trimmings, { path: "", why: "too many", size: more, kept: 0 }];
  }

  value(value: unknown, path: string, depth: number): unknown {
    if (typeof value === "string") return this.#string(value, path);
    if (typeof value !== "object" || value === null) {
      this.#left -= 8;
      return value;
    }
    if (depth >= this.#limits.maxDepth) {
      this.#note(path, "too deep", Array.isArray(value) ? value.length : Object.keys(value).length);
      return null;
    }
    return Array.isArray(value)
      ? this.#array(value, path, depth)
      : this.#object(value as Record<string, unknown>, path, depth);
  }

  #string(text: string, path: string): string {
    const room = Math.max(0, Math.min(this.#limits.maxStringLength, this.#left));
    if (text.length <= room) {
      this.#left -= text.length;
      return text.isWellFormed() ? text : text.toWellFormed();
    }
    this.#left -= room;
    const why = room === this.#limits.maxStringLength ? "too long" : "too much";
    this.#note(path, why, text.length, room);
    // A cut may part a surrogate pair.
    return text.slice(0, room).toWellFormed();
  }

  #array(list: readonly unknown[], path: string, depth: number): unknown[] {
    const kept: unknown[] = [];
    for (const entry of list) {
      if (kept.length === this.#limits.maxEntries || this.#left <= 0) {
        this.#note(path, this.#left <= 0 ? "too much" : "too many", list.length, kept.length);
        break;
      }
      kept.push(this.value(entry, `${path}/${kept.length}`, depth + 1));
    }
    return kept;
  }

  #object(
    source: Readonly<Record<string, unknown>>,
    path: string,
    depth: number,
  ): Record<string, unknown> {
    const kept: [string, unknown][] = [];
    const names = Object.keys(source);
    for (const name of names) {
      if (kept.length === this.#limits.maxEntries || this.#left <= 0) {
        this.#note(path, this.#left <= 0 ? "too much" : "too many", names.length, kept.length);
        break;
      }
      const at = `${path}/${pointerToken(name.slice(0, MAX_KEY_LENGTH))}`;
      const value = source[name];
      if (!this.#isWanted(name, at, depth, value)) {
        this.#note(at, "not kept", sizeOf(value));
        continue;
      }
      if (name.length > MAX_KEY_LENGTH) {
        this.#note(at, "too long", name.length);
        continue;
      }
      this.#left -= name.length;
      kept.push([name, this.value(value, at, depth + 1)]);
    }
    // Not by assignment: a key may be `__proto__`.
    return Object.fromEntries(kept);
  }

  #isWanted(name: string, path: string, depth: number, value: unknown): boolean {
    if (value === null || value === "") return true;
    const { keep, eventType } = this.#options;
    if (!keep.has("prompts") && PROMPTS.has(path)) return false;
    if (keep.has("output")) return true;
    const isFailure = depth === 0 && name === "error" && eventType === FAILED_TOOL;
    return !OUTPUT_NAMES.has(name) && !OUTPUT.has(path) && !isFailure;
  }

  #note(path: string, why: Trimming["why"], size: number, kept = 0): void {
    this.count++;
    if (this.#trimmings.length < MAX_LISTED) this.#trimmings.push({ path, why, size, kept });
  }
}

function pointerToken(name: string): string {
  return name.toWellFormed().replaceAll("~", "~0").replaceAll("/", "~1");
}

/** The length of a string, or of a value's JSON; -1 for one that is nested too deeply to be written. */
function sizeOf(value: unknown): number {
  if (typeof value === "string") return value.length;
  try {
    return JSON.stringify(value).length;
  } catch (error) {
    if (error instanceof RangeError) return -1;
    throw error;
  }
}
