/** Transcripts -> database: incrementally, in whole steps, whatever happens to files and processes meanwhile. */
import { resolve } from "node:path";
import { describeKind, OperationError, refuseValue } from "../errors.ts";
import { checkFunction, checkKeys, checkNonEmpty } from "../store/checks.ts";
import type { RecordOutcome } from "../store/usage-messages.ts";
import type { UsageSource } from "../store/usage-sources.ts";
import type { UsageStore } from "../store/usage-store.ts";
import { claudeIngester } from "./claude/claude-ingester.ts";
import type { Ingester, TranscriptFile } from "./ingester.ts";
import { createLineBuffer, UnreadableError } from "./line-reader.ts";
import { type MalformedLine, TranscriptReader } from "./transcript-reader.ts";
import { UsageBatch } from "./usage-batch.ts";

export type SyncEvent =
  | {
      readonly type: "progress";
      readonly bytesRead: number;
      readonly bytesTotal: number;
      readonly path: string;
    }
  | { readonly type: "unreadable"; readonly path: string; readonly reason: string }
  | { readonly type: "malformed"; readonly line: MalformedLine };

export interface SyncOptions {
  /** Folders with transcripts of Claude Code; see `claudeRoots`. */
  readonly claudeRoots: readonly string[];
  /** Stops after the running batch; what was read stays. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: SyncEvent) => void;
}

export interface SyncReport {
  /** Files found, and those of them that had something new. */
  readonly filesFound: number;
  readonly filesRead: number;
  /** Files that were read once and are gone now; their usage stays. */
  readonly filesMissing: number;
  readonly bytesRead: number;
  readonly messages: RecordOutcome;
  readonly events: number;
  readonly sessionsChanged: number;
  readonly snapshots: number;
  readonly malformedCount: number;
  /** The first hundred, by file and line. */
  readonly malformed: readonly MalformedLine[];
  readonly unreadable: readonly { readonly path: string; readonly reason: string }[];
}

/** Found lines a transaction: few enough to keep the write lock short, many enough to be fast. */
const BATCH_RECORDS = 5000;
const MAX_LISTED = 100;

/**
 * Reads what is new in every transcript; safe to repeat, to interrupt and to run twice at once.
 * Each batch commits its messages, hours, sessions, snapshots and file offsets together, so a kill leaves a
 * whole prefix.
 * @throws {OperationError} CANCELLED when the signal was aborted; what was committed stays.
 */
export async function syncTranscripts(
  store: UsageStore,
  options: SyncOptions,
): Promise<SyncReport> {
  checkKeys("syncTranscripts", options, ["claudeRoots", "signal", "onEvent"]);
  checkFunction("onEvent", options.onEvent);
  if (!Array.isArray(options.claudeRoots)) {
    refuseValue("claudeRoots", describeKind(options.claudeRoots), "a list of folders");
  }
  for (const root of options.claudeRoots) checkNonEmpty("claudeRoots", root);
  const run = new SyncRun(store, claudeIngester, options);
  // A path is a source's name for good, so it must not depend on the folder that a program was started in.
  return run.run(options.claudeRoots.map((root) => resolve(root)));
}

class SyncRun {
  readonly #store: UsageStore;
  readonly #ingester: Ingester;
  readonly #options: SyncOptions;
  readonly #batch: UsageBatch;
  readonly #memory = createLineBuffer();
  readonly #malformed: MalformedLine[] = [];
  readonly #unreadable: { path: string; reason: string }[] = [];
  #malformedCount = 0;
  #bytesRead = 0;
  #bytesTotal = 0;

  constructor(store: UsageStore, ingester: Ingester, options: SyncOptions) {
    this.#store = store;
    this.#ingester = ingester;
    this.#options = options;
    this.#batch = new UsageBatch(store, ingester.agent);
  }

  async run(roots: readonly string[]): Promise<SyncReport> {
    const files = this.#discover(roots);
    const known = new Map(
      this.#store.sources.list(this.#ingester.agent).map((source) => [source.path, source]),
    );
    const changed = files.filter((file) => {
      const source = known.get(file.path);
      return (
        source === undefined || source.stamp !== stampOf(file) || source.missing_since !== null
      );
    });
    const unread = (file: TranscriptFile): number =>
      Math.max(0, file.sizeBytes - (known.get(file.path)?.offset_bytes ?? 0));
    this.#bytesTotal = changed.reduce((sum, file) => sum + unread(file), 0);
    for (const file of changed) await this.#readFile(file, known.get(file.path));
    this.#batch.flush();
    return {
      filesFound: files.length,
      filesRead: changed.length,
      filesMissing: this.#markMissing(roots, files, known),
      bytesRead: this.#bytesRead,
      ...this.#batch.totals,
      malformedCount: this.#malformedCount,
      malformed: this.#malformed,
      unreadable: this.#unreadable,
    };
  }

  /** Oldest first: a resumed session copies its beginning from an older file, and the older one had it first. */
  #discover(roots: readonly string[]): TranscriptFile[] {
    const byPath = new Map<string, TranscriptFile>();
    for (const root of roots) {
      const files = this.#ingester.discover(root, (path, reason) =>
        this.#reportUnreadable(path, reason),
      );
      for (const file of files) byPath.set(file.path, file);
    }
    return [...byPath.values()].sort(
      (a, b) => a.bornAtMs - b.bornAtMs || (a.path < b.path ? -1 : 1),
    );
  }

  async #readFile(file: TranscriptFile, known: UsageSource | undefined): Promise<void> {
    try {
      using reader = new TranscriptReader(this.#ingester, file, known, this.#memory);
      let counted = reader.position.offsetBytes;
      const count = (): void => {
        this.#bytesRead += reader.position.offsetBytes - counted;
        counted = reader.position.offsetBytes;
      };
      for (const found of reader.read((line) => this.#reportMalformed(line))) {
        if (found === null) {
          count();
          await this.#breathe(file.path);
          continue;
        }
        this.#batch.add(found, file.path);
        if (this.#batch.size < BATCH_RECORDS) continue;
        // The stamp stays empty until the end is reached, so that an interrupted file is gone on with.
        this.#noteProgress(reader, "");
        count();
        await this.#pause(file.path);
      }
      count();
      this.#noteProgress(reader, stampOf(file));
    } catch (error) {
      // A file that vanished or cannot be read is one file less; the others still count.
      if (!(error instanceof UnreadableError)) throw error;
      this.#reportUnreadable(file.path, error.reason);
    }
    if (this.#batch.size >= BATCH_RECORDS / 2) await this.#pause(file.path);
  }

  #noteProgress(reader: TranscriptReader, stamp: string): void {
    const { offsetBytes, lineCount, malformedCount } = reader.position;
    this.#batch.setProgress(reader.file.path, {
      stamp,
      offset_bytes: offsetBytes,
      line_count: lineCount,
      edges_hash: reader.edgesHash,
      malformed_count: malformedCount,
    });
  }

  async #pause(path: string): Promise<void> {
    this.#batch.flush();
    await this.#breathe(path);
  }

  /** Lets the event loop turn, and stops when asked to. */
  async #breathe(path: string): Promise<void> {
    const { onEvent, signal } = this.#options;
    onEvent?.({ type: "progress", bytesRead: this.#bytesRead, bytesTotal: this.#bytesTotal, path });
    await Bun.sleep(0);
    if (signal?.aborted !== true) return;
    throw new OperationError(
      "CANCELLED",
      "Cannot go on syncing: it was interrupted, expected to be run again",
    );
  }

  /** Notes which files are gone; only below the roots given, since a sync of one root knows nothing of others. */
  #markMissing(
    roots: readonly string[],
    files: readonly TranscriptFile[],
    known: ReadonlyMap<string, UsageSource>,
  ): number {
    const present = new Set(files.map(({ path }) => path));
    const isLookedAt = (path: string): boolean => roots.some((root) => path.startsWith(`${root}/`));
    const gone = [...known.values()].filter(({ path }) => !present.has(path) && isLookedAt(path));
    const fresh = gone.filter(({ missing_since }) => missing_since === null);
    if (fresh.length > 0) {
      this.#store.connection.transaction(() => {
        for (const { source_id } of fresh) this.#store.sources.setMissing(source_id);
      }, "store sources");
    }
    return gone.length;
  }

  #reportMalformed(line: MalformedLine): void {
    this.#malformedCount++;
    if (this.#malformed.length < MAX_LISTED) this.#malformed.push(line);
    this.#options.onEvent?.({ type: "malformed", line });
  }

  #reportUnreadable(path: string, reason: string): void {
    this.#unreadable.push({ path, reason });
    this.#options.onEvent?.({ type: "unreadable", path, reason });
  }
}

/** Equal stamps mean that nothing was written since. */
function stampOf({ inode, sizeBytes, modifiedAtMs }: TranscriptFile): string {
  return `${inode}:${sizeBytes}:${modifiedAtMs}`;
}
