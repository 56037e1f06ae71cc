/** One page of a b-tree: its children, its cells, and what of a cell stands on overflow pages. */
import type { PageFile } from "./page-file.ts";
import { readRecord, type RecordValue, readVarint } from "./record.ts";

/** A table's tree has rowids; an index's, and that of a table WITHOUT ROWID, has only records. */
export type TreeFamily = "table" | "index";

export interface TreePage {
  readonly number: number;
  readonly family: TreeFamily;
  readonly isLeaf: boolean;
  readonly bytes: Buffer;
  /** Where its cells begin. */
  readonly cells: readonly number[];
  /** Pages below it, in order; empty for a leaf. */
  readonly children: readonly number[];
  /** True when some cell or child of it is not as SQLite writes it; those are left out. */
  readonly isDamaged: boolean;
}

export interface FoundCell {
  readonly page: number;
  /** Null in an index. */
  readonly rowid: number | bigint | null;
  /** Null when the cell is there and its record cannot be read. */
  readonly values: readonly RecordValue[] | null;
}

/** So many zeros in a row are no content of ours. */
const ZEROED_BYTES = 16;

const KINDS: Readonly<Record<number, readonly [TreeFamily, boolean]>> = {
  2: ["index", false],
  5: ["table", false],
  10: ["index", true],
  13: ["table", true],
};

/** Reads a page; null when it is missing or no page of a tree. */
export function readTreePage(file: PageFile, number: number): TreePage | null {
  const bytes = file.page(number);
  if (bytes === null) return null;
  const start = number === 1 ? 100 : 0;
  const kind = KINDS[bytes[start] ?? 0];
  if (kind === undefined) return null;
  const [family, isLeaf] = kind;
  const count = bytes.readUInt16BE(start + 3);
  const pointers = start + (isLeaf ? 8 : 12);
  if (pointers + 2 * count > file.usableSize) return null;
  let isDamaged = false;
  const cells: number[] = [];
  const children: number[] = [];
  const addChild = (child: number): void => {
    if (child >= 2 && child <= file.pageCount) children.push(child);
    else isDamaged = true;
  };
  for (let index = 0; index < count; index++) {
    const cell = bytes.readUInt16BE(pointers + 2 * index);
    if (cell < pointers + 2 * count || cell + 4 > file.usableSize) {
      isDamaged = true;
      continue;
    }
    cells.push(cell);
    if (!isLeaf) addChild(bytes.readUInt32BE(cell));
  }
  if (!isLeaf) addChild(bytes.readUInt32BE(start + 8));
  return { number, family, isLeaf, bytes, cells, children, isDamaged };
}

/** The rows or entries on a page; none on a table's inner pages, which hold only keys. */
export function* cellsOf(file: PageFile, page: TreePage): Generator<FoundCell> {
  if (page.family === "table" && !page.isLeaf) return;
  let last: number | bigint | null = null;
  for (const at of page.cells) {
    const cell = readCell(file, page, at);
    // Rowids ascend on a page; one that does not is no row of it.
    const isOrdered: boolean = last === null || cell.rowid === null || cell.rowid > last;
    if (cell.rowid !== null && isOrdered) last = cell.rowid;
    yield isOrdered ? cell : { ...cell, values: null };
  }
}

function readCell(file: PageFile, page: TreePage, cell: number): FoundCell {
  const unreadable: FoundCell = { page: page.number, rowid: null, values: null };
  const { bytes, family, isLeaf } = page;
  const size = readVarint(bytes, family === "index" && !isLeaf ? cell + 4 : cell);
  if (size === null || typeof size.value !== "number" || size.value < 2) return unreadable;
  const key = family === "table" ? readVarint(bytes, size.next) : null;
  if (family === "table" && key === null) return unreadable;
  const rowid = key?.value ?? null;
  const payload = readPayload(file, page, key?.next ?? size.next, size.value);
  return { page: page.number, rowid, values: payload === null ? null : readRecord(payload) };
}

/** https://www.sqlite.org/fileformat2.html#cell_payload_overflow_pages */
function readPayload(
  file: PageFile,
  { bytes, family }: TreePage,
  at: number,
  size: number,
): Buffer | null {
  const { usableSize: usable } = file;
  if (size > file.pageCount * usable) return null;
  const most = family === "table" ? usable - 35 : Math.floor(((usable - 12) * 64) / 255) - 23;
  if (size <= most) return at + size <= usable ? bytes.subarray(at, at + size) : null;
  const least = Math.floor(((usable - 12) * 32) / 255) - 23;
  const wanted = least + ((size - least) % (usable - 4));
  const local = wanted <= most ? wanted : least;
  if (at + local + 4 > usable) return null;
  const parts = [bytes.subarray(at, at + local)];
  let rest = size - local;
  let next = bytes.readUInt32BE(at + local);
  while (rest > 0) {
    const overflow = next < 2 ? null : file.page(next);
    if (overflow === null) return null;
    const part = overflow.subarray(4, 4 + Math.min(rest, usable - 4));
    // What was zeroed would pass for a text of NULs.
    if (part.length >= ZEROED_BYTES && part.every((byte) => byte === 0)) return null;
    parts.push(part);
    rest -= part.length;
    next = overflow.readUInt32BE(0);
  }
  return next === 0 ? Buffer.concat(parts) : null;
}
