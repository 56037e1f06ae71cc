/** What an index's entries look like, because the pages of an index and of a table WITHOUT ROWID are alike. */
import { UsageDbError } from "../../../errors.ts";
import type { Connection, Prepared } from "../connection.ts";
import { quoteIdentifier } from "../quote.ts";
import type { RecordValue } from "./record.ts";
import { type ColumnShape, isOfType, type TableShape } from "./table-shape.ts";

/** What the caller knows of values beyond their types: a time is no small number. */
export type IsPlausible = (table: string, column: string, value: RecordValue) => boolean;

/** Rowids count rows that were inserted; nobody inserts that many. */
const ROWIDS_BELOW = 100_000_000_000;

export class IndexShape {
  readonly name: string;
  readonly table: string;
  /** In the order of an entry; null for an expression, "rowid" for the row's own. */
  readonly #columns: readonly (ColumnShape | "rowid" | null)[];
  readonly #find: Prepared;
  /** Of an index that has some rows only; null where it has all, or where an entry does not say enough. */
  readonly #isIncluded: Prepared | null;
  readonly #isPlausible: IsPlausible;

  constructor(
    target: Connection,
    table: TableShape,
    {
      name,
      columns,
      isPlausible,
      isElsewhere,
    }: {
      readonly name: string;
      /** True for a table that is filled by other means: that it has a row of that number is all that is known. */
      readonly isElsewhere: boolean;
      readonly columns: readonly (ColumnShape | "rowid" | null)[];
      readonly isPlausible: IsPlausible;
    },
  ) {
    this.name = name;
    this.table = table.name;
    this.#columns = columns;
    this.#isPlausible = isPlausible;
    const conditions = columns.map((column, index) =>
      column === null || (isElsewhere && column !== "rowid")
        ? `?${index + 1} IS ?${index + 1}`
        : `${column === "rowid" ? "rowid" : quoteIdentifier(column.name)} IS ?${index + 1}`,
    );
    this.#find = target.prepare(
      `SELECT 1 FROM ${quoteIdentifier(table.name)} WHERE ${conditions.join(" AND ")} LIMIT 1`,
      "look for a row",
    );
    this.#isIncluded = partialCheck(target, name, columns);
  }

  /** Whether a record can be an entry of this index. */
  takes(record: readonly RecordValue[]): boolean {
    if (record.length !== this.#columns.length) return false;
    const isFitting = this.#columns.every((column, index) => {
      const value = record[index] ?? null;
      if (column === null) return true;
      if (column === "rowid")
        return typeof value === "number" && value > -ROWIDS_BELOW && value < ROWIDS_BELOW;
      return isOfType(column, value) && this.#isPlausible(this.table, column.name, value);
    });
    return isFitting && (this.#isIncluded?.values(...record).length ?? 1) > 0;
  }

  /** Whether a row that was saved already says all that the entry says. */
  isCopy(record: readonly RecordValue[]): boolean {
    return this.#find.values(...record).length > 0;
  }
}

export interface IndexShapesOptions {
  readonly isPlausible: IsPlausible;
  /** Tables that are filled by other means. */
  readonly elsewhere: readonly string[];
}

/** The indexes of some tables; that of a primary key of a table WITHOUT ROWID is the table itself. */
export function readIndexShapes(
  target: Connection,
  tables: readonly TableShape[],
  { isPlausible, elsewhere }: IndexShapesOptions,
): IndexShape[] {
  return tables.flatMap((table) =>
    target
      .readOnce("SELECT name, origin FROM pragma_index_list(?)", table.name)
      .filter(([, origin]) => table.hasRowid || origin !== "pk")
      .map(([index]) => {
        const name = String(index);
        const columns = target
          .readOnce("SELECT cid FROM pragma_index_xinfo(?) ORDER BY seqno", name)
          .map(([cid]) => columnAt(table, Number(cid)));
        const isElsewhere = elsewhere.includes(table.name);
        return new IndexShape(target, table, { name, columns, isPlausible, isElsewhere });
      }),
  );
}

function columnAt({ columns, rowidColumn }: TableShape, cid: number): ColumnShape | "rowid" | null {
  if (cid === -1 || cid === rowidColumn) return "rowid";
  return columns[cid] ?? null;
}

function partialCheck(
  target: Connection,
  name: string,
  columns: readonly (ColumnShape | "rowid" | null)[],
): Prepared | null {
  const sql = "SELECT sql FROM sqlite_schema WHERE type = 'index' AND name = ?";
  const definition = target.readOnce(sql, name)[0]?.[0];
  const condition = /\sWHERE\s+(.*)$/is.exec(String(definition ?? ""))?.[1];
  if (condition === undefined) return null;
  const values = columns.map((column, index) => {
    const known = column === null || column === "rowid" ? `rowid_${index}` : column.name;
    return `?${index + 1} AS ${quoteIdentifier(known)}`;
  });
  try {
    const check = target.prepare(
      `SELECT 1 FROM (SELECT ${values.join(", ")}) WHERE ${condition}`,
      "look at an entry",
    );
    check.values(...columns.map(() => null));
    return check;
  } catch (error) {
    // It asks for a column that no entry has.
    if (!(error instanceof UsageDbError)) throw error;
    return null;
  }
}
