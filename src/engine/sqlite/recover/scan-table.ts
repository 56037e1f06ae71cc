/** Reads of a damaged table whatever SQLite itself can still read: from the front, from the back, and between. */
import { Database } from "bun:sqlite";
import { quoteIdentifier } from "../quote.ts";
import { isSqliteError } from "../sqlite-errors.ts";
import type { RecordValue } from "./record.ts";
import type { FoundRow } from "./row-sink.ts";
import { columnList, type TableShape } from "./table-shape.ts";

/** Rows a statement; when one of them cannot be read, they are read one by one. */
const CHUNK_ROWS = 500;
/** How often it is tried anew behind what cannot be read; what is left then is for the pages themselves. */
const MAX_PROBES = 200;
const MIN_ROWID = -(2n ** 63n);
const MAX_ROWID = 2n ** 63n - 1n;

type OnRow = (row: FoundRow) => void;

export class DamagedDatabase implements Disposable {
  readonly #database: Database;

  private constructor(database: Database) {
    this.#database = database;
  }

  /** Opens a private copy without the right to write; null when SQLite can make nothing of it at all. */
  static open(path: string): DamagedDatabase | null {
    const database = new Database(path, { readonly: true, safeIntegers: true });
    try {
      database.run("PRAGMA trusted_schema = OFF");
      database.prepare("SELECT count(*) FROM sqlite_schema").values();
      return new DamagedDatabase(database);
    } catch (error) {
      database.close(true);
      if (!isSqliteError(error)) throw error;
      return null;
    }
  }

  /** The columns of a table, as its own schema has them; empty when there is no such table. */
  columnsOf(table: string): string[] {
    try {
      const rows = this.#values("SELECT name FROM pragma_table_info(?)", [table]);
      return rows.map(([name]) => String(name));
    } catch (error) {
      if (!isSqliteError(error)) throw error;
      return [];
    }
  }

  /** Tells of each row once; returns false when not all of the table could be read. */
  scan(shape: TableShape, onRow: OnRow): boolean {
    try {
      if (!shape.hasRowid) return this.#scanKeys(shape, onRow);
      return this.#scanRange(shape, { low: MIN_ROWID, high: MAX_ROWID, probes: MAX_PROBES }, onRow);
    } catch (error) {
      // The table itself cannot be compiled against.
      if (!isSqliteError(error)) throw error;
      return false;
    }
  }

  [Symbol.dispose](): void {
    this.#database.close(true);
  }

  #scanRange(
    shape: TableShape,
    { low, high, probes }: { low: bigint; high: bigint; probes: number },
    onRow: OnRow,
  ): boolean {
    const gaps = [{ low, high }];
    let isWhole = true;
    for (let probe = 0; probe < probes; probe++) {
      const gap = gaps.shift();
      if (gap === undefined) return isWhole;
      const front = this.#read(shape, { ...gap, isBackwards: false }, onRow);
      if (front.isDone) continue;
      isWhole = false;
      const lowest = front.last ?? gap.low;
      const back = this.#read(shape, { low: lowest, high: gap.high, isBackwards: true }, onRow);
      if (back.isDone) continue;
      const highest = back.last ?? gap.high;
      const middle = (lowest + highest) / 2n;
      if (middle <= lowest || middle >= highest) continue;
      gaps.push({ low: lowest, high: middle + 1n }, { low: middle, high: highest });
    }
    return false;
  }

  /** Reads between two rowids, both left out, until the end or until something cannot be read. */
  #read(
    shape: TableShape,
    { low, high, isBackwards }: { low: bigint; high: bigint; isBackwards: boolean },
    onRow: OnRow,
  ): { readonly last: bigint | null; readonly isDone: boolean } {
    const order = isBackwards ? "DESC" : "ASC";
    const bound = low === MIN_ROWID ? ">=" : ">";
    const upper = high === MAX_ROWID ? "<=" : "<";
    const sql = `SELECT rowid, ${columnList(shape)}
      FROM ${quoteIdentifier(shape.name)} NOT INDEXED
      WHERE rowid ${bound} ? AND rowid ${upper} ?
      ORDER BY rowid ${order}
      LIMIT ?`;
    let last: bigint | null = null;
    let limit = CHUNK_ROWS;
    for (;;) {
      const from = !isBackwards && last !== null ? last : low;
      const to = isBackwards && last !== null ? last : high;
      // The first statement's bounds may include the ends of all integers; those after it never do.
      const rows = this.#try(last === null ? sql : sql.replace(">=", ">").replace("<=", "<"), [
        from,
        to,
        BigInt(limit),
      ]);
      if (rows === null) {
        if (limit === 1) return { last, isDone: false };
        limit = 1;
        continue;
      }
      for (const [rowid, ...values] of rows) {
        if (typeof rowid !== "bigint" || rowid < from || rowid > to) return { last, isDone: false };
        // A page that is in the wrong place gives rows out of turn.
        const isOutOfTurn: boolean = last !== null && (isBackwards ? rowid >= last : rowid <= last);
        if (isOutOfTurn) return { last, isDone: false };
        last = rowid;
        onRow({ rowid, values, page: null });
      }
      if (rows.length < limit) return { last, isDone: true };
    }
  }

  #scanKeys(shape: TableShape, onRow: OnRow): boolean {
    const key = shape.key.map((index) => quoteIdentifier(shape.columns[index]?.name ?? ""));
    let seen = 0;
    for (const order of ["ASC", "DESC"]) {
      let limit = CHUNK_ROWS;
      let after: RecordValue[] | null = null;
      for (;;) {
        const rows: RecordValue[][] | null = this.#try(
          `SELECT ${columnList(shape)}
           FROM ${quoteIdentifier(shape.name)} NOT INDEXED
           ${after === null ? "" : `WHERE (${key.join(", ")}) ${order === "ASC" ? ">" : "<"} (${key.map(() => "?").join(", ")})`}
           ORDER BY ${key.map((column) => `${column} ${order}`).join(", ")}
           LIMIT ?`,
          [...(after ?? []), BigInt(limit)],
        );
        if (rows === null) {
          if (limit === 1) break;
          limit = 1;
          continue;
        }
        for (const values of rows) onRow({ rowid: null, values, page: null });
        seen += rows.length;
        const end = rows.at(-1);
        if (rows.length < limit || end === undefined) return order === "ASC";
        after = shape.key.map((index) => end[index] ?? null);
        // Keys that do not move on would be read for ever.
        if (seen > Number.MAX_SAFE_INTEGER / 2) break;
      }
    }
    return false;
  }

  /** Null when SQLite cannot read it. */
  #try(sql: string, values: readonly RecordValue[]): RecordValue[][] | null {
    try {
      return this.#values(sql, values);
    } catch (error) {
      if (!isSqliteError(error)) throw error;
      return null;
    }
  }

  #values(sql: string, values: readonly RecordValue[]): RecordValue[][] {
    const statement = this.#database.prepare(sql);
    try {
      return statement.values(...values) as unknown as RecordValue[][];
    } finally {
      statement.finalize();
    }
  }
}
