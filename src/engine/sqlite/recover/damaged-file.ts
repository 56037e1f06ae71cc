/** A damaged database as all that is left of it: pages, schema, trees, and what SQLite makes of it. */
import type { DamagedCopy } from "./damaged-copy.ts";
import { type FoundTree, type Orphans, PageMap } from "./page-map.ts";
import { PageFile } from "./page-file.ts";
import { DamagedDatabase } from "./scan-table.ts";
import { familyOf, type FoundSchema, readSchemaTree, type SchemaEntry } from "./schema-tree.ts";
import { cellsOf, type FoundCell, readTreePage } from "./tree-page.ts";

export class DamagedFile implements Disposable {
  readonly pages: PageFile;
  readonly schema: FoundSchema;
  /** Null when SQLite makes nothing of the file. */
  readonly database: DamagedDatabase | null;
  readonly orphans: Orphans;
  readonly #map: PageMap;
  readonly #trees = new Map<string, FoundTree>();

  constructor({ path, walPath }: Pick<DamagedCopy, "path" | "walPath">) {
    this.pages = new PageFile(path, walPath);
    this.#map = new PageMap(this.pages);
    this.schema = readSchemaTree(this.pages, this.#map);
    for (const entry of this.schema.entries)
      this.#trees.set(entry.name, this.#map.follow(entry.root, familyOf(entry)));
    this.orphans = this.#map.orphans();
    this.database = DamagedDatabase.open(path);
  }

  get isFreeListWhole(): boolean {
    return this.#map.isFreeListWhole;
  }

  /** First and last. */
  get missingPages(): (readonly [number, number])[] {
    return this.#map.missingPages();
  }

  tableOf(name: string): SchemaEntry | undefined {
    return this.schema.entries.find((entry) => entry.type === "table" && entry.name === name);
  }

  indexesOf(table: string): SchemaEntry[] {
    return this.schema.entries.filter((entry) => entry.type === "index" && entry.table === table);
  }

  treeOf({ name }: SchemaEntry): FoundTree | undefined {
    return this.#trees.get(name);
  }

  /** Every readable record of a table's tree with its rowid, without a shape to hold it to. */
  *recordsOf(table: string): Generator<FoundCell> {
    const entry = this.tableOf(table);
    yield* this.#cellsOf(entry === undefined ? [] : (this.treeOf(entry)?.contentPages ?? []));
  }

  /** Every readable record with a rowid that no tree leads to. */
  *orphanRecords(): Generator<FoundCell> {
    for (const pages of this.orphans.values())
      yield* this.#cellsOf(pages.map(({ number }) => number));
  }

  *#cellsOf(pages: readonly number[]): Generator<FoundCell> {
    for (const number of pages) {
      const page = readTreePage(this.pages, number);
      if (page !== null) yield* cellsOf(this.pages, page);
    }
  }

  [Symbol.dispose](): void {
    this.database?.[Symbol.dispose]();
    this.pages[Symbol.dispose]();
  }
}
