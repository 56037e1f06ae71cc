/** Compacting one table: a walk through the rows that became old since the last one, chunk by chunk. */
import { OperationError } from "../errors.ts";
import {
  checkedFrame,
  COMPACT_LEVEL,
  compactedMarker,
  expandFrame,
} from "../store/compacted-text.ts";
import type { CompactableTable, LongText, Place, SeenRow, Stretch } from "./compactable.ts";
import type { Pace } from "./pace.ts";

/**
 * How far a table is compacted: rows older than `throughMs` up to the id `throughId`. What comes later with an older
 * time has a higher id, so nothing has to be looked at twice, and no index has to be kept for it.
 */
export interface Bookmark {
  readonly throughMs: number;
  readonly throughId: number;
}

export interface Compaction {
  readonly texts: number;
  /** Of those texts, before and after; markers are counted. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** Texts that zstd does not make smaller by a tenth; they stay. */
  readonly incompressible: number;
  readonly bookmark: Bookmark;
  readonly isComplete: boolean;
}

/** Texts are compressed outside of the lock, so that is how much of them is in memory at once. */
const MAX_CHUNK_BYTES = 2 << 20;
/** A text that shrinks by less is not worth being expanded at every look. */
const WORTH = 0.9;

const NOTHING_LATE: Walk = { last: [0, 0], isComplete: true };

interface Walk {
  /** The last row that was looked at. */
  readonly last: Place;
  /** False when the time was over before the end. */
  readonly isComplete: boolean;
}

export class TableCompaction {
  readonly #table: CompactableTable;
  readonly #pace: Pace;
  readonly #onTexts: (count: number) => void;
  #texts = 0;
  #bytesBefore = 0;
  #bytesAfter = 0;
  #incompressible = 0;

  constructor(
    table: CompactableTable,
    { pace, onTexts }: { readonly pace: Pace; readonly onTexts: (count: number) => void },
  ) {
    this.#table = table;
    this.#pace = pace;
    this.#onTexts = onTexts;
  }

  /** Compacts what is older than `cutoff` and was not looked at yet. */
  async run(since: Bookmark, cutoff: number): Promise<Compaction> {
    const newestId = this.#table.newestId();
    // Ids start over when the newest rows are deleted; then nothing is known of any.
    let from = newestId < since.throughId ? { throughMs: 0, throughId: 0 } : since;
    const late =
      from.throughMs === 0
        ? NOTHING_LATE
        : await this.#walk("byId", [0, from.throughId], from.throughMs);
    if (!late.isComplete)
      return this.#report({ ...from, throughId: late.last[1] }, { isComplete: false });
    from = { ...from, throughId: newestId };
    const old = await this.#walk("byTime", [from.throughMs, -1], cutoff);
    const throughMs = old.isComplete ? Math.max(from.throughMs, cutoff) : old.last[0];
    return this.#report({ ...from, throughMs }, { isComplete: old.isComplete });
  }

  #report(bookmark: Bookmark, { isComplete }: { readonly isComplete: boolean }): Compaction {
    return {
      texts: this.#texts,
      bytesBefore: this.#bytesBefore,
      bytesAfter: this.#bytesAfter,
      incompressible: this.#incompressible,
      bookmark,
      isComplete,
    };
  }

  async #walk(order: "byId" | "byTime", start: Place, before: number): Promise<Walk> {
    let last = start;
    for (let from: Place | null = start; from !== null;) {
      const { rows, next }: Stretch = this.#table[order](from, before);
      for (let at = 0; at < rows.length;) {
        const chunk = this.#nextChunk(rows, at);
        const goesOn = await this.#compact(chunk.flatMap(({ texts }) => texts));
        at += chunk.length;
        const { timestamp, id } = chunk.at(-1) as SeenRow;
        last = [timestamp, id];
        if (!goesOn) return { last, isComplete: false };
      }
      if (rows.length === 0 && next !== null) await this.#breathe();
      from = next;
    }
    return { last, isComplete: true };
  }

  #nextChunk(rows: readonly SeenRow[], from: number): SeenRow[] {
    const chunk: SeenRow[] = [];
    let texts = 0;
    let bytes = 0;
    for (let at = from; at < rows.length; at++) {
      const row = rows[at] as SeenRow;
      texts += row.texts.length;
      bytes += row.texts.reduce((sum, text) => sum + text.bytes, 0);
      if (chunk.length > 0 && (texts > this.#pace.chunkRows || bytes > MAX_CHUNK_BYTES)) break;
      chunk.push(row);
    }
    return chunk;
  }

  /** @returns false when the time is over. */
  async #compact(longTexts: readonly LongText[]): Promise<boolean> {
    const packed = (await Promise.all(longTexts.map((text) => this.#prepare(text)))).filter(
      (text) => text !== null,
    );
    if (packed.length === 0) return this.#breathe();
    let [texts, before, after] = [0, 0, 0];
    await this.#pace.write(() => {
      [texts, before, after] = [0, 0, 0];
      for (const { at, ...content } of packed) {
        if (!this.#table.pack(at, content)) continue;
        this.#refuseLoss(at, content.text);
        texts++;
        before += content.text.length;
        after += content.frame.length + content.marker.length;
      }
    }, "compact old payloads");
    this.#texts += texts;
    this.#bytesBefore += before;
    this.#bytesAfter += after;
    this.#onTexts(this.#texts);
    return this.#pace.after();
  }

  /** Compresses in Bun's own threads. */
  async #prepare(at: LongText): Promise<{
    readonly at: LongText;
    readonly text: Uint8Array;
    readonly marker: string;
    readonly frame: Uint8Array;
  } | null> {
    const text = this.#table.readText(at);
    if (text === null) return null;
    const frame = checkedFrame(await Bun.zstdCompress(text, { level: COMPACT_LEVEL }), text);
    const marker = compactedMarker(text.length);
    if (frame.length + marker.length > text.length * WORTH) {
      this.#incompressible++;
      return null;
    }
    return { at, text, marker, frame };
  }

  /** What the row now holds is expanded before the commit, and has to be what was there, byte for byte. */
  #refuseLoss(at: LongText, text: Uint8Array): void {
    const frame = this.#table.readFrame(at);
    if (frame !== null && Buffer.compare(expandFrame(frame), text) === 0) return;
    throw new OperationError(
      "COMPACTION_MISMATCH",
      `Cannot compact ${at.column} of ${this.#table.target.table} ${at.id}: it expands to something else, expected the same bytes`,
      { details: { table: this.#table.target.table, column: at.column, id: at.id } },
    );
  }

  /** Between chunks that write nothing there is no lock to give others time for. */
  async #breathe(): Promise<boolean> {
    await Bun.sleep(0);
    this.#pace.refuseCancelled();
    return this.#pace.remainingMs > 0;
  }
}
