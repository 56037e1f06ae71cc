/** Inserting a row to see whether the table takes it. */
import type { Binding, Connection } from "../connection.ts";
import { quoteIdentifier } from "../quote.ts";
import { isSqliteError } from "../sqlite-errors.ts";
import type { TableShape } from "./tables.ts";

/** Extended result codes of SQLITE_CONSTRAINT. */
export const REFUSED = {
  check: 275,
  foreignKey: 787,
  notNull: 1299,
  primaryKey: 1555,
  unique: 2067,
  rowid: 2579,
  dataType: 3091,
} as const;

export type Row = Map<string, Binding>;

/** Why SQLite did not take a row. */
export interface Refusal {
  readonly errno: number;
  readonly message: string;
}

export function countRows(connection: Connection, table: string): number {
  return Number(connection.readOnce(`SELECT count(*) FROM ${quoteIdentifier(table)}`)[0]?.[0] ?? 0);
}

/** Inserts a row; null when it was taken. Only what the environment is to blame for is thrown. */
export function insertRow(connection: Connection, table: TableShape, row: Row): Refusal | null {
  if (!table.hasDeferredKeys) return insertNow(connection, table, row);
  connection.runOnce("SAVEPOINT deferred");
  const refusal = insertNow(connection, table, row);
  const violations =
    refusal === null
      ? connection.readOnce(`PRAGMA foreign_key_check(${quoteIdentifier(table.name)})`)
      : [];
  if (!connection.inTransaction) return refusal;
  if (violations.length > 0) connection.runOnce("ROLLBACK TO deferred");
  connection.runOnce("RELEASE deferred");
  return violations.length > 0
    ? { errno: REFUSED.foreignKey, message: "FOREIGN KEY constraint failed" }
    : refusal;
}

/** Inserts a row without looking at what is checked at the commit only. */
export function insertNow(connection: Connection, table: TableShape, row: Row): Refusal | null {
  const columns = [...row.keys()];
  const sql = `INSERT INTO ${quoteIdentifier(table.name)} (${columns.map(quoteIdentifier).join(", ")})
    VALUES (${columns.map(() => "?").join(", ")})`;
  try {
    const { changes } = connection.prepare(sql, `insert into ${table.name}`).run(...row.values());
    return changes > 0 ? null : { errno: 0, message: "the row was ignored" };
  } catch (error) {
    return refusalOf(error);
  }
}

/** SQLite's refusal behind an error; anything that is not about the row itself is thrown again. */
export function refusalOf(error: unknown): Refusal {
  const cause = error instanceof Error && isSqliteError(error.cause) ? error.cause : error;
  if (!isSqliteError(cause)) throw error;
  const primary = cause.errno & 0xff;
  // 1 a trigger or an expression failed · 18 too big · 19 a constraint · 20 the wrong type
  if (![1, 18, 19, 20].includes(primary)) throw error;
  return { errno: cause.errno, message: cause.message };
}

/** Runs `work` and takes back what it wrote. */
export function undone(connection: Connection, work: () => void): void {
  connection.runOnce("SAVEPOINT proof");
  try {
    work();
  } finally {
    // Some refusals (RAISE(ROLLBACK), a full disk) end the transaction, and the savepoint with it.
    if (connection.inTransaction) {
      connection.runOnce("ROLLBACK TO proof");
      connection.runOnce("RELEASE proof");
    }
  }
}
