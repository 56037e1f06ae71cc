/** One transcript file: where to go on reading, and what its new lines say. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import {
  type Found,
  type LineRecord,
  type MalformedLine,
  type OpenOptions,
  type ReadPosition,
  type SourceReader,
  stampOf,
  type TranscriptFile,
  type UsageRecord,
} from "./ingester.ts";
import type { UsageSource } from "../store/usage-sources.ts";
import type { LineFormat, LineReader } from "./line-format.ts";
import { type Line, type LineBuffer, MAX_LINE_BYTES, readable, readLines } from "./line-reader.ts";

/** How much of a file's start, and of what precedes the offset, tells whether it is still the same file. */
const EDGE_BYTES = 1024;
/** A file may go on for so long without a word on usage: some hold hundreds of megabytes of other things. */
const SILENT_BYTES = 4 << 20;
const SPACE = 32;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf] as const;

const NOTHING: readonly UsageRecord[] = [];
const START: ReadPosition = { offsetBytes: 0, lineCount: 0, malformedCount: 0 };

export interface TranscriptReaderOptions extends OpenOptions {
  /** The file's content when it is not the file itself; closed with the reader. */
  readonly descriptor?: number;
}

/** A file of lines, open for reading from where the last sync stopped. */
export class TranscriptReader implements SourceReader {
  readonly file: TranscriptFile;
  readonly isContinued: boolean;
  readonly #markers: readonly Buffer[];
  readonly #containing: Buffer | undefined;
  readonly #lines: LineReader;
  readonly #memory: LineBuffer;
  readonly #descriptor: number;
  #position: ReadPosition;
  /** The state as it was at the position, once lines beyond it were looked at. */
  #heldState: string | undefined;

  /** @throws {UnreadableError} */
  constructor(
    format: LineFormat,
    file: TranscriptFile,
    { known, memory, containing, descriptor }: TranscriptReaderOptions,
  ) {
    this.file = file;
    this.#markers = format.markers.map((marker) => Buffer.from(marker));
    this.#memory = memory;
    this.#descriptor = descriptor ?? readable(() => openSync(file.path, "r"));
    try {
      const fresh = format.lineReader(file, null);
      const standing = this.#standingOf(known, fresh.state !== undefined);
      this.isContinued = standing !== "other";
      this.#position =
        known !== undefined && standing === "same"
          ? {
              offsetBytes: known.offset_bytes,
              lineCount: known.line_count,
              malformedCount: known.malformed_count,
            }
          : START;
      const state = standing === "same" ? (known?.reader_state ?? null) : null;
      this.#lines = state === null ? fresh : format.lineReader(file, JSON.parse(state));
    } catch (error) {
      closeSync(this.#descriptor);
      throw error;
    }
    // What depends on the lines before has to read all of them.
    const isSearched = containing !== undefined && this.#lines.state === undefined;
    this.#containing = isSearched ? Buffer.from(containing) : undefined;
  }

  /** Whether the file is the one that was read before: appended to at most, rewritten in place, or another one. */
  #standingOf(known: UsageSource | undefined, needsState: boolean): "same" | "rewritten" | "other" {
    if (known === undefined || known.offset_bytes === 0) return "other";
    if (needsState && known.reader_state === null) return "other";
    const { size } = readable(() => fstatSync(this.#descriptor));
    const isSame =
      known.offset_bytes <= size && this.#edgesHash(known.offset_bytes) === known.edges_hash;
    if (!isSame) return "other";
    // A rewrite in place keeps size and edges but not the time of the last change.
    const isTouched = known.stamp !== "" && known.stamp !== stampOf(this.file);
    return known.offset_bytes === size && isTouched ? "rewritten" : "same";
  }

  get position(): ReadPosition {
    return this.#position;
  }

  /** A hash over the file's start and the bytes before the offset: what an append leaves as it is. */
  get edgesHash(): string {
    return this.#edgesHash(this.#position.offsetBytes);
  }

  get state(): string | null {
    return this.#heldState ?? this.#lines.state?.() ?? null;
  }

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
      if (!line.isComplete) this.#heldState = this.#lines.state?.();
      const records = this.#readLine(line, report);
      // The rest of a file may be a line in the making: used when it is whole already, never counted as read.
      if (line.isComplete) this.#position = { offsetBytes: line.end, lineCount, malformedCount };
      if (records.length === 0 && line.end - heardFrom < SILENT_BYTES) continue;
      heardFrom = line.end;
      yield records.length === 0 ? null : { records, offset: line.start };
    }
  }

  /** The records of a line; one that says nothing of usage, or is malformed, has none. */
  #readLine(line: Line, report: (reason: string) => void): readonly UsageRecord[] {
    if (line.isOversized) {
      if (line.isComplete) report(`longer than ${MAX_LINE_BYTES >> 20} MB, passed over`);
      return NOTHING;
    }
    const bytes = line.start === 0 ? withoutByteOrderMark(line.bytes) : line.bytes;
    const shape = shapeOf(bytes);
    if (shape === "blank") return NOTHING;
    // A cheap test for the lines that are not parsed: a cut or foreign line rarely begins and ends like an object.
    if (shape === "foreign") {
      if (line.isComplete) report("not a JSON object");
      return NOTHING;
    }
    if (!this.#isLookedAt(bytes)) return NOTHING;
    try {
      const said = this.#lines.skim?.(bytes) ?? this.#parse(bytes, line.start);
      const complain = line.isComplete ? report : undefined;
      if (Array.isArray(said))
        return (said as LineRecord[]).filter((record) => isUsage(record, complain));
      const record = said as LineRecord;
      return isUsage(record, complain) ? [record] : NOTHING;
    } catch (error) {
      if (line.isComplete) report(error instanceof Error ? error.message : "not JSON");
      return NOTHING;
    }
  }

  #isLookedAt(bytes: Buffer): boolean {
    if (this.#containing !== undefined && bytes.indexOf(this.#containing) < 0) return false;
    for (const marker of this.#markers) if (bytes.indexOf(marker) >= 0) return true;
    return false;
  }

  /**
   * Reading a line byte by byte into characters first is half the work, since most text of a line is never looked
   * at; its structure is the same either way, because no byte of a multi-byte character is a quote, a brace or a
   * backslash. A line that turns out to have text beyond ASCII where we look is read again as UTF-8.
   */
  #parse(bytes: Buffer, offset: number): LineRecord | readonly LineRecord[] {
    const lines = this.#lines;
    if (lines.state !== undefined) return lines.read(JSON.parse(bytes.toString("utf8")), offset);
    const said = lines.read(JSON.parse(bytes.toString("latin1")), offset);
    const isForeign = Array.isArray(said)
      ? said.some(hasForeignText)
      : hasForeignText(said as LineRecord);
    return isForeign ? lines.read(JSON.parse(bytes.toString("utf8")), offset) : said;
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

function isUsage(
  record: LineRecord,
  report: ((reason: string) => void) | undefined,
): record is UsageRecord {
  if (record.kind === "malformed") report?.(record.reason);
  return record.kind !== "malformed" && record.kind !== "other";
}

function hasForeignText(record: LineRecord): boolean {
  if (record.kind === "other" || record.kind === "malformed") return false;
  let own = record.sessionId + record.project;
  if (record.kind === "message") own += record.messageId + record.requestId + record.model;
  else if (record.kind === "event") own += record.eventType + record.dedupeKey;
  // One look at all of them together: a look at each would cost more than copying them.
  return FOREIGN.test(own);
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
