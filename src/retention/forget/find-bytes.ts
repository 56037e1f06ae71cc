/** Looks for texts in the bytes of files: what a database no longer says may still stand in its pages. */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";

export interface FoundBytes {
  readonly path: string;
  /** How often one of the texts stands there. */
  readonly count: number;
  /** Where the first of them stands. */
  readonly firstOffset: number;
}

/** What a search of one file came to; null when none of the texts is in it, or there is no such regular file. */
export type SearchResult =
  FoundBytes | { readonly path: string; readonly unreadable: string } | null;

export interface FindOptions {
  /** Texts that may stay and have one of those looked for in them: a longer path, for example. */
  readonly except: readonly string[];
}

/** Shorter texts stand in any file by chance. */
export const MIN_TEXT_BYTES = 4;

const CHUNK_BYTES = 1 << 20;

interface Needle {
  readonly bytes: Buffer;
  /** Longer texts that explain a hit, and where in them it stands. */
  readonly covers: readonly { readonly bytes: Buffer; readonly at: number }[];
}

/** Searches a file once for all texts. */
export class ByteSearch {
  readonly #byStart = new Map<number, Needle[]>();
  readonly #margin: number;

  constructor(texts: readonly string[], { except }: FindOptions) {
    const forms = new Set(texts.flatMap(formsOf));
    const kept = [...new Set(except.flatMap(formsOf))];
    let longest = 0;
    for (const form of forms) {
      const bytes = Buffer.from(form);
      if (bytes.length < MIN_TEXT_BYTES) continue;
      const covers = kept
        .filter((text) => text !== form && text.includes(form))
        .map((text) => ({ bytes: Buffer.from(text), at: Buffer.from(text).indexOf(bytes) }));
      const start = bytes.readUInt32BE(0);
      this.#byStart.set(start, [...(this.#byStart.get(start) ?? []), { bytes, covers }]);
      longest = Math.max(longest, bytes.length, ...covers.map((cover) => cover.bytes.length));
    }
    this.#margin = longest;
  }

  find(path: string): SearchResult {
    let descriptor: number | null = null;
    try {
      descriptor = openFile(path);
      return descriptor === null ? null : this.#findIn(path, descriptor);
    } catch (error) {
      // One file that may not be read must not keep the others from being searched.
      if (!(error instanceof Error && "code" in error)) throw error;
      return { path, unreadable: String(error.code) };
    } finally {
      if (descriptor !== null) closeSync(descriptor);
    }
  }

  /** Whether one of the texts stands in some bytes. */
  isIn(text: Uint8Array): boolean {
    const bytes = Buffer.from(text.buffer, text.byteOffset, text.byteLength);
    for (let index = 0; index + MIN_TEXT_BYTES <= bytes.length; index++)
      if (this.#isHit(bytes, index)) return true;
    return false;
  }

  #findIn(path: string, descriptor: number): FoundBytes | null {
    if (!fstatSync(descriptor).isFile()) return null;
    const window = Buffer.alloc(CHUNK_BYTES + 2 * this.#margin);
    let count = 0;
    let firstOffset = -1;
    // Each hit is looked at with what stands around it, so windows overlap.
    for (let at = 0; ; at += CHUNK_BYTES) {
      const from = Math.max(0, at - this.#margin);
      const length = readSync(descriptor, window, 0, at - from + CHUNK_BYTES + this.#margin, from);
      const bytes = window.subarray(0, length);
      const end = Math.min(length - MIN_TEXT_BYTES + 1, at - from + CHUNK_BYTES);
      for (let index = at - from; index < end; index++) {
        if (!this.#isHit(bytes, index)) continue;
        count++;
        if (firstOffset < 0) firstOffset = from + index;
      }
      if (length < at - from + CHUNK_BYTES + this.#margin) break;
    }
    return count === 0 ? null : { path, count, firstOffset };
  }

  #isHit(bytes: Buffer, index: number): boolean {
    const needles = this.#byStart.get(bytes.readUInt32BE(index));
    if (needles === undefined) return false;
    return needles.some(
      (needle) =>
        isAt(bytes, needle.bytes, index) &&
        !needle.covers.some((cover) => isAt(bytes, cover.bytes, index - cover.at)),
    );
  }
}

function isAt(bytes: Buffer, part: Buffer, at: number): boolean {
  return (
    at >= 0 &&
    at + part.length <= bytes.length &&
    bytes.compare(part, 0, part.length, at, at + part.length) === 0
  );
}

/** A text as it is, and as it stands inside JSON. */
function formsOf(text: string): string[] {
  return [text, JSON.stringify(text).slice(1, -1)];
}

function openFile(path: string): number | null {
  const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
  try {
    return openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ELOOP") return null;
    throw error;
  }
}
