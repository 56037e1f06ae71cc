/** One transcript file: where to go on reading, and what its new lines say. */
import { closeSync, openSync, readSync } from "node:fs";
import type { UsageSource } from "../store/usage-sources.ts";
import type {
  EventRecord,
  Ingester,
  LineRecord,
  MessageRecord,
  TranscriptFile,
} from "./ingester.ts";
import { type Line, type LineBuffer, MAX_LINE_BYTES, readable, readLines } from "./line-reader.ts";

/** How much of a file's start, and of what precedes the offset, tells whether it is still the same file. */
const EDGE_BYTES = 1024;
/** A file may go on for so long without a word on usage: some hold hundreds of megabytes of other things. */
const SILENT_BYTES = 4 << 20;
const SPACE = 32;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf] as const;

export interface MalformedLine {
  readonly path: string;
  /** From 1. */
  readonly line: number;
  readonly reason: string;
}

export type Found =
  | { readonly record: MessageRecord; readonly offset: number }
  | { readonly record: EventRecord; readonly offset: number };

/** How far a file has been read; a later sync goes on from here. */
export interface ReadPosition {
  readonly offsetBytes: number;
  readonly lineCount: number;
  readonly malformedCount: number;
}

/** A file open for reading from where the last sync stopped, or from the start when it is no longer the same. */
export class TranscriptReader implements Disposable {
  readonly file: TranscriptFile;
  readonly #marker: Buffer;
  readonly #readRecord: ReturnType<Ingester["lineReader"]>;
  readonly #memory: LineBuffer;
  readonly #descriptor: number;
  #position: ReadPosition;

  constructor(
    ingester: Ingester,
    file: TranscriptFile,
    known: UsageSource | undefined,
    memory: LineBuffer,
  ) {
    this.file = file;
    this.#marker = Buffer.from(ingester.marker);
    this.#readRecord = ingester.lineReader(file);
    this.#memory = memory;
    this.#descriptor = readable(() => openSync(file.path, "r"));
    const goesOn =
      known !== undefined &&
      known.offset_bytes <= file.sizeBytes &&
      this.#edgesHash(known.offset_bytes) === known.edges_hash;
    // A rewrite in place keeps size and edges but not the time of the last change.
    const isRewritten = goesOn && known.offset_bytes === file.sizeBytes && known.stamp !== "";
    this.#position =
      goesOn && !isRewritten
        ? {
            offsetBytes: known.offset_bytes,
            lineCount: known.line_count,
            malformedCount: known.malformed_count,
          }
        : { offsetBytes: 0, lineCount: 0, malformedCount: 0 };
  }

  get position(): ReadPosition {
    return this.#position;
  }

  /** A hash over the file's start and the bytes before the offset: what an append leaves as it is. */
  get edgesHash(): string {
    return this.#edgesHash(this.#position.offsetBytes);
  }

  /**
   * Yields what new lines say of usage, and null now and then while nothing is found, so that the caller can let
   * others run; malformed lines are counted and handed to `onMalformed`.
   */
  *read(onMalformed: (line: MalformedLine) => void): Generator<Found | null, void> {
    const start = this.#position;
    let heardFrom = start.offsetBytes;
    let { lineCount, malformedCount } = start;
    const report = (reason: string): void => {
      malformedCount++;
      onMalformed({ path: this.file.path, line: lineCount, reason });
    };
    for (const line of readLines(this.#descriptor, start.offsetBytes, this.#memory)) {
      lineCount++;
      const found = this.#readLine(line, report);
      // The rest of a file may be a line in the making: used when it is whole already, never counted as read.
      if (line.isComplete) this.#position = { offsetBytes: line.end, lineCount, malformedCount };
      if (found === null && line.end - heardFrom < SILENT_BYTES) continue;
      heardFrom = line.end;
      yield found;
    }
  }

  #readLine(line: Line, report: (reason: string) => void): Found | null {
    if (line.isOversized) {
      if (line.isComplete) report(`longer than ${MAX_LINE_BYTES >> 20} MB, passed over`);
      return null;
    }
    const bytes = line.start === 0 ? withoutByteOrderMark(line.bytes) : line.bytes;
    const shape = shapeOf(bytes);
    if (shape === "blank") return null;
    // A cheap test for the lines that are not parsed: a cut or foreign line rarely begins and ends like an object.
    if (shape === "foreign") {
      if (line.isComplete) report("not a JSON object");
      return null;
    }
    if (bytes.indexOf(this.#marker) < 0) return null;
    let record: LineRecord;
    try {
      record = this.#readRecord(JSON.parse(bytes.toString("latin1")), line.start);
      if (hasForeignText(record))
        record = this.#readRecord(JSON.parse(bytes.toString("utf8")), line.start);
    } catch (error) {
      if (line.isComplete) report(error instanceof Error ? error.message : "not JSON");
      return null;
    }
    if (record.kind === "malformed") {
      if (line.isComplete) report(record.reason);
      return null;
    }
    return record.kind === "other" ? null : ({ record, offset: line.start } as Found);
  }

  #edgesHash(offset: number): string {
    const headBytes = Math.min(EDGE_BYTES, offset);
    const edges = Buffer.alloc(headBytes * 2);
    const read = (at: number, position: number): number =>
      readable(() => readSync(this.#descriptor, edges, at, headBytes, position));
    const head = read(0, 0);
    const tail = read(headBytes, offset - headBytes);
    return new Bun.CryptoHasher("sha256")
      .update(edges.subarray(0, head + tail))
      .digest("hex")
      .slice(0, 32);
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor);
  }
}

/**
 * True when a record holds text beyond ASCII and so has to be read again as UTF-8. Reading a line byte by byte
 * into characters first is half the work, since most text of a line is never looked at; its structure is the
 * same either way, because no byte of a multi-byte character is a quote, a brace or a backslash.
 */
function hasForeignText(record: LineRecord): boolean {
  if (record.kind !== "message" && record.kind !== "event") return false;
  const own =
    record.kind === "message"
      ? record.messageId + record.requestId + record.model
      : record.eventType + record.dedupeKey;
  // One look at all of them together: a look at each would cost more than copying them.
  return FOREIGN.test(own + record.sessionId + record.project);
}

// oxlint-disable-next-line no-control-regex
const FOREIGN = /[^\u0000-\u007f]/;

function withoutByteOrderMark(bytes: Buffer): Buffer {
  return BYTE_ORDER_MARK.every((byte, index) => bytes[index] === byte) ? bytes.subarray(3) : bytes;
}

function shapeOf(bytes: Buffer): "blank" | "object" | "foreign" {
  const isObject = bytes[0] === OPEN_BRACE && bytes[bytes.length - 1] === CLOSE_BRACE;
  return isObject ? "object" : shapeOfPadded(bytes);
}

function shapeOfPadded(bytes: Buffer): "blank" | "object" | "foreign" {
  let start = 0;
  let end = bytes.length;
  while (start < end && isBlank(bytes[start] as number)) start++;
  while (end > start && isBlank(bytes[end - 1] as number)) end--;
  if (start === end) return "blank";
  return bytes[start] === OPEN_BRACE && bytes[end - 1] === CLOSE_BRACE ? "object" : "foreign";
}

function isBlank(byte: number): boolean {
  return byte === SPACE || (byte >= 9 && byte <= 13);
}
