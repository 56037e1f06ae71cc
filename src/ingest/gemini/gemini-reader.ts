/** What a Gemini CLI session says: its first line, its messages, and what it sets anew. */
import { readFileSync } from "node:fs";
import type { LineRecord } from "../ingester.ts";
import { type Fields, fieldsOf, isFields, textOf, timeOf, tokensOf } from "../json-fields.ts";
import type { LineReader } from "../line-format.ts";

const OTHER: LineRecord = { kind: "other" };
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** What a session tells of itself, before its messages. */
interface Session {
  readonly version: 1;
  readonly sessionId: string | null;
  readonly isSidechain: boolean;
  readonly directory: string | null;
}

/** What a file's place says of its project. */
export interface GeminiPlace {
  /** The folder that the agent itself noted; undefined where it did not. */
  readonly root: string | undefined;
  /** A hash of the folder, or a name made of it. */
  readonly name: string;
  /** For a file without a first line. */
  readonly fileName: string;
}

export function projectOf(path: string): GeminiPlace {
  const parts = path.split("/");
  const chats = parts.lastIndexOf("chats");
  const fileName = (parts.at(-1) ?? "").replace(/\.jsonl?(\.\w+)?$/, "");
  const folder = parts.slice(0, chats).join("/");
  return { root: noteIn(`${folder}/.project_root`), name: parts[chats - 1] ?? "", fileName };
}

function noteIn(path: string): string | undefined {
  try {
    return textOf(readFileSync(path, "utf8").trim());
  } catch {
    // Older versions leave no note; the folder's name has to do then.
    return undefined;
  }
}

export class GeminiReader implements LineReader {
  readonly #place: GeminiPlace;
  #session: Session;

  constructor(place: GeminiPlace, state: unknown) {
    this.#place = place;
    const kept = fieldsOf(state);
    this.#session = {
      version: 1,
      sessionId: textOf(kept["sessionId"]) ?? null,
      isSidechain: kept["isSidechain"] === true,
      directory: textOf(kept["directory"]) ?? null,
    };
  }

  state(): string {
    return JSON.stringify(this.#session);
  }

  read(line: unknown): LineRecord | readonly LineRecord[] {
    if (!isFields(line)) return { kind: "malformed", reason: "not a JSON object" };
    const set = line["$set"];
    if (isFields(set)) return this.readSession(set);
    if (line["id"] === undefined && line["sessionId"] !== undefined) return this.readSession(line);
    return this.#readMessage(line);
  }

  /** A session's own fields, and its messages where they come with it. */
  readSession(session: Fields): readonly LineRecord[] {
    const { directories, kind, messages } = session;
    const known = this.#session;
    this.#session = {
      version: 1,
      sessionId: textOf(session["sessionId"]) ?? known.sessionId,
      isSidechain: kind === undefined ? known.isSidechain : kind === "subagent",
      directory: (Array.isArray(directories) ? textOf(directories[0]) : null) ?? known.directory,
    };
    if (!Array.isArray(messages)) return [];
    return messages.filter(isFields).map((message) => this.#readMessage(message));
  }

  /** A message that was taken back with a rewind was paid for all the same. */
  #readMessage(message: Fields): LineRecord {
    const { tokens, type } = message;
    if (type !== "gemini" || !isFields(tokens)) return OTHER;
    const timestamp = timeOf(message["timestamp"]);
    if (timestamp === undefined)
      return { kind: "malformed", reason: "usage without a valid timestamp" };
    const id = textOf(message["id"]);
    if (id === undefined) return { kind: "malformed", reason: "usage without an id" };
    const input = tokensOf(tokens["input"]);
    const output = tokensOf(tokens["output"]);
    const cached = tokensOf(tokens["cached"]);
    const thoughts = tokensOf(tokens["thoughts"]);
    const tool = tokensOf(tokens["tool"]);
    if (Math.min(input, output, cached, thoughts, tool) < 0)
      return { kind: "malformed", reason: "a token count that is not a whole number from 0" };
    if (input + output + thoughts + tool === 0) return OTHER;
    const sessionId = this.#session.sessionId ?? this.#place.fileName;
    const cacheReadTokens = Math.min(cached, input);
    return {
      kind: "message",
      // An id that is not unique in the world is so in its session at least.
      messageId: UUID.test(id) ? id : `${sessionId}:${id}`,
      requestId: "",
      sessionId,
      project: this.#place.root ?? this.#session.directory ?? this.#place.name,
      model: textOf(message["model"]) ?? "unknown",
      timestamp,
      isSidechain: this.#session.isSidechain,
      // The prompt is told with what of it was cached, and without what tools added to it.
      inputTokens: input - cacheReadTokens + tool,
      outputTokens: output + thoughts,
      cacheWrite5mTokens: 0,
      cacheWrite1hTokens: 0,
      cacheReadTokens,
      reportedCostUsd: null,
    };
  }
}
