/** Reading lines out of files of any size: one buffer, no string per line, byte offsets kept. */
import { readSync } from "node:fs";

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const INITIAL_BUFFER_BYTES = 1 << 20;
/** A longer line is passed over and counted; usage lines are a thousand times shorter. */
export const MAX_LINE_BYTES: number = 16 << 20;

export interface Line {
  /** Valid only until the next line is asked for. */
  readonly bytes: Buffer;
  /** Byte offset of the line's start in the file, and of the byte after its line end. */
  readonly start: number;
  readonly end: number;
  /** False for the rest of a file that does not end in a line feed: it may still be being written. */
  readonly isComplete: boolean;
  /** The bytes are missing because the line is longer than the limit. */
  readonly isOversized: boolean;
}

/** Memory that one file after the other is read into; grows to the longest line. */
export interface LineBuffer {
  bytes: Buffer;
}

export function createLineBuffer(): LineBuffer {
  return { bytes: Buffer.allocUnsafeSlow(INITIAL_BUFFER_BYTES) };
}

/** Yields the lines of an open file from a byte offset on, without their line ends. */
export function* readLines(
  descriptor: number,
  from: number,
  memory: LineBuffer,
  maxLineBytes: number = MAX_LINE_BYTES,
): Generator<Line, void> {
  let buffer = memory.bytes;
  /** File offset of buffer[0]. */
  let base = from;
  let filled = 0;
  let lineStart = 0;
  let searchFrom = 0;
  /** File offset at which a line began that is being passed over; -1 otherwise. */
  let oversizedFrom = -1;
  for (;;) {
    const at = searchFrom < filled ? buffer.indexOf(LINE_FEED, searchFrom) : -1;
    // A hit beyond `filled` is a remnant of what the buffer held before.
    if (at >= 0 && at < filled) {
      const end = base + at + 1;
      if (oversizedFrom < 0 && at - lineStart > maxLineBytes) oversizedFrom = base + lineStart;
      if (oversizedFrom >= 0) {
        yield {
          bytes: buffer.subarray(0, 0),
          start: oversizedFrom,
          end,
          isComplete: true,
          isOversized: true,
        };
        oversizedFrom = -1;
      } else {
        yield {
          bytes: trimEnd(buffer, lineStart, at),
          start: base + lineStart,
          end,
          isComplete: true,
          isOversized: false,
        };
      }
      lineStart = at + 1;
      searchFrom = lineStart;
      continue;
    }
    // No line end in what is here: keep the rest, make room, read on.
    const rest = filled - lineStart;
    if (rest > maxLineBytes) {
      if (oversizedFrom < 0) oversizedFrom = base + lineStart;
      lineStart = filled;
    }
    if (lineStart > 0) buffer.copyWithin(0, lineStart, filled);
    base += lineStart;
    filled -= lineStart;
    lineStart = 0;
    searchFrom = filled;
    if (filled === buffer.length) {
      // Never much more than the longest line that is read: what was outgrown is not given back at once.
      const limit = Math.max(maxLineBytes, buffer.length) + INITIAL_BUFFER_BYTES;
      const larger = Buffer.allocUnsafeSlow(Math.min(buffer.length * 4, limit));
      buffer.copy(larger, 0, 0, filled);
      buffer = larger;
      memory.bytes = larger;
    }
    const [room, position] = [buffer.length - filled, base + filled];
    const target = buffer;
    const count = readable(() => readSync(descriptor, target, filled, room, position));
    if (count === 0) break;
    filled += count;
  }
  if (oversizedFrom >= 0) {
    yield {
      bytes: buffer.subarray(0, 0),
      start: oversizedFrom,
      end: base + filled,
      isComplete: false,
      isOversized: true,
    };
  } else if (filled > 0) {
    yield {
      bytes: trimEnd(buffer, 0, filled),
      start: base,
      end: base + filled,
      isComplete: false,
      isOversized: false,
    };
  }
}

function trimEnd(buffer: Buffer, start: number, end: number): Buffer {
  return buffer.subarray(start, end > start && buffer[end - 1] === CARRIAGE_RETURN ? end - 1 : end);
}

/** A source cannot be opened or read, or is not what its name says; told apart from errors of whoever uses it. */
export class UnreadableError extends Error {
  /** The system's code, such as EACCES, or a sentence. */
  readonly reason: string;

  constructor(reason: string, cause?: unknown) {
    super("unreadable", { cause });
    this.reason = reason;
  }
}

/** @throws {UnreadableError} for whatever the file system throws. */
export function readable<T>(access: () => T): T {
  try {
    return access();
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unreadable";
    throw new UnreadableError(code, cause);
  }
}
