/** A database file as pages, with what its WAL has newer; needs no SQLite, and so no whole file. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { isPageSize, readWalFrames, type WalFrames } from "./wal-frames.ts";

const MAGIC = Buffer.from("SQLite format 3\0");
const HEADER_BYTES = 100;
const PAGE_SIZES = [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536];

export class PageFile implements Disposable {
  readonly pageSize: number;
  /** What of a page is for content: some files keep bytes at its end for themselves. */
  readonly usableSize: number;
  /** Pages of the database, whether the file still has them or not. */
  readonly pageCount: number;
  /** False when the first hundred bytes are not those of a database. */
  readonly hasHeader: boolean;
  readonly wal: WalFrames | null;
  readonly walSizeBytes: number;
  readonly #file: number;
  readonly #fileBytes: number;
  readonly #walFile: number | null;
  readonly #header: Buffer;

  /** @param walPath null when there is none. */
  constructor(path: string, walPath: string | null) {
    this.#file = openSync(path, "r");
    this.#fileBytes = fstatSync(this.#file).size;
    this.#walFile = walPath === null ? null : openSync(walPath, "r");
    this.walSizeBytes = this.#walFile === null ? 0 : fstatSync(this.#walFile).size;
    this.wal = this.#walFile === null ? null : readWalFrames(this.#walFile, this.walSizeBytes);
    this.#header = this.#readHeader();
    this.hasHeader = this.#header.subarray(0, 16).equals(MAGIC) && isPageSize(sizeIn(this.#header));
    this.pageSize = this.#sizeOfPages();
    const reserved = this.hasHeader ? (this.#header[20] ?? 0) : 0;
    this.usableSize = this.pageSize - reserved;
    this.pageCount = this.#countPages();
  }

  /** A copy of a page's bytes; null where the file has none. */
  page(number: number): Buffer | null {
    if (number < 1 || number > this.pageCount) return null;
    const newer = this.wal?.offsets.get(number);
    const bytes = Buffer.allocUnsafe(this.pageSize);
    const [file, at] =
      newer === undefined || this.#walFile === null
        ? [this.#file, (number - 1) * this.pageSize]
        : [this.#walFile, newer];
    return readSync(file, bytes, 0, this.pageSize, at) === this.pageSize ? bytes : null;
  }

  /** A field of the header, 0 when there is no header. */
  field(offset: number): number {
    return this.hasHeader ? this.#header.readUInt32BE(offset) : 0;
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
    if (this.#walFile !== null) closeSync(this.#walFile);
  }

  #readHeader(): Buffer {
    const header = Buffer.alloc(HEADER_BYTES);
    const newer = this.wal?.offsets.get(1);
    if (newer !== undefined && this.#walFile !== null)
      readSync(this.#walFile, header, 0, HEADER_BYTES, newer);
    else readSync(this.#file, header, 0, HEADER_BYTES, 0);
    return header;
  }

  #sizeOfPages(): number {
    if (this.wal !== null && this.wal.usedFrames > 0) return this.wal.pageSize;
    const guess = this.#guessPageSize();
    if (!this.hasHeader) return guess;
    // The header's count of pages fits only one size; a size that it does not fit may be what is damaged.
    const inHeader = sizeIn(this.#header);
    const fits = (size: number): boolean => this.field(28) * size === this.#fileBytes;
    return !fits(inHeader) && fits(guess) ? guess : inHeader;
  }

  #countPages(): number {
    if (this.wal?.pageCount != null) return this.wal.pageCount;
    const inFile = Math.floor(this.#fileBytes / this.pageSize);
    const isCountValid = this.hasHeader && this.field(24) === this.field(92) && this.field(28) > 0;
    // A file that was cut off knows how long it was; a count that is out of all proportion is damage itself.
    return isCountValid && this.field(28) < inFile * 64 + 1024 ? this.field(28) : inFile;
  }

  /**
   * The size by which most pages begin as pages of a tree do; of those by which about as many do the smallest, since
   * every second page of the right size begins a page of twice the size.
   */
  #guessPageSize(): number {
    const shares = PAGE_SIZES.map((size) => ({ size, share: this.#plausibleShare(size) }));
    const most = Math.max(...shares.map(({ share }) => share));
    return shares.find(({ share }) => share > 0 && share >= most * 0.75)?.size ?? 4096;
  }

  #plausibleShare(size: number): number {
    const start = Buffer.alloc(8);
    const count = Math.min(400, Math.floor(this.#fileBytes / size));
    let plausible = 0;
    for (let page = 2; page <= count; page++) {
      readSync(this.#file, start, 0, 8, (page - 1) * size);
      const contentStart = start.readUInt16BE(5);
      if ([2, 5, 10, 13].includes(start[0] ?? 0) && contentStart <= size && contentStart > 8)
        plausible++;
    }
    return count < 2 ? 0 : plausible / count;
  }
}

/** 65,536 does not fit into two bytes and is written as 1. */
function sizeIn(header: Buffer): number {
  const size = header.readUInt16BE(16);
  return size === 1 ? 65_536 : size;
}
