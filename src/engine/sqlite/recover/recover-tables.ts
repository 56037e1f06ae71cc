/** Rows of a damaged file into a new database: through SQLite first, then from indexes, then from the pages. */
import type { Connection } from "../connection.ts";
import type { TableBalance } from "./balance.ts";
import type { DamagedFile } from "./damaged-file.ts";
import { type IndexShape, type IsPlausible, readIndexShapes } from "./index-shape.ts";
import { mendReferences } from "./mend-references.ts";
import type { Orphans } from "./page-map.ts";
import type { RecordValue } from "./record.ts";
import { type FoundRow, RowSink } from "./row-sink.ts";
import type { SideFile } from "./side-file.ts";
import { readShapes, rowOfRecord, STATISTICS_SHAPE, type TableShape } from "./table-shape.ts";
import { cellsOf, type FoundCell, readTreePage, type TreeFamily } from "./tree-page.ts";

export interface RecoverTablesOptions {
  /** Tables that are filled by other means. */
  readonly except: readonly string[];
  /** By which rows are told from entries of an index where no schema tells them apart. */
  readonly isPlausible?: IsPlausible;
  readonly onTable?: (table: string, done: number, total: number) => void;
}

export interface TablesBalance {
  readonly tables: readonly TableBalance[];
  /** Rows of tables that the new database does not have, or that no table could be told for. */
  readonly strayRows: number;
}

/** Rows that are looked at to tell whose a page is. */
const SAMPLE_ROWS = 40;

/** Fills the empty tables of `target`; call inside a transaction, with foreign keys off. */
export function recoverTables(
  file: DamagedFile,
  target: Connection,
  {
    side,
    except,
    isPlausible = () => true,
    onTable,
  }: RecoverTablesOptions & { readonly side: SideFile },
): TablesBalance {
  const all = [...readShapes(target).values()];
  const shapes = all.filter(({ name }) => !except.includes(name));
  const others = [...all.filter(({ name }) => except.includes(name)), STATISTICS_SHAPE];
  const indexes = readIndexShapes(target, all, { isPlausible, elsewhere: except });
  const work = new Recovery(file, { target, side, shapes, others, indexes });
  for (const [index, shape] of shapes.entries()) {
    onTable?.(shape.name, index, shapes.length);
    work.readTable(shape);
  }
  work.readStrays();
  mendReferences(target, work.sink);
  const tables = shapes.map(({ name }) => work.sink.countOf(name).finish());
  return { tables, strayRows: work.strayRows };
}

interface RecoveryParts {
  readonly target: Connection;
  readonly side: SideFile;
  readonly shapes: readonly TableShape[];
  /** Of tables that are filled by other means. */
  readonly others: readonly TableShape[];
  readonly indexes: readonly IndexShape[];
}

interface StrayPage {
  readonly number: number;
  readonly family: TreeFamily;
}

class Recovery {
  readonly sink: RowSink;
  strayRows = 0;
  readonly #file: DamagedFile;
  readonly #parts: RecoveryParts;
  readonly #orphans: Orphans;

  constructor(file: DamagedFile, parts: RecoveryParts) {
    this.#file = file;
    this.#parts = parts;
    this.sink = new RowSink(parts.target, parts.side);
    this.#orphans = file.orphans;
  }

  readTable(shape: TableShape): void {
    const count = this.sink.countOf(shape.name);
    const entry = this.#file.tableOf(shape.name);
    const tree = entry === undefined ? undefined : this.#file.treeOf(entry);
    const orphans = entry === undefined ? [] : (this.#orphans.get(entry.root) ?? []);
    // A table that the schema no longer names may still lie there; its leaves are found as strays.
    if (entry === undefined || tree === undefined) {
      count.expected = null;
      return;
    }
    for (const page of tree.damagedPages) count.damagedPages.add(page);
    count.expected = this.#expectedOf(
      shape,
      tree.damagedPages.length === 0 ? tree.cellCount : null,
    );
    const isWhole = !tree.isTangled && this.#scan(shape);
    if (isWhole && tree.damagedPages.length === 0 && orphans.length === 0) return;
    for (const number of [...tree.contentPages, ...orphans.map((page) => page.number)])
      this.#readPage(shape, number);
    this.#readCoveringIndexes(shape);
  }

  /** What hangs under no tree of a known table: another's by its shape, or put aside. */
  readStrays(): void {
    const known = new Set(this.#file.schema.entries.map(({ root }) => root));
    const groups: (readonly StrayPage[])[] = [];
    for (const [root, pages] of this.#orphans) {
      if (root === 1 || known.has(root)) continue;
      if (root === 0) groups.push(...pages.map((page) => [page]));
      else groups.push(pages);
    }
    // An entry of an index is known by its row, so all rows come first.
    const [entries, rows] = split(groups, (group) => this.#isOfIndex(group));
    for (const group of rows) this.#placeStrays(group);
    for (const group of entries) this.#compareEntries(group);
    const { shapes, others } = this.#parts;
    const ours = new Set([...shapes, ...others].map(({ name }) => name));
    for (const entry of this.#file.schema.entries) {
      if (entry.type !== "table" || ours.has(entry.table) || entry.table.startsWith("sqlite_"))
        continue;
      const numbers = [
        ...(this.#file.treeOf(entry)?.contentPages ?? []),
        ...(this.#orphans.get(entry.root) ?? []).map(({ number }) => number),
      ];
      const reason = "the new database has no such table";
      for (const number of numbers) this.#setAside(number, entry.table, reason);
    }
  }

  #scan(shape: TableShape): boolean {
    const database = this.#file.database;
    if (database === null) return false;
    const columns = database.columnsOf(shape.name);
    if (!shape.columns.every(({ name }) => columns.includes(name))) return false;
    return database.scan(shape, (row) => {
      // The way back meets rows again that the way there had.
      if (!shape.hasRowid && this.sink.has(shape, row)) return;
      this.sink.add(shape, row);
    });
  }

  #readPage(shape: TableShape, number: number): void {
    const count = this.sink.countOf(shape.name);
    const page = readTreePage(this.#file.pages, number);
    if (page === null) return;
    for (const cell of cellsOf(this.#file.pages, page)) {
      const values = cell.values === null ? null : rowOfRecord(shape, cell.rowid, cell.values);
      if (values === null) {
        const isKnown =
          cell.rowid !== null &&
          this.sink.has(shape, { rowid: cell.rowid, values: [], page: number });
        if (!isKnown) count.unreadableRows++;
        continue;
      }
      const row: FoundRow = { rowid: cell.rowid, values, page: number };
      if (this.sink.has(shape, row)) continue;
      count.fromPages++;
      this.sink.add(shape, row);
    }
  }

  /** An index that has every column of its table is a second copy of it. */
  #readCoveringIndexes(shape: TableShape): void {
    if (!shape.hasRowid || shape.rowidColumn === null) return;
    const others = shape.columns.filter((_, index) => index !== shape.rowidColumn);
    for (const entry of this.#file.indexesOf(shape.name)) {
      const names = this.#parts.target
        .readOnce("SELECT name FROM pragma_index_info(?) ORDER BY seqno", entry.name)
        .map(([name]) => String(name));
      if (others.some(({ name }) => !names.includes(name))) continue;
      for (const number of this.#file.treeOf(entry)?.contentPages ?? [])
        for (const cell of this.#cellsOf(number)) this.#addFromIndex(shape, names, cell);
    }
  }

  #addFromIndex(
    shape: TableShape,
    names: readonly string[],
    { values: entry, page }: FoundCell,
  ): void {
    const rowid = entry?.at(-1);
    if (entry == null || (typeof rowid !== "number" && typeof rowid !== "bigint")) return;
    const values = shape.columns.map(({ name }, index) =>
      index === shape.rowidColumn ? rowid : (entry[names.indexOf(name)] ?? null),
    );
    const row: FoundRow = { rowid, values, page };
    if (this.sink.has(shape, row)) return;
    this.sink.countOf(shape.name).fromIndexes++;
    this.sink.add(shape, row);
  }

  #placeStrays(pages: readonly StrayPage[]): void {
    const rowsOf = (shape: TableShape, cells: Iterable<FoundCell>): FoundRow[] | null => {
      const rows: FoundRow[] = [];
      for (const { rowid, values, page } of cells) {
        if (values === null) continue;
        // A record without a rowid that lacks columns is sooner an index's.
        if (rowid === null && values.length !== shape.columns.length) return null;
        const fitting = rowOfRecord(shape, rowid, values);
        if (fitting === null) return null;
        rows.push({ rowid, values: fitting, page });
      }
      return rows;
    };
    const sample = this.#sampleOf(pages);
    if (this.#parts.others.some((shape) => (rowsOf(shape, sample)?.length ?? 0) > 0)) return;
    const fitting = this.#parts.shapes.filter((shape) => {
      if (this.#isWhole(shape.name)) return false;
      const rows = rowsOf(shape, sample);
      return rows !== null && rows.length > 0 && this.sink.takes(shape, rows);
    });
    const [only] = fitting;
    for (const { number } of pages) {
      if (only !== undefined && fitting.length === 1) this.#readPage(only, number);
      else this.#setAside(number, null, "it cannot be told which table it is of");
    }
  }

  /** True for pages that may be an index's: such an index may be damaged, and what is on them looks like its entries. */
  #isOfIndex(pages: readonly StrayPage[]): boolean {
    return pages.some(({ family }) => family === "index") && this.#indexesOf(pages).length > 0;
  }

  #indexesOf(pages: readonly StrayPage[]): IndexShape[] {
    const sample = this.#sampleOf(pages).flatMap(({ values }) => (values === null ? [] : [values]));
    return this.#parts.indexes.filter(
      (index) => !this.#isWhole(index.name) && sample.every((record) => index.takes(record)),
    );
  }

  /** Entries of an index say nothing that its rows do not; what no row says may be a row of its own, and may not. */
  #compareEntries(pages: readonly StrayPage[]): void {
    const indexes = this.#indexesOf(pages);
    const isEntry = (values: readonly RecordValue[]): boolean =>
      indexes.some((index) => index.takes(values) && index.isCopy(values));
    for (const { number } of pages)
      this.#setAside(
        number,
        null,
        "it cannot be told whether it is of a table or an index",
        isEntry,
      );
  }

  #sampleOf(pages: readonly StrayPage[]): FoundCell[] {
    const sample: FoundCell[] = [];
    for (const { number } of pages) {
      sample.push(...this.#cellsOf(number));
      if (sample.length >= SAMPLE_ROWS) break;
    }
    return sample.slice(0, SAMPLE_ROWS);
  }

  /** A table or index whose tree can be followed to its end has no leaf that hangs in the air. */
  #isWhole(name: string): boolean {
    const entry = this.#file.schema.entries.find((known) => known.name === name);
    return entry !== undefined && this.#file.treeOf(entry)?.damagedPages.length === 0;
  }

  #setAside(
    number: number,
    table: string | null,
    reason: string,
    isKnown: (values: readonly RecordValue[]) => boolean = () => false,
  ): void {
    for (const { rowid, values, page } of this.#cellsOf(number)) {
      if (values === null || isKnown(values)) continue;
      this.strayRows++;
      this.#parts.side.add({ table, reason, page, rowid, row: values });
    }
  }

  #cellsOf(number: number): FoundCell[] {
    const page = readTreePage(this.#file.pages, number);
    return page === null ? [] : [...cellsOf(this.#file.pages, page)];
  }

  /** The most that an intact index, or the tree itself, has. */
  #expectedOf(shape: TableShape, inTree: number | null): number | null {
    const counts = this.#file
      .indexesOf(shape.name)
      .filter(({ sql }) => !/\sWHERE\s/i.test(sql ?? ""))
      .map((entry) => this.#file.treeOf(entry))
      .filter((tree) => tree !== undefined && tree.damagedPages.length === 0)
      .map((tree) => tree?.cellCount ?? 0);
    const known = inTree === null ? counts : [...counts, inTree];
    return known.length === 0 ? null : Math.max(...known);
  }
}

function split<T>(values: readonly T[], isFirst: (value: T) => boolean): [T[], T[]] {
  const [first, second]: [T[], T[]] = [[], []];
  for (const value of values) (isFirst(value) ? first : second).push(value);
  return [first, second];
}
