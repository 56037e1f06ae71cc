/** Transcripts -> database: incrementally, in whole steps, whatever happens to files and processes meanwhile. */
import { resolve } from "node:path";
import { OperationError } from "../errors.ts";
import { checkKeys } from "../store/checks.ts";
import type { NewUsageMessage, RecordOutcome } from "../store/usage-messages.ts";
import type { SourceProgress, UsageSource } from "../store/usage-sources.ts";
import type { UsageStore } from "../store/usage-store.ts";
import { claudeIngester } from "./claude/claude-ingester.ts";
import type { EventRecord, Ingester, MessageRecord, TranscriptFile } from "./ingester.ts";
import { createLineBuffer } from "./line-reader.ts";
import { storeSessionSnapshots } from "./session-snapshots.ts";
import { type Found, type MalformedLine, TranscriptReader } from "./transcript-reader.ts";

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
 * Each batch commits its messages, hours, sessions and file offsets together, so a kill leaves a whole prefix.
 * @throws {OperationError} CANCELLED when the signal was aborted.
 */
export async function syncTranscripts(
  store: UsageStore,
  options: SyncOptions,
): Promise<SyncReport> {
  checkKeys("syncTranscripts", options, ["claudeRoots", "signal", "onEvent"]);
  const run = new SyncRun(store, claudeIngester, options);
  // A path is a source's name for good, so it must not depend on the folder that a program was started in.
  return run.run(options.claudeRoots.map((root) => resolve(root)));
}

interface PendingSource {
  readonly path: string;
  readonly progress: SourceProgress;
}

class SyncRun {
  readonly #store: UsageStore;
  readonly #ingester: Ingester;
  readonly #options: SyncOptions;
  readonly #changedSessions = new Set<string>();
  readonly #malformed: MalformedLine[] = [];
  readonly #unreadable: { path: string; reason: string }[] = [];
  readonly #memory = createLineBuffer();
  #batch: (Found & { readonly path: string })[] = [];
  #sources: PendingSource[] = [];
  #bytesRead = 0;
  #bytesTotal = 0;
  #malformedCount = 0;
  #events = 0;
  #messages: RecordOutcome = { inserted: 0, updated: 0, unchanged: 0, replays: 0 };

  constructor(store: UsageStore, ingester: Ingester, options: SyncOptions) {
    this.#store = store;
    this.#ingester = ingester;
    this.#options = options;
  }

  async run(roots: readonly string[]): Promise<SyncReport> {
    const files = this.#discover(roots);
    const known = new Map(
      this.#store.sources.list(this.#ingester.agent).map((source) => [source.path, source]),
    );
    const changed = files.filter(
      (file) =>
        known.get(file.path)?.stamp !== stampOf(file) ||
        known.get(file.path)?.missing_since !== null,
    );
    this.#bytesTotal = changed.reduce(
      (sum, file) => sum + Math.max(0, file.sizeBytes - (known.get(file.path)?.offset_bytes ?? 0)),
      0,
    );
    let snapshots = 0;
    try {
      for (const file of changed) await this.#readFile(file, known.get(file.path));
      this.#flush();
    } finally {
      snapshots = storeSessionSnapshots(this.#store, this.#changedSessions);
    }
    const filesMissing = this.#markMissing(roots, files, known);
    return {
      filesFound: files.length,
      filesRead: changed.length,
      filesMissing,
      bytesRead: this.#bytesRead,
      messages: this.#messages,
      events: this.#events,
      sessionsChanged: this.#changedSessions.size,
      snapshots,
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
      (a, b) => a.modifiedAtMs - b.modifiedAtMs || (a.path < b.path ? -1 : 1),
    );
  }

  async #readFile(file: TranscriptFile, known: UsageSource | undefined): Promise<void> {
    let reader: TranscriptReader;
    try {
      reader = new TranscriptReader(this.#ingester, file, known, this.#memory);
    } catch (error) {
      this.#reportUnreadable(
        file.path,
        error instanceof Error && "code" in error ? String(error.code) : "unreadable",
      );
      return;
    }
    try {
      const start = reader.position.offsetBytes;
      let counted = start;
      for (const found of reader.read((line) => this.#reportMalformed(line))) {
        this.#batch.push({ ...found, path: file.path });
        if (this.#batch.length < BATCH_RECORDS) continue;
        // The stamp stays empty until the end is reached, so that an interrupted file is gone on with.
        this.#noteProgress(reader, "");
        this.#bytesRead += reader.position.offsetBytes - counted;
        counted = reader.position.offsetBytes;
        await this.#pause(file.path);
      }
      this.#bytesRead += reader.position.offsetBytes - counted;
      this.#noteProgress(reader, stampOf(file));
      if (this.#batch.length >= BATCH_RECORDS / 2) await this.#pause(file.path);
    } finally {
      reader[Symbol.dispose]();
    }
  }

  #noteProgress(reader: TranscriptReader, stamp: string): void {
    const { offsetBytes, lineCount, malformedCount } = reader.position;
    this.#sources.push({
      path: reader.file.path,
      progress: {
        stamp,
        offset_bytes: offsetBytes,
        line_count: lineCount,
        edges_hash: reader.edgesHash,
        malformed_count: malformedCount,
      },
    });
  }

  /** Commits, lets the event loop turn, and stops when asked to. */
  async #pause(path: string): Promise<void> {
    this.#flush();
    this.#options.onEvent?.({
      type: "progress",
      bytesRead: this.#bytesRead,
      bytesTotal: this.#bytesTotal,
      path,
    });
    await Bun.sleep(0);
    if (this.#options.signal?.aborted === true) {
      throw new OperationError(
        "CANCELLED",
        "Cannot go on syncing: it was interrupted, expected to be run again",
      );
    }
  }

  /** Writes everything found so far, with the offsets that it was found at, in one transaction. */
  #flush(): void {
    const [batch, sources] = [this.#batch, this.#sources];
    if (batch.length === 0 && sources.length === 0) return;
    this.#batch = [];
    this.#sources = [];
    this.#store.connection.transaction(() => {
      const ids = new Map<string, number>();
      const idOf = (path: string): number => {
        const id = ids.get(path) ?? this.#store.sources.ensure(this.#ingester.agent, path);
        ids.set(path, id);
        return id;
      };
      this.#upsertSessions(batch);
      const messages: NewUsageMessage[] = [];
      for (const { record, offset, path } of batch) {
        if (record.kind === "message")
          messages.push(rowOf(record, this.#ingester.agent, idOf(path), offset));
        else this.#storeEvent(record);
      }
      const outcome = this.#store.messages.record(messages);
      this.#messages = addOutcomes(this.#messages, outcome);
      for (const { path, progress } of sources)
        this.#store.sources.setProgress(idOf(path), progress);
    }, "store usage");
    for (const { record } of batch) this.#changedSessions.add(record.sessionId);
  }

  #upsertSessions(batch: readonly Found[]): void {
    const spans = new Map<string, { project: string; first: number; last: number }>();
    for (const { record } of batch) {
      const span = spans.get(record.sessionId);
      if (span === undefined) {
        spans.set(record.sessionId, {
          project: record.project,
          first: record.timestamp,
          last: record.timestamp,
        });
      } else {
        span.first = Math.min(span.first, record.timestamp);
        span.last = Math.max(span.last, record.timestamp);
      }
    }
    for (const [session_id, { project, first, last }] of spans) {
      this.#store.sessions.upsert({
        session_id,
        agent: this.#ingester.agent,
        project,
        started_at: first,
        last_seen_at: last,
      });
    }
  }

  #storeEvent(event: EventRecord): void {
    const isNew = this.#store.events.insert({
      source_app: this.#ingester.agent,
      session_id: event.sessionId,
      hook_event_type: event.eventType,
      payload: event.payload,
      timestamp: event.timestamp,
      dedupe_key: event.dedupeKey,
    });
    if (isNew) this.#events++;
  }

  /** Notes which files are gone; only below the roots given, since a sync of one root knows nothing of others. */
  #markMissing(
    roots: readonly string[],
    files: readonly TranscriptFile[],
    known: ReadonlyMap<string, UsageSource>,
  ): number {
    const present = new Set(files.map(({ path }) => path));
    const gone = [...known.values()].filter(({ path }) => !present.has(path));
    const fresh = gone.filter(
      (source) =>
        source.missing_since === null && roots.some((root) => source.path.startsWith(`${root}/`)),
    );
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

function rowOf(
  record: MessageRecord,
  agent: string,
  sourceId: number,
  offset: number,
): NewUsageMessage {
  return {
    agent,
    message_id: record.messageId,
    request_id: record.requestId,
    session_id: record.sessionId,
    project: record.project,
    model: record.model,
    timestamp: record.timestamp,
    is_sidechain: record.isSidechain ? 1 : 0,
    input_tokens: record.inputTokens,
    output_tokens: record.outputTokens,
    cache_write_5m_tokens: record.cacheWrite5mTokens,
    cache_write_1h_tokens: record.cacheWrite1hTokens,
    cache_read_tokens: record.cacheReadTokens,
    reported_cost_usd: record.reportedCostUsd,
    source_id: sourceId,
    source_offset: offset,
  };
}

function addOutcomes(left: RecordOutcome, right: RecordOutcome): RecordOutcome {
  return {
    inserted: left.inserted + right.inserted,
    updated: left.updated + right.updated,
    unchanged: left.unchanged + right.unchanged,
    replays: left.replays + right.replays,
  };
}
