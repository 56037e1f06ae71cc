/** One agent's part of a sync: what is there, what of it is new, and what went where. */
import { existsSync } from "node:fs";
import { readForgotten } from "../store/usage-forgotten.ts";
import type { RecordOutcome } from "../store/usage-messages.ts";
import type { UsageSource } from "../store/usage-sources.ts";
import type { UsageStore } from "../store/usage-store.ts";
import { plainPath } from "./compressed-file.ts";
import {
  type Ingester,
  type MalformedLine,
  type OnUnreadable,
  type SourceReader,
  stampOf,
  type TranscriptFile,
} from "./ingester.ts";
import { type LineBuffer, UnreadableError } from "./line-reader.ts";
import type { ReadMoment } from "./session-snapshots.ts";
import { UsageBatch } from "./usage-batch.ts";

/** Found lines a transaction: few enough to keep the write lock short, many enough to be fast. */
const BATCH_RECORDS = 2500;
/** With much to read: each batch writes the pages of the index of ids anew, which lie all over it. */
const BULK_BATCH_RECORDS = 10_000;
const PAUSES_BETWEEN_COLLECTIONS = 4;

/** What a sync found and did, of one agent or of all. */
export interface SyncFigures {
  /** Files found, and those of them that had something new. */
  readonly filesFound: number;
  readonly filesRead: number;
  /** Files that were read once and are gone now; their usage stays. */
  readonly filesMissing: number;
  readonly bytesRead: number;
  readonly messages: RecordOutcome;
  readonly events: number;
  /** What providers said of their limits. */
  readonly limitSamples: number;
  readonly sessionsChanged: number;
  readonly snapshots: number;
  readonly malformedCount: number;
  /** Records of what was forgotten, and transcripts of nothing else, which are not even read. */
  readonly forgotten: number;
  readonly filesForgotten: number;
}

export interface AgentSyncOptions {
  /** Absolute. */
  readonly roots: readonly string[];
  readonly memory: LineBuffer;
  readonly readMoment: ReadMoment;
  readonly onMalformed: (line: MalformedLine) => void;
  readonly onUnreadable: OnUnreadable;
  readonly onRead: (bytes: number) => void;
  /** Called between steps: it tells of progress, lets others run, and throws when the sync is to stop. */
  readonly breathe: (path: string) => Promise<void>;
}

export class AgentSync {
  readonly #store: UsageStore;
  readonly #ingester: Ingester;
  readonly #options: AgentSyncOptions;
  readonly #batch: UsageBatch;
  #files: readonly TranscriptFile[] = [];
  #changed: readonly TranscriptFile[] = [];
  #known = new Map<string, UsageSource>();
  /** Folders and files that may hold more than what was found. */
  readonly #unreadable: string[] = [];
  #malformedCount = 0;
  #bytesRead = 0;
  #batchRecords = BATCH_RECORDS;
  #pauses = 0;
  #filesForgotten = 0;

  constructor(store: UsageStore, ingester: Ingester, options: AgentSyncOptions) {
    this.#store = store;
    this.#ingester = ingester;
    this.#options = options;
    this.#batch = new UsageBatch(store, {
      agent: ingester.agent,
      readMoment: options.readMoment,
    });
  }

  /** Looks for files and decides which have something new; returns how many bytes there are to read. */
  plan(): number {
    this.#files = this.#withoutForgotten(this.#discover());
    const sources = this.#store.sources.list(this.#ingester.agent);
    this.#known = new Map(sources.map((source) => [source.path, source]));
    this.#changed = this.#files.filter((file) => {
      const source = this.#known.get(file.path);
      return (
        source === undefined || source.stamp !== stampOf(file) || source.missing_since !== null
      );
    });
    const unread = (file: TranscriptFile): number =>
      Math.max(0, file.sizeBytes - (this.#known.get(file.path)?.offset_bytes ?? 0));
    return this.#changed.reduce((sum, file) => sum + unread(file), 0);
  }

  /** Reads what `plan()` found new. */
  async read(isBulk: boolean): Promise<SyncFigures> {
    if (isBulk) this.#batchRecords = BULK_BATCH_RECORDS;
    const moves = new Moves(this.#goneSources());
    for (const file of this.#changed) await this.#readFile(file, moves);
    this.#batch.flush({ isLast: true });
    return {
      filesFound: this.#files.length,
      filesRead: this.#changed.length,
      filesMissing: this.#markMissing(),
      bytesRead: this.#bytesRead,
      ...this.#batch.totals,
      malformedCount: this.#malformedCount,
      filesForgotten: this.#filesForgotten,
    };
  }

  #withoutForgotten(files: readonly TranscriptFile[]): readonly TranscriptFile[] {
    const forgotten = readForgotten(this.#store.connection);
    if (forgotten === null) return files;
    const kept = files.filter(({ path }) => !forgotten.hasSource(path));
    this.#filesForgotten = files.length - kept.length;
    return kept;
  }

  /** Oldest first: a resumed session copies its beginning from an older file, and the older one had it first. */
  #discover(): TranscriptFile[] {
    const byPath = new Map<string, TranscriptFile>();
    for (const root of this.#options.roots) {
      const files = this.#ingester.discover(root, (path, reason) =>
        this.#reportUnreadable(path, reason),
      );
      for (const file of files) byPath.set(file.path, file);
    }
    return [...byPath.values()].sort(
      (a, b) => a.bornAtMs - b.bornAtMs || (a.path < b.path ? -1 : 1),
    );
  }

  async #readFile(file: TranscriptFile, moves: Moves): Promise<void> {
    try {
      await this.#readSource(file, moves);
    } catch (error) {
      // A file that vanished or cannot be read is one file less; the others still count.
      if (!(error instanceof UnreadableError)) throw error;
      this.#reportUnreadable(file.path, error.reason);
    }
    if (this.#batch.size >= this.#batchRecords / 2) await this.#pause(file.path);
  }

  async #readSource(file: TranscriptFile, moves: Moves): Promise<void> {
    const known = this.#known.get(file.path);
    const moved = known === undefined ? moves.sourceOf(file) : undefined;
    using reader = await this.#ingester.open(file, {
      known: known ?? moved,
      memory: this.#options.memory,
    });
    if (moved !== undefined && reader.isContinued) this.#follow(moved, file.path);
    let counted = reader.position.offsetBytes;
    const count = (): void => {
      const bytes = reader.position.offsetBytes - counted;
      counted += bytes;
      this.#bytesRead += bytes;
      this.#options.onRead(bytes);
    };
    for (const found of reader.read((line) => this.#reportMalformed(line))) {
      if (found === null) {
        count();
        await this.#options.breathe(file.path);
        continue;
      }
      this.#batch.add(found, file);
      if (this.#batch.size < this.#batchRecords) continue;
      // The stamp stays empty until the end is reached, so that an interrupted file is gone on with.
      this.#noteProgress(reader, file, "");
      count();
      await this.#pause(file.path);
    }
    count();
    this.#noteProgress(reader, file, stampOf(file));
  }

  /** The same file under another path stays the same source: what was read from it still stands there. */
  #follow(source: UsageSource, path: string): void {
    this.#store.sources.move(source.source_id, path);
    this.#known.delete(source.path);
    this.#known.set(path, { ...source, path, missing_since: null });
  }

  #noteProgress(reader: SourceReader, { path }: TranscriptFile, stamp: string): void {
    const { offsetBytes, lineCount, malformedCount } = reader.position;
    this.#batch.setProgress(path, {
      stamp,
      offset_bytes: offsetBytes,
      line_count: lineCount,
      edges_hash: reader.edgesHash,
      malformed_count: malformedCount,
      reader_state: reader.state,
    });
  }

  async #pause(path: string): Promise<void> {
    this.#batch.flush();
    // Left to itself the heap grows to several times what a batch takes.
    if (this.#batchRecords > BATCH_RECORDS && ++this.#pauses % PAUSES_BETWEEN_COLLECTIONS === 0)
      Bun.gc(true);
    await this.#options.breathe(path);
  }

  /**
   * What was read once and was not found now. Only below the roots given, since a sync of one root knows nothing of
   * others, and not below what could not be looked into.
   */
  #goneSources(): UsageSource[] {
    const present = new Set(this.#files.map(({ path }) => path));
    const isBelow = (path: string, folder: string): boolean =>
      path === folder || path.startsWith(`${folder}/`);
    return [...this.#known.values()].filter(
      ({ path }) =>
        !present.has(path) &&
        this.#options.roots.some((root) => isBelow(path, root)) &&
        !this.#unreadable.some((folder) => isBelow(path, folder) && existsSync(folder)),
    );
  }

  #markMissing(): number {
    const gone = this.#goneSources();
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
    this.#options.onMalformed(line);
  }

  #reportUnreadable(path: string, reason: string): void {
    // Where a folder stands now, the file is gone.
    if (reason !== "EISDIR") this.#unreadable.push(path);
    this.#options.onUnreadable(path, reason);
  }
}

/** Where files that are gone may have gone: renamed, archived, compressed, or expanded again. */
class Moves {
  readonly #byInode = new Map<string, UsageSource>();
  readonly #byPlainPath = new Map<string, UsageSource>();

  constructor(gone: readonly UsageSource[]) {
    for (const source of gone) {
      const [inode = ""] = source.stamp.split(":");
      if (inode !== "") this.#byInode.set(inode, source);
      this.#byPlainPath.set(plainPath(source.path), source);
    }
  }

  /** A guess, by inode and by name; whether it is the same file is for its reader to say. */
  sourceOf(file: TranscriptFile): UsageSource | undefined {
    const source =
      this.#byInode.get(String(file.inode)) ?? this.#byPlainPath.get(plainPath(file.path));
    // Its times and its size are another file's now.
    return source === undefined ? undefined : { ...source, stamp: "" };
  }
}
