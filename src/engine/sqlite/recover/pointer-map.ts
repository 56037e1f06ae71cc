/**
 * What an auto-vacuum database says of each page: what it is for, and which page leads to it. Our files have it, and
 * it tells whose a leaf is when the pages above it are gone.
 * https://www.sqlite.org/fileformat2.html#pointer_map_or_ptrmap_pages
 */
import type { PageFile } from "./page-file.ts";

export type PageUse = "root" | "free" | "overflow" | "tree" | "unknown";

export interface PointerMapEntry {
  readonly use: PageUse;
  readonly parent: number;
}

const USES: Readonly<Record<number, PageUse>> = {
  1: "root",
  2: "free",
  3: "overflow",
  4: "overflow",
  5: "tree",
};
const UNKNOWN: PointerMapEntry = { use: "unknown", parent: 0 };
const ENTRY_BYTES = 5;
/** The byte that SQLite locks; its page holds nothing. */
const PENDING_BYTE = 0x40000000;

export class PointerMap {
  readonly #file: PageFile;
  readonly #isThere: boolean;
  readonly #pages = new Map<number, Buffer | null>();

  constructor(file: PageFile) {
    this.#file = file;
    this.#isThere = file.hasHeader ? file.field(52) !== 0 : looksLikeMap(file);
  }

  /** False for a database without auto-vacuum, of which it knows nothing. */
  get isThere(): boolean {
    return this.#isThere;
  }

  isMapPage(page: number): boolean {
    return this.#isThere && page >= 2 && this.#mapPageOf(page) === page;
  }

  get(page: number): PointerMapEntry {
    if (!this.#isThere || page < 3 || this.isMapPage(page)) return UNKNOWN;
    const mapPage = this.#mapPageOf(page);
    let bytes = this.#pages.get(mapPage);
    if (bytes === undefined) {
      bytes = this.#file.page(mapPage);
      this.#pages.set(mapPage, bytes);
    }
    if (bytes === null) return UNKNOWN;
    const at = ENTRY_BYTES * (page - mapPage - 1);
    const use = USES[bytes[at] ?? 0];
    return use === undefined ? UNKNOWN : { use, parent: bytes.readUInt32BE(at + 1) };
  }

  #mapPageOf(page: number): number {
    const { usableSize, pageSize } = this.#file;
    const stride = Math.floor(usableSize / ENTRY_BYTES) + 1;
    const mapPage = Math.floor((page - 2) / stride) * stride + 2;
    return mapPage === PENDING_BYTE / pageSize + 1 ? mapPage + 1 : mapPage;
  }
}

/** For a file without a header: whether page 2 begins as such a map does. */
function looksLikeMap(file: PageFile): boolean {
  const bytes = file.page(2);
  if (bytes === null || file.pageCount < 8) return false;
  for (let page = 3; page <= 8; page++) {
    const at = ENTRY_BYTES * (page - 3);
    const [kind, parent] = [bytes[at] ?? 0, bytes.readUInt32BE(at + 1)];
    if (kind < 1 || kind > 5 || parent > file.pageCount) return false;
    if (kind <= 2 !== (parent === 0)) return false;
  }
  return true;
}
