/** Puts rows into the new database, constraint by constraint; what does not fit goes to the side file. */
import type { Connection, Prepared } from "../connection.ts";
import { quoteIdentifier } from "../quote.ts";
import { UsageDbError } from "../../../errors.ts";
import { TableCount } from "./balance.ts";
import type { RecordValue } from "./record.ts";
import type { SideFile } from "./side-file.ts";
import { columnList, type TableShape } from "./table-shape.ts";

export interface FoundRow {
  readonly rowid: number | bigint | null;
  /** By the shape's columns. */
  readonly values: readonly RecordValue[];
  /** Where it stood, when it was not read through SQLite. */
  readonly page: number | null;
}

interface Statements {
  readonly insert: Prepared;
  readonly find: Prepared;
}

export class RowSink {
  readonly #target: Connection;
  readonly #side: SideFile;
  readonly #counts = new Map<string, TableCount>();
  readonly #statements = new Map<string, Statements>();

  constructor(target: Connection, side: SideFile) {
    this.#target = target;
    this.#side = side;
  }

  get counts(): ReadonlyMap<string, TableCount> {
    return this.#counts;
  }

  countOf(table: string): TableCount {
    const known = this.#counts.get(table) ?? new TableCount(table);
    this.#counts.set(table, known);
    return known;
  }

  /** True when the row, by its rowid or key, is there already. */
  has(shape: TableShape, { rowid, values }: FoundRow): boolean {
    const key = shape.hasRowid ? [rowid] : shape.key.map((index) => values[index] ?? null);
    return this.#statementsOf(shape).find.values(...key).length > 0;
  }

  /** Stores a row, or puts it aside with the reason; returns whether it was stored. */
  add(shape: TableShape, row: FoundRow): boolean {
    const count = this.countOf(shape.name);
    count.read++;
    // SQLite reads zeros in a text as what they are; in a damaged file they are what is left of it.
    if (row.values.some((value) => typeof value === "string" && value.includes("\0"))) {
      this.refuse(shape, row, "a text holds NULs, as what was zeroed does");
      return false;
    }
    try {
      this.#statementsOf(shape).insert.run(...insertedValues(shape, row));
      count.saved++;
      return true;
    } catch (error) {
      if (!isFaultOfRow(error)) throw error;
      this.refuse(shape, row, constraintOf(error));
      return false;
    }
  }

  /** Whether all the rows would be taken; stores none. */
  takes(shape: TableShape, rows: readonly FoundRow[]): boolean {
    const { insert } = this.#statementsOf(shape);
    this.#target.runOnce("SAVEPOINT trial");
    try {
      for (const row of rows) insert.run(...insertedValues(shape, row));
      return true;
    } catch (error) {
      if (!isFaultOfRow(error)) throw error;
      return false;
    } finally {
      this.#target.runOnce("ROLLBACK TO trial");
      this.#target.runOnce("RELEASE trial");
    }
  }

  /** Puts a row aside. */
  refuse(shape: TableShape, { rowid, values, page }: FoundRow, reason: string): void {
    this.countOf(shape.name).refuse(reason);
    const named = shape.columns.map(({ name }, index) => [name, values[index] ?? null] as const);
    const row = Object.fromEntries(named);
    this.#side.add({ table: shape.name, reason, page, rowid, row });
  }

  /** Puts a copy of a row aside that stays, though not as it was. */
  keepOriginal(table: string, row: Readonly<Record<string, RecordValue>>, reason: string): void {
    this.#side.add({ table, reason, page: null, rowid: null, row });
  }

  #statementsOf(shape: TableShape): Statements {
    const known = this.#statements.get(shape.name);
    if (known !== undefined) return known;
    const table = quoteIdentifier(shape.name);
    // A rowid that is a column as well is given once.
    const columns = hasHiddenRowid(shape) ? `rowid, ${columnList(shape)}` : columnList(shape);
    const places = shape.columns.map(() => "?").concat(hasHiddenRowid(shape) ? ["?"] : []);
    const isIt = shape.hasRowid
      ? "rowid = ?"
      : shape.key.map((index) => `${quoteIdentifier(nameAt(shape, index))} = ?`).join(" AND ");
    const statements = {
      insert: this.#target.prepare(
        `INSERT INTO ${table} (${columns}) VALUES (${places.join(", ")})`,
        "save a row",
      ),
      find: this.#target.prepare(`SELECT 1 FROM ${table} WHERE ${isIt}`, "look for a row"),
    };
    this.#statements.set(shape.name, statements);
    return statements;
  }
}

/** A rowid that is no column, but by which indexes and other rows know the row. */
const hasHiddenRowid = ({ hasRowid, rowidColumn }: TableShape): boolean =>
  hasRowid && rowidColumn === null;

function insertedValues(shape: TableShape, { rowid, values }: FoundRow): RecordValue[] {
  return hasHiddenRowid(shape) ? [rowid, ...values] : [...values];
}

function nameAt(shape: TableShape, index: number): string {
  return shape.columns[index]?.name ?? "";
}

export function isFaultOfRow(error: unknown): error is UsageDbError {
  return error instanceof UsageDbError && error.code === "CONSTRAINT_VIOLATED";
}

/** SQLite's own words, which name the constraint and no value. */
export function constraintOf({ message }: UsageDbError): string {
  return message.replace(/^[^:]*: /, "");
}
