/** Agents that write JSON lines: what tells their formats apart, and the ingester made of it. */
import type {
  Ingester,
  LineRecord,
  OnUnreadable,
  OpenOptions,
  TranscriptFile,
} from "./ingester.ts";
import { expandedFile, isCompressed } from "./compressed-file.ts";
import { TranscriptReader } from "./transcript-reader.ts";

/** What a file's lines say, one after the other. */
export interface LineReader {
  /** Given a parsed line and its byte offset, tells what the line says. */
  read(line: unknown, offset: number): LineRecord | readonly LineRecord[];
  /**
   * Given a line's bytes, tells what `read` would say of the parsed line; undefined when that takes a parser. For
   * formats without `state`.
   */
  skim?(bytes: Buffer): LineRecord | undefined;
  /**
   * JSON: what has to be known of the lines read so far. Only for formats whose lines depend on earlier ones;
   * without it a line may be read twice.
   */
  state?(): string;
}

export interface LineFormat {
  readonly agent: string;
  /** Lines with none of these bytes say nothing about usage and are not parsed. */
  readonly markers: readonly string[];
  discover(root: string, onUnreadable: OnUnreadable): TranscriptFile[];
  /** @param state what `state()` said when the lines before were read; null at the start of a file. */
  lineReader(file: TranscriptFile, state: unknown): LineReader;
}

/** An agent whose files are lines, plain or compressed. */
export function lineIngester(format: LineFormat): Ingester {
  return {
    agent: format.agent,
    discover: format.discover,
    open: (file: TranscriptFile, options: OpenOptions) =>
      isCompressed(file.path)
        ? expandedFile(file.path).then(
            (descriptor) => new TranscriptReader(format, file, { ...options, descriptor }),
          )
        : new TranscriptReader(format, file, options),
  };
}
