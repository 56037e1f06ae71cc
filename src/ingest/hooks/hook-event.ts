/** A hook's JSON as an event: what Claude Code sends itself, or what observability clients make of it. */
import { describeKind, InputError } from "../../errors.ts";
import { MAX_TIMESTAMP_MS, MIN_TIMESTAMP_MS } from "../../store/checks.ts";
import {
  CHAT_LIMITS,
  KEPT_CONTENTS,
  type KeptContent,
  trimList,
  trimPayload,
  TRIMMED_KEY,
} from "./trim-payload.ts";

/** What is spooled and stored; plain data. */
export interface HookEvent {
  /** Who wrote the body: the agent itself, or a client that wraps what the agent told it. */
  readonly shape: "agent" | "client";
  readonly source_app: string;
  readonly session_id: string;
  readonly hook_event_type: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly chat: readonly unknown[] | null;
  readonly summary: string | null;
  readonly model_name: string | null;
  /** Epoch milliseconds: the client's, else when it arrived. */
  readonly timestamp: number;
  /** Equal for bodies that say the same, whatever of them is kept. */
  readonly fingerprint: string;
  /** True when the body itself tells one event from the next: equal bodies are then one event for ever. */
  readonly isNamed: boolean;
}

export interface HookReading {
  /** Epoch milliseconds. */
  readonly receivedAt: number;
  readonly keep: ReadonlySet<KeptContent>;
  /** Stands in for a body that names no source. */
  readonly sourceApp: string;
}

export const DEFAULT_SOURCE_APP = "claude-code";

/** The most of a body that is read, from stdin and over HTTP; an agent's own are a thousand times shorter. */
export const MAX_BODY_BYTES: number = 16 << 20;

const MAX_NAME_LENGTH = 250;
const MAX_SUMMARY_LENGTH = 2000;
/** 128 bits, in hexadecimal. */
const FINGERPRINT_LENGTH = 32;

/** What JSON.parse makes of an object. */
type Body = Readonly<Record<string, unknown>>;

/**
 * Reads one hook body. Two shapes are known: Claude Code's own (`session_id`, `hook_event_name` and whatever the event
 * has), and that of observability clients (`source_app`, `session_id`, `hook_event_type`, `payload`; `chat`, `summary`,
 * `model_name`, `timestamp` where they have them).
 * @throws {InputError} HOOK_EVENT_INVALID for anything else; nothing of the body is in the message.
 */
export function readHookEvent(text: string, reading: HookReading): HookEvent {
  const trimmed = text.trim();
  const body = parseBody(trimmed);
  const isClientShape = "hook_event_type" in body || "payload" in body;
  const type = nameOf(body, isClientShape ? "hook_event_type" : "hook_event_name");
  const session_id = nameOf(body, "session_id");
  const source_app =
    isClientShape || "source_app" in body ? nameOf(body, "source_app") : reading.sourceApp;
  const payload = isClientShape ? payloadOf(body) : body;
  const timestamp = isClientShape ? timestampOf(body) : null;
  const fingerprint = new Bun.CryptoHasher("sha256")
    .update(`${source_app}\0${trimmed}`)
    .digest("hex")
    .slice(0, FINGERPRINT_LENGTH);
  return {
    shape: isClientShape ? "client" : "agent",
    source_app,
    session_id,
    hook_event_type: type,
    ...contentOf(body, payload, { isClientShape, eventType: type, keep: reading.keep }),
    summary: isClientShape ? cutText(body["summary"], MAX_SUMMARY_LENGTH) : null,
    model_name: cutText(isClientShape ? body["model_name"] : body["model"], MAX_NAME_LENGTH),
    timestamp: timestamp ?? reading.receivedAt,
    fingerprint,
    isNamed: timestamp !== null || isText(payload["tool_use_id"]),
  };
}

/**
 * Reads `prompts,output`.
 * @throws {InputError} VALUE_INVALID for any other word.
 */
export function readKeptContents(text: string): ReadonlySet<KeptContent> {
  const words = text.split(",").map((word) => word.trim());
  for (const word of words) {
    if ((KEPT_CONTENTS as readonly string[]).includes(word)) continue;
    throw new InputError(
      "VALUE_INVALID",
      `Cannot keep ${JSON.stringify(word)}: it is unknown, expected ${KEPT_CONTENTS.join(", ")} or both`,
      {
        details: { field: "keep", observed: word },
        hint: "Pass prompts, output or prompts,output.",
      },
    );
  }
  return new Set(words as KeptContent[]);
}

function parseBody(text: string): Body {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (cause) {
    return refuse("body", text === "" ? "empty" : "not JSON", "a JSON object", cause);
  }
  if (typeof body !== "object" || body === null || Array.isArray(body))
    return refuse("body", describeKind(body), "a JSON object");
  return body as Body;
}

function nameOf(body: Body, field: string): string {
  const value = body[field];
  if (typeof value !== "string" || value === "")
    return refuse(field, describeKind(value), "a non-empty string");
  if (value.length > MAX_NAME_LENGTH)
    return refuse(field, `${value.length} characters`, `at most ${MAX_NAME_LENGTH} characters`);
  if (value.includes("\0") || !value.isWellFormed())
    return refuse(field, "a string that no database keeps", "well-formed text without NUL");
  return value;
}

function payloadOf(body: Body): Body {
  const { payload } = body;
  if (typeof payload === "object" && payload !== null && !Array.isArray(payload))
    return payload as Body;
  return refuse("payload", describeKind(payload), "an object");
}

/** Null when the client left it to us, which the clients' own server takes a zero for too. */
function timestampOf(body: Body): number | null {
  const value = body["timestamp"] ?? 0;
  if (value === 0) return null;
  const isTime =
    typeof value === "number" && value >= MIN_TIMESTAMP_MS && value <= MAX_TIMESTAMP_MS;
  if (isTime) return Math.trunc(value);
  const observed = typeof value === "number" ? String(value) : describeKind(value);
  return refuse("timestamp", observed, "epoch milliseconds (not seconds)");
}

function contentOf(
  body: Body,
  payload: Body,
  options: {
    readonly isClientShape: boolean;
    readonly eventType: string;
    readonly keep: ReadonlySet<KeptContent>;
  },
): Pick<HookEvent, "payload" | "chat"> {
  const kept = trimPayload(payload, options);
  const chat = options.isClientShape ? body["chat"] : undefined;
  if (!Array.isArray(chat)) return { payload: kept, chat: null };
  // A conversation is prompts and output both.
  const isWanted = options.keep.has("prompts") && options.keep.has("output");
  const { list, trimmings } = isWanted
    ? trimList(chat, { ...options, limits: CHAT_LIMITS })
    : { list: null, trimmings: [{ path: "", why: "not kept", size: chat.length, kept: 0 }] };
  if (trimmings.length === 0) return { payload: kept, chat: list };
  const listed = (kept[TRIMMED_KEY] ?? []) as readonly unknown[];
  const ofChat = trimmings.map((trimming) => ({ ...trimming, path: `chat:${trimming.path}` }));
  return { payload: { ...kept, [TRIMMED_KEY]: [...listed, ...ofChat] }, chat: list };
}

function cutText(value: unknown, maxLength: number): string | null {
  if (!isText(value)) return null;
  return value.slice(0, maxLength).replaceAll("\0", "").toWellFormed();
}

const isText = (value: unknown): value is string => typeof value === "string" && value !== "";

function refuse(field: string, observed: string, expected: string, cause?: unknown): never {
  throw new InputError(
    "HOOK_EVENT_INVALID",
    `Cannot read a hook's event: ${field} is ${observed}, expected ${expected}`,
    { details: { field, observed, expected }, ...(cause === undefined ? {} : { cause }) },
  );
}
