/** A message of opencode, whether it stood in a database or in a file. */
import type { LineRecord } from "../ingester.ts";
import {
  costOf,
  type Fields,
  fieldsOf,
  isFields,
  textOf,
  timeOf,
  tokensOf,
} from "../json-fields.ts";

const OTHER: LineRecord = { kind: "other" };

export interface OpencodeSession {
  /** The folder it works in. */
  readonly directory: string | undefined;
  /** True when another session started it. */
  readonly isSubagent: boolean;
  /** Messages older than this were copied by a fork, under new ids; undefined where nothing can be said. */
  readonly ownFromMs: number | undefined;
}

export interface OpencodeMessage {
  readonly id: string | undefined;
  readonly sessionId: string;
  readonly data: Fields;
}

/** Tells what an assistant's message means for usage. */
export function readOpencodeMessage(
  { id, sessionId, data }: OpencodeMessage,
  session: OpencodeSession,
): LineRecord {
  const { tokens } = data;
  if (!isFields(tokens)) return OTHER;
  if (id === undefined) return { kind: "malformed", reason: "usage without an id" };
  const timestamp = timeOf(fieldsOf(data["time"])["created"]);
  if (timestamp === undefined)
    return { kind: "malformed", reason: "usage without a valid timestamp" };
  // A fork copies what was said before it under new ids but not under new times.
  if (session.ownFromMs !== undefined && timestamp < session.ownFromMs) return OTHER;
  const cache = fieldsOf(tokens["cache"]);
  const input = tokensOf(tokens["input"]);
  const output = tokensOf(tokens["output"]);
  const reasoning = tokensOf(tokens["reasoning"]);
  const cacheRead = tokensOf(cache["read"]);
  const cacheWrite = tokensOf(cache["write"]);
  if (Math.min(input, output, reasoning, cacheRead, cacheWrite) < 0)
    return { kind: "malformed", reason: "a token count that is not a whole number from 0" };
  // Before its first answer a message stands there with zeros.
  if (input + output + reasoning + cacheRead + cacheWrite === 0) return OTHER;
  return {
    kind: "message",
    messageId: id,
    requestId: "",
    sessionId,
    project: textOf(fieldsOf(data["path"])["cwd"]) ?? session.directory ?? "",
    // Version 2 has an object of what was two fields.
    model: textOf(data["modelID"]) ?? textOf(fieldsOf(data["model"])["id"]) ?? "unknown",
    timestamp,
    isSidechain: session.isSubagent,
    inputTokens: input,
    outputTokens: output + reasoning,
    cacheWrite5mTokens: cacheWrite,
    cacheWrite1hTokens: 0,
    cacheReadTokens: cacheRead,
    reportedCostUsd: costOf(data["cost"]),
  };
}
