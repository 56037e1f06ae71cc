/** Fills tables with valid rows by seeded trial: insert, see which constraint refuses, change what it is about. */
import type { Binding, Connection } from "../connection.ts";
import { countRows, insertRow, REFUSED, type Refusal, type Row, undone } from "./insert.ts";
import type { Random } from "./random.ts";
import { readTables, type TableForeignKey, type TableShape } from "./tables.ts";
import { ValuePool } from "./values.ts";
import { quoteIdentifier } from "../quote.ts";
import { isSqliteError } from "../sqlite-errors.ts";

export interface FilledTable {
  readonly shape: TableShape;
  readonly rowCount: number;
  /** The last refusal, of a table that stayed empty. */
  readonly refusal: Refusal | null;
}

/** Changes of single values before a row is given up. */
const MAX_CHANGES = 400;
/** Rows given up in sequence before a table is taken to be full. */
const MAX_VAIN_ROWS = 2;
const MAX_PARENTS = 50;
const SAFE = Number.MAX_SAFE_INTEGER;

/** Remembers shapes and pools, so that filling the same tables again is cheap. */
export class TableFiller {
  readonly #random: Random;
  readonly #rows: number;
  #shapes = new Map<string, TableShape>();
  readonly #pools = new WeakMap<TableShape, Map<string, ValuePool>>();

  constructor(random: Random, rows: number) {
    this.#random = random;
    this.#rows = rows;
  }

  /** Tops every table up to the wanted number of rows, or to as many as its constraints allow. */
  fill(connection: Connection): FilledTable[] {
    const tables = readTables(connection, this.#shapes);
    this.#shapes = new Map(tables.map((table) => [table.name, table]));
    const filled = new Map<TableShape, FilledTable>();
    connection.runOnce("BEGIN IMMEDIATE");
    try {
      for (const table of tables) filled.set(table, this.#fillTable(connection, table));
      // A second look at what was empty: tables that point at each other.
      for (const [table, { rowCount }] of filled)
        if (rowCount === 0) filled.set(table, this.#fillTable(connection, table));
    } finally {
      // A trigger's RAISE(ROLLBACK) ends the transaction.
      if (connection.inTransaction) connection.runOnce("COMMIT");
    }
    return [...filled.values()];
  }

  /** A row that the table takes; it is not kept. The refusal when none was found. */
  tryRow(connection: Connection, table: TableShape): Row | Refusal {
    let found: Row | Refusal | null = null;
    undone(connection, () => {
      found = this.#insertValid(connection, table);
    });
    return found ?? { errno: 0, message: "no row was tried" };
  }

  /** A value for a column that is most likely nobody's key. */
  orphan(connection: Connection, table: TableShape, column: string): Binding {
    return this.#poolsOf(connection, table).get(column)?.fresh(this.#random) ?? null;
  }

  #fillTable(connection: Connection, table: TableShape): FilledTable {
    let rowCount = countRows(connection, table.name);
    let refusal: Refusal | null = null;
    for (let vain = 0; rowCount < this.#rows && vain < MAX_VAIN_ROWS;) {
      const result = this.#insertValid(connection, table);
      if (result instanceof Map)
        rowCount += 1 + this.#repeat(connection, table, result, rowCount + 1 < this.#rows);
      else {
        refusal = result;
        vain++;
      }
    }
    return { shape: table, rowCount, refusal: rowCount === 0 ? refusal : null };
  }

  /** Now and then the same row once more, where nothing forbids it; how many were added. */
  #repeat(connection: Connection, table: TableShape, row: Row, hasRoom: boolean): number {
    if (!hasRoom || !this.#random.chance(0.15)) return 0;
    const twin = new Map(row);
    for (const { name, isRowid } of table.columns) if (isRowid) twin.set(name, null);
    return insertRow(connection, table, twin) === null ? 1 : 0;
  }

  #insertValid(connection: Connection, table: TableShape): Row | Refusal {
    const row = this.#firstTry(connection, table);
    let refusal: Refusal | null = null;
    for (let change = 0; change < MAX_CHANGES; change++) {
      refusal = insertRow(connection, table, row);
      if (refusal === null) {
        for (const pool of this.#poolsOf(connection, table).values()) pool.praise();
        return row;
      }
      this.#mend(connection, table, row, refusal);
    }
    return refusal ?? { errno: 0, message: "no row was tried" };
  }

  #firstTry(connection: Connection, table: TableShape): Row {
    const pools = this.#poolsOf(connection, table);
    const row: Row = new Map();
    for (const column of table.columns) {
      const mayBeNull = column.isRowid || (!column.isNotNull && this.#random.chance(0.2));
      row.set(column.name, mayBeNull ? null : (pools.get(column.name)?.pick(this.#random) ?? null));
    }
    for (const key of table.foreignKeys) this.#point(connection, table, row, key);
    return row;
  }

  /** Changes what the refusal is about, at random where it does not say. */
  #mend(connection: Connection, table: TableShape, row: Row, refusal: Refusal): void {
    const { errno, message } = refusal;
    if (errno === REFUSED.foreignKey) {
      for (const key of table.foreignKeys) this.#point(connection, table, row, key);
      return;
    }
    if (errno === REFUSED.check) {
      const label = message.replace(/^CHECK constraint failed: /, "");
      const columns = table.checks.find((check) => check.label === label)?.columns ?? [];
      const [only] = columns;
      if (columns.length === 1 && only !== undefined)
        this.#poolsOf(connection, table)
          .get(only)
          ?.ban(row.get(only) ?? null);
      this.#change(connection, table, row, this.#random.pick(columns));
      return;
    }
    const named = [...message.matchAll(/(?:: |, |column )[^.,]+\.([^,]+)/g)].flatMap(([, name]) =>
      name === undefined ? [] : [name],
    );
    const isDuplicate =
      errno === REFUSED.unique || errno === REFUSED.primaryKey || errno === REFUSED.rowid;
    const column = this.#random.pick(named);
    if (!isDuplicate || column === undefined || this.#isForeign(table, column)) {
      this.#change(connection, table, row, column);
      return;
    }
    const definition = table.columns.find(({ name }) => name === column);
    if (definition?.isRowid === true) row.set(column, null);
    else {
      const pool = this.#poolsOf(connection, table).get(column);
      row.set(column, pool?.fresh(this.#random) ?? null);
    }
  }

  /** Gives a column another value; any column when none is named. */
  #change(connection: Connection, table: TableShape, row: Row, named?: string): void {
    const column =
      table.columns.find(({ name }) => name === named) ?? this.#random.pick(table.columns);
    if (column === undefined) return;
    const key = table.foreignKeys.find(({ columns }) => columns.includes(column.name));
    if (key !== undefined) {
      this.#point(connection, table, row, key);
      return;
    }
    const mayBeNull = !column.isNotNull && this.#random.chance(0.3);
    const pool = this.#poolsOf(connection, table).get(column.name);
    row.set(column.name, mayBeNull ? null : (pool?.pick(this.#random) ?? null));
  }

  #isForeign(table: TableShape, column: string): boolean {
    return table.foreignKeys.some(({ columns }) => columns.includes(column));
  }

  /** Sets the columns of a foreign key to a row of the parent, to the row itself, or to NULL. */
  #point(connection: Connection, table: TableShape, row: Row, key: TableForeignKey): void {
    if (key.columns.length > 1 && this.#random.chance(0.15)) {
      // A key that is NULL in part points nowhere and is allowed: an orphan by the book.
      const hole = this.#random.pick(
        table.columns.filter(({ name, isNotNull }) => key.columns.includes(name) && !isNotNull),
      );
      if (hole !== undefined) {
        for (const column of key.columns)
          row.set(
            column,
            column === hole.name
              ? null
              : (this.#poolsOf(connection, table).get(column)?.pick(this.#random) ?? null),
          );
        return;
      }
    }
    const parent = this.#parentKey(connection, key);
    const isNullable = key.columns.every(
      (name) => table.columns.find((column) => column.name === name)?.isNotNull === false,
    );
    if (parent !== undefined && !(isNullable && this.#random.chance(0.2))) {
      for (const [index, column] of key.columns.entries()) row.set(column, parent[index] ?? null);
      return;
    }
    if (isNullable) {
      for (const column of key.columns) row.set(column, null);
      return;
    }
    if (key.parent.toLowerCase() !== table.name.toLowerCase()) return;
    // The first row of a tree points at itself.
    for (const [index, column] of key.columns.entries()) {
      const target = key.parentColumns[index];
      if (target === undefined) continue;
      const own = row.get(target) ?? this.#random.integer(1, 1_000_000);
      row.set(target, own);
      row.set(column, own);
    }
  }

  #parentKey(connection: Connection, key: TableForeignKey): Binding[] | undefined {
    if (key.parentColumns.length !== key.columns.length) return undefined;
    const columns = key.parentColumns.map(quoteIdentifier);
    // A number that would come back as another points at nothing.
    const present = columns
      .map(
        (c) =>
          `${c} IS NOT NULL AND (typeof(${c}) <> 'integer' OR ${c} BETWEEN -${SAFE} AND ${SAFE})`,
      )
      .join(" AND ");
    try {
      const sql = `SELECT ${columns.join(", ")} FROM ${quoteIdentifier(key.parent)} WHERE ${present} LIMIT ${MAX_PARENTS}`;
      return this.#random.pick(connection.readOnce(sql));
    } catch (error) {
      // A parent that does not exist: the foreign-keys topic says so.
      if (isSqliteError(error) && error.errno === 1) return undefined;
      throw error;
    }
  }

  #poolsOf(connection: Connection, table: TableShape): Map<string, ValuePool> {
    const known = this.#pools.get(table);
    if (known !== undefined) return known;
    const pools = new Map(
      table.columns.map((column) => {
        const isKey = [...table.keys, ...table.foreignKeys].some(({ columns }) =>
          columns.includes(column.name),
        );
        const { checks, isStrict } = table;
        const pool = new ValuePool(column, { checks, isStrict, isKey });
        pool.add(defaultOf(connection, column.defaultSql));
        return [column.name, pool];
      }),
    );
    this.#pools.set(table, pools);
    return pools;
  }
}

/** What a default comes to, now; null when it cannot be told. */
function defaultOf(connection: Connection, sql: string | null): Binding {
  if (sql === null) return null;
  try {
    return connection.readOnce(`SELECT ${sql}`)[0]?.[0] ?? null;
  } catch (error) {
    if (isSqliteError(error)) return null;
    throw error;
  }
}
