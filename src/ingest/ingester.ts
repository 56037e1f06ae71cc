/** What an agent's files need to become usage: one object a kind of agent, and the records that it hands on. */
import type { UsageSource } from "../store/usage-sources.ts";
import type { LineBuffer } from "./line-reader.ts";

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
  /** Without what was read from a cache. */
  readonly inputTokens: number;
  /** With reasoning. */
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

/** How much of a window's limit was used up at a moment, as the provider itself says. */
export interface LimitRecord {
  readonly kind: "limit";
  readonly sessionId: string;
  readonly project: string;
  /** Epoch milliseconds. */
  readonly timestamp: number;
  /** 300 is five hours, 10080 seven days. */
  readonly windowMinutes: number;
  /** 0 to 100, and beyond where the provider says so. */
  readonly usedPercent: number;
  /** Epoch milliseconds; null where it is not said. */
  readonly resetsAt: number | null;
}

export type UsageRecord = MessageRecord | EventRecord | LimitRecord;

export type LineRecord =
  | UsageRecord
  /** A line that is fine and says nothing about usage. */
  | { readonly kind: "other" }
  | { readonly kind: "malformed"; readonly reason: string };

/** A file, or what stands for one: a database with its WAL, a folder with a file a message. */
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

export interface MalformedLine {
  readonly path: string;
  /** From 1. */
  readonly line: number;
  readonly reason: string;
}

/** What one line, or one row, says of usage. */
export interface Found {
  readonly records: readonly UsageRecord[];
  /** Where it stands in its source: the byte offset of a line, the row of a database. */
  readonly offset: number;
}

/** How far a source has been read; a later sync goes on from here. */
export interface ReadPosition {
  readonly offsetBytes: number;
  readonly lineCount: number;
  readonly malformedCount: number;
}

/** A source opened for reading from where the last sync stopped, or from the start when it is no longer the same. */
export interface SourceReader extends Disposable {
  /** True when what was read before still stands at the start of it. */
  readonly isContinued: boolean;
  /** Of what was yielded so far; what comes after it is read again by the next reader. */
  readonly position: ReadPosition;
  /** A hash over what an append leaves as it is; empty where a source has no such thing. */
  readonly edgesHash: string;
  /** JSON: what has to be known of everything before the position; null when nothing has. */
  readonly state: string | null;
  /**
   * Yields what is new, and null now and then while nothing is found, so that the caller can let others run.
   * @throws {UnreadableError} when the source cannot be read on, or is not what its name says.
   */
  read(onMalformed: (line: MalformedLine) => void): Generator<Found | null, void>;
}

export interface OpenOptions {
  /** What the last sync remembers of the source. */
  readonly known: UsageSource | undefined;
  readonly memory: LineBuffer;
  /** Only what has this text in it is looked for: an id, for example. A hint, not a filter. */
  readonly containing?: string | undefined;
}

export type OnUnreadable = (path: string, reason: string) => void;

export interface Ingester {
  /** The agent's name in every row. */
  readonly agent: string;
  /** The sources below a root, in any order; unreadable folders are reported, not fatal. */
  discover(root: string, onUnreadable: OnUnreadable): TranscriptFile[];
  /** @throws {UnreadableError} */
  open(file: TranscriptFile, options: OpenOptions): SourceReader | Promise<SourceReader>;
}

/** Equal stamps mean that nothing was written since. */
export function stampOf({ inode, sizeBytes, modifiedAtMs }: TranscriptFile): string {
  return `${inode}:${sizeBytes}:${modifiedAtMs}`;
}
