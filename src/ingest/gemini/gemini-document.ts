/** A session in one JSON document: read as a whole whenever it changed, since it is written as a whole. */
import type {
  Found,
  LineRecord,
  MalformedLine,
  ReadPosition,
  SourceReader,
  TranscriptFile,
  UsageRecord,
} from "../ingester.ts";
import { isFields } from "../json-fields.ts";
import { readWholeFile } from "../whole-file.ts";
import { GeminiReader, projectOf } from "./gemini-reader.ts";

export class GeminiDocumentReader implements SourceReader {
  readonly isContinued = false;
  readonly edgesHash = "";
  readonly state = null;
  readonly #file: TranscriptFile;
  #position: ReadPosition = { offsetBytes: 0, lineCount: 0, malformedCount: 0 };

  constructor(file: TranscriptFile) {
    this.#file = file;
  }

  get position(): ReadPosition {
    return this.#position;
  }

  *read(onMalformed: (line: MalformedLine) => void): Generator<Found | null, void> {
    const { path } = this.#file;
    const bytes = readWholeFile(path);
    const records = readDocument(bytes, path);
    let malformedCount = 0;
    for (const [index, record] of records.entries()) {
      if (record.kind === "malformed") {
        malformedCount++;
        onMalformed({ path, line: index + 1, reason: record.reason });
      } else if (record.kind !== "other") {
        yield { records: [record], offset: offsetOf(record, bytes) };
      }
    }
    // Only a document that was read to its end is done: before, it is read again from its start.
    this.#position = { offsetBytes: bytes.length, lineCount: records.length, malformedCount };
  }

  [Symbol.dispose](): void {
    // Nothing stays open.
  }
}

function readDocument(bytes: Buffer, path: string): readonly LineRecord[] {
  let document: unknown;
  try {
    document = JSON.parse(bytes.toString("utf8"));
  } catch {
    return [{ kind: "malformed", reason: "not a JSON document" }];
  }
  if (!isFields(document)) return [{ kind: "malformed", reason: "not a JSON object" }];
  return new GeminiReader(projectOf(path), null).readSession(document);
}

/** Where the message's id stands; the start of a document has no message. */
function offsetOf(record: UsageRecord, bytes: Buffer): number {
  if (record.kind !== "message") return 0;
  const id = record.messageId.startsWith(`${record.sessionId}:`)
    ? record.messageId.slice(record.sessionId.length + 1)
    : record.messageId;
  return Math.max(0, bytes.indexOf(JSON.stringify(id)));
}
