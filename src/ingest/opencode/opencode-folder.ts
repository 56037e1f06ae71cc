/** A session of opencode before version 1.2: a folder with a file a message. */
import { readdirSync } from "node:fs";
import { basename, dirname } from "node:path";
import type { Found, LineRecord, MalformedLine, ReadPosition, SourceReader } from "../ingester.ts";
import { type Fields, fieldsOf, isFields, textOf, timeOf } from "../json-fields.ts";
import { readable, UnreadableError } from "../line-reader.ts";
import { readWholeFile } from "../whole-file.ts";
import { type OpencodeSession, readOpencodeMessage } from "./opencode-message.ts";

/** A message's text is in other files. */
const MAX_FILE_BYTES = 16 << 20;

export class OpencodeFolderReader implements SourceReader {
  readonly isContinued = false;
  readonly edgesHash = "";
  readonly state = null;
  readonly #folder: string;
  #position: ReadPosition = { offsetBytes: 0, lineCount: 0, malformedCount: 0 };

  constructor(folder: string) {
    this.#folder = folder;
  }

  get position(): ReadPosition {
    return this.#position;
  }

  *read(onMalformed: (line: MalformedLine) => void): Generator<Found | null, void> {
    const names = readable(() => readdirSync(this.#folder)).filter((name) =>
      name.endsWith(".json"),
    );
    const session = sessionOf(this.#folder);
    let offsetBytes = 0;
    let malformedCount = 0;
    for (const name of names.sort()) {
      const path = `${this.#folder}/${name}`;
      const { record, sizeBytes } = readFile(path, { name, folder: this.#folder, session });
      offsetBytes += sizeBytes;
      if (record.kind === "malformed") {
        malformedCount++;
        onMalformed({ path, line: 1, reason: record.reason });
      } else if (record.kind !== "other") {
        yield { records: [record], offset: 0 };
      }
    }
    this.#position = { offsetBytes, lineCount: names.length, malformedCount };
  }

  [Symbol.dispose](): void {
    // Nothing stays open.
  }
}

interface FileContext {
  readonly name: string;
  readonly folder: string;
  readonly session: OpencodeSession;
}

/** A file that cannot be read, or is too large, is one message less, and counted like one. */
function readFile(
  path: string,
  { name, folder, session }: FileContext,
): { readonly record: LineRecord; readonly sizeBytes: number } {
  let bytes: Buffer;
  try {
    bytes = readWholeFile(path, MAX_FILE_BYTES);
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    const { reason } = error;
    const record: LineRecord =
      reason === "ENOENT" ? { kind: "other" } : { kind: "malformed", reason };
    return { record, sizeBytes: 0 };
  }
  const sizeBytes = bytes.length;
  const data = parsed(bytes);
  if (data === undefined)
    return { record: { kind: "malformed", reason: "not a JSON object" }, sizeBytes };
  if (data["role"] !== "assistant") return { record: { kind: "other" }, sizeBytes };
  const id = textOf(data["id"]) ?? basename(name, ".json");
  const sessionId = textOf(data["sessionID"]) ?? basename(folder);
  return { record: readOpencodeMessage({ id, sessionId, data }, session), sizeBytes };
}

/** The session's own file lies below the project that it belongs to. */
function sessionOf(folder: string): OpencodeSession {
  const projects = `${dirname(dirname(folder))}/session`;
  for (const project of foldersIn(projects)) {
    const session = sessionFile(`${projects}/${project}/${basename(folder)}.json`);
    if (session === undefined) continue;
    return {
      directory: textOf(session["directory"]),
      isSubagent: textOf(session["parentID"]) !== undefined,
      ownFromMs: timeOf(fieldsOf(session["time"])["created"]),
    };
  }
  return { directory: undefined, isSubagent: false, ownFromMs: undefined };
}

function foldersIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    // Without it the messages still say what was used, though not by whom.
    return [];
  }
}

function sessionFile(path: string): Fields | undefined {
  try {
    return parsed(readWholeFile(path, MAX_FILE_BYTES));
  } catch (error) {
    if (error instanceof UnreadableError) return undefined;
    throw error;
  }
}

function parsed(bytes: Buffer): Fields | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString("utf8"));
    return isFields(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
