/** What an agent's transcripts need to become usage: one object a kind of agent. */

/** A model response as one line of a transcript tells it. */
export interface MessageRecord {
  readonly kind: "message";
  readonly messageId: string;
  /** Empty where the agent gave none. */
  readonly requestId: string;
  readonly sessionId: string;
  readonly project: string;
  readonly model: string;
  /** Epoch milliseconds. */
  readonly timestamp: number;
  readonly isSidechain: boolean;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheWrite5mTokens: number;
  readonly cacheWrite1hTokens: number;
  readonly cacheReadTokens: number;
  readonly reportedCostUsd: number | null;
}

/** Something that happened and is not usage: a limit that was hit. */
export interface EventRecord {
  readonly kind: "event";
  readonly sessionId: string;
  readonly project: string;
  readonly eventType: string;
  readonly timestamp: number;
  readonly payload: Readonly<Record<string, unknown>>;
  /** Equal keys are the same event. */
  readonly dedupeKey: string;
}

export type LineRecord =
  | MessageRecord
  | EventRecord
  /** A line that is fine and says nothing about usage. */
  | { readonly kind: "other" }
  | { readonly kind: "malformed"; readonly reason: string };

export interface TranscriptFile {
  /** Absolute. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Epoch milliseconds. */
  readonly modifiedAtMs: number;
  readonly inode: number;
  /** Epoch milliseconds: when the file was made, or last changed if that is earlier (a copy keeps the latter). */
  readonly bornAtMs: number;
}

export interface Ingester {
  /** The agent's name in every row. */
  readonly agent: string;
  /** Lines without these bytes say nothing about usage and are not parsed. */
  readonly marker: string;
  /** The transcript files below a root, in any order; unreadable folders are reported, not fatal. */
  discover(root: string, onUnreadable: (path: string, reason: string) => void): TranscriptFile[];
  /** The reader of a file's lines: given a parsed line and its byte offset, it tells what the line says. */
  lineReader(file: TranscriptFile): (line: unknown, offset: number) => LineRecord;
}
