/** Whose each page of a damaged file is: the trees as far as they can be followed, and the leaves that hang in the air. */
import type { PageFile } from "./page-file.ts";
import { PointerMap } from "./pointer-map.ts";
import { readTreePage, type TreeFamily } from "./tree-page.ts";

/** A tree as far as it can be followed from its root. */
export interface FoundTree {
  readonly root: number;
  readonly family: TreeFamily;
  /** Pages with rows or entries, in the order of the keys. */
  readonly contentPages: readonly number[];
  /** Rows or entries on them. */
  readonly cellCount: number;
  /** Pages of it that cannot be read, or not wholly. */
  readonly damagedPages: readonly number[];
  /** True when a page of it is another tree's as well: what SQLite reads there may be somebody else's. */
  readonly isTangled: boolean;
}

/** Pages of content that no tree leads to, by the root that they hung under; 0 where that is not known. */
export type Orphans = ReadonlyMap<number, readonly { number: number; family: TreeFamily }[]>;

const FREE = 0xffff_ffff;
/** Deeper than any tree. */
const MAX_DEPTH = 60;

export class PageMap {
  readonly pointers: PointerMap;
  readonly #file: PageFile;
  readonly #owners: Uint32Array;
  #isFreeListWhole = true;

  constructor(file: PageFile) {
    this.#file = file;
    this.pointers = new PointerMap(file);
    this.#owners = new Uint32Array(file.pageCount + 1);
    this.#markFree();
  }

  /** False when it cannot be told which pages are free: what stands there may have been deleted. */
  get isFreeListWhole(): boolean {
    return this.#isFreeListWhole;
  }

  /** Follows a tree and takes its pages. */
  follow(root: number, family: TreeFamily): FoundTree {
    const contentPages: number[] = [];
    const damaged = new Set<number>();
    let isTangled = false;
    let cellCount = 0;
    const visit = (number: number, parent: number, depth: number): void => {
      const page = depth > MAX_DEPTH ? null : readTreePage(this.#file, number);
      const isOurs = parent === 0 || this.#isChildOf(number, parent);
      if (!isOurs || (this.#owners[number] ?? FREE) !== 0) {
        // The page above leads to a page that is another's, so it is the one that is damaged.
        isTangled = true;
        damaged.add(parent === 0 ? number : parent);
        return;
      }
      if (page === null || page.family !== family) {
        damaged.add(number);
        this.#owners[number] = root;
        return;
      }
      this.#owners[number] = root;
      if (page.isDamaged) damaged.add(number);
      if (page.isLeaf || family === "index") {
        contentPages.push(number);
        cellCount += page.cells.length;
      }
      for (const child of page.children) visit(child, number, depth + 1);
    };
    if (root >= 1 && root <= this.#file.pageCount) visit(root, 0, 0);
    else damaged.add(root);
    return { root, family, contentPages, cellCount, damagedPages: [...damaged], isTangled };
  }

  /** Pages of content that no followed tree took; call when all that are known were followed. */
  orphans(): Orphans {
    const found = new Map<number, { number: number; family: TreeFamily }[]>();
    for (let number = 2; number <= this.#file.pageCount; number++) {
      if (this.#owners[number] !== 0 || this.pointers.isMapPage(number)) continue;
      const { use } = this.pointers.get(number);
      if (use === "free" || use === "overflow") continue;
      const page = readTreePage(this.#file, number);
      if (page === null || page.cells.length === 0) continue;
      if (page.family === "table" && !page.isLeaf) continue;
      // Without a map only a whole list of free pages tells what was deleted from what is still there.
      if (use === "unknown" && !this.#isFreeListWhole) continue;
      const root = this.#rootOf(number);
      found.set(root, [...(found.get(root) ?? []), { number, family: page.family }]);
    }
    return found;
  }

  /** Pages of the database that the file has no more, as first and last. */
  missingPages(): (readonly [number, number])[] {
    let last = this.#file.pageCount;
    while (last > 0 && this.#file.page(last) === null) last--;
    return last === this.#file.pageCount ? [] : [[last + 1, this.#file.pageCount]];
  }

  #isChildOf(page: number, parent: number): boolean {
    const entry = this.pointers.get(page);
    return entry.use === "unknown" || (entry.use === "tree" && entry.parent === parent);
  }

  #rootOf(page: number): number {
    let at = page;
    for (let depth = 0; depth < MAX_DEPTH; depth++) {
      const owner = this.#owners[at] ?? 0;
      if (owner !== 0 && owner !== FREE) return owner;
      const { use, parent } = this.pointers.get(at);
      if (use === "root") return at;
      if (use !== "tree" || parent < 1 || parent > this.#file.pageCount) return 0;
      if (parent === 1) return 1;
      at = parent;
    }
    return 0;
  }

  #markFree(): void {
    const { usableSize, pageCount } = this.#file;
    this.#isFreeListWhole = this.#file.hasHeader;
    let trunk = this.#file.field(32);
    let count = 0;
    while (trunk !== 0) {
      const bytes =
        trunk > pageCount || this.#owners[trunk] === FREE ? null : this.#file.page(trunk);
      const leaves = bytes?.readUInt32BE(4) ?? Infinity;
      if (bytes === null || leaves > usableSize / 4 - 2) {
        this.#isFreeListWhole = false;
        return;
      }
      this.#owners[trunk] = FREE;
      for (let index = 0; index < leaves; index++) {
        const leaf = bytes.readUInt32BE(8 + 4 * index);
        if (leaf >= 2 && leaf <= pageCount) this.#owners[leaf] = FREE;
        else this.#isFreeListWhole = false;
      }
      count += 1 + leaves;
      trunk = bytes.readUInt32BE(0);
    }
    if (count !== this.#file.field(36)) this.#isFreeListWhole = false;
  }
}
