/** One line of a Claude Code transcript. There is no schema: what is unknown passes, what is missing is tolerated. */
import type { LineRecord } from "../ingester.ts";
import { costOf, type Fields, isFields, textOf, timeOf, tokensOf } from "../json-fields.ts";

const OTHER: LineRecord = { kind: "other" };
const SYNTHETIC_MODEL = "<synthetic>";
const LIMIT_TEXT = /^Claude AI usage limit reached\|(\d{9,11})/;

/** What a line's file tells where the line does not. */
export interface ClaudeFile {
  /** From the file's name: older lines do not name their session. */
  readonly fileSessionId: string;
  /** The folder's lossy name of the project, for lines without `cwd`. */
  readonly folder: string;
  readonly path: string;
}

/** Tells what a parsed line means for usage. */
export function readClaudeLine(line: unknown, file: ClaudeFile, offset: number): LineRecord {
  if (!isFields(line)) return { kind: "malformed", reason: "not a JSON object" };
  // A `progress` line may nest a whole assistant message that has a line of its own.
  const { type, message } = line;
  if (type !== undefined && type !== "assistant") return OTHER;
  if (!isFields(message) || !isFields(message["usage"])) return OTHER;
  if (type === undefined && message["role"] !== "assistant") return OTHER;
  const timestamp = timeOf(line["timestamp"]);
  if (timestamp === undefined)
    return { kind: "malformed", reason: "usage without a valid timestamp" };
  const sessionId = textOf(line["sessionId"]) ?? file.fileSessionId;
  const project = textOf(line["cwd"]) ?? file.folder;
  const model = textOf(message["model"]) ?? "unknown";
  if (model === SYNTHETIC_MODEL) return readLimit(line, message, { sessionId, project, timestamp });
  return readUsage(line, message, {
    sessionId,
    project,
    model,
    timestamp,
    lineId: `${file.path}:${offset}`,
  });
}

interface UsageContext {
  readonly sessionId: string;
  readonly project: string;
  readonly model: string;
  readonly timestamp: number;
  /** For a line without any id of its own. */
  readonly lineId: string;
}

function readUsage(
  line: Fields,
  message: Fields,
  { sessionId, project, model, timestamp, lineId }: UsageContext,
): LineRecord {
  const usage = message["usage"] as Fields;
  const split = isFields(usage["cache_creation"]) ? usage["cache_creation"] : {};
  const inputTokens = tokensOf(usage["input_tokens"]);
  const outputTokens = tokensOf(usage["output_tokens"]);
  const cacheReadTokens = tokensOf(usage["cache_read_input_tokens"]);
  const flat = tokensOf(usage["cache_creation_input_tokens"]);
  const split5m = tokensOf(split["ephemeral_5m_input_tokens"]);
  const split1h = tokensOf(split["ephemeral_1h_input_tokens"]);
  // The smallest is -1 when any of them is no count.
  if (Math.min(inputTokens, outputTokens, cacheReadTokens, flat, split5m, split1h) < 0)
    return { kind: "malformed", reason: "a token count that is not a whole number from 0" };
  // The flat field is the total; what the split does not name counts as five-minute, which is what it was before splits.
  const cacheWriteTokens =
    usage["cache_creation_input_tokens"] === undefined ? split5m + split1h : flat;
  const cacheWrite1hTokens = Math.min(split1h, cacheWriteTokens);
  return {
    kind: "message",
    // Without an id of the response the line's own id has to do; copies of a line keep it.
    messageId: textOf(message["id"]) ?? textOf(line["uuid"]) ?? lineId,
    requestId: textOf(line["requestId"]) ?? "",
    sessionId,
    project,
    model,
    timestamp,
    isSidechain: line["isSidechain"] === true,
    inputTokens,
    outputTokens,
    cacheWrite5mTokens: cacheWriteTokens - cacheWrite1hTokens,
    cacheWrite1hTokens,
    cacheReadTokens,
    reportedCostUsd: costOf(line["costUSD"]),
  };
}

/** `<synthetic>` messages are Claude Code's own: no tokens, but sometimes the news that a limit was hit. */
function readLimit(
  line: Fields,
  message: Fields,
  { sessionId, project, timestamp }: { sessionId: string; project: string; timestamp: number },
): LineRecord {
  if (line["isApiErrorMessage"] !== true || !Array.isArray(message["content"])) return OTHER;
  for (const block of message["content"] as unknown[]) {
    const match =
      isFields(block) && typeof block["text"] === "string" ? LIMIT_TEXT.exec(block["text"]) : null;
    if (match === null) continue;
    const resetsAt = Number(match[1]) * 1000;
    return {
      kind: "event",
      sessionId,
      project,
      eventType: "UsageLimitReached",
      timestamp,
      payload: { resets_at: resetsAt },
      dedupeKey: `claude:limit:${textOf(line["uuid"]) ?? `${sessionId}:${timestamp}`}`,
    };
  }
  return OTHER;
}
