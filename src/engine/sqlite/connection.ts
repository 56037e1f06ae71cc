/** One open SQLite database: statements prepared once, immediate transactions, a close that closes. */
import type { Database, SQLQueryBindings, Statement as BunStatement } from "bun:sqlite";
import { InputError, OperationError, UsageDbError } from "../../errors.ts";
import { isPromise } from "../task.ts";
import { isSqliteError, toUsageDbError } from "./sqlite-errors.ts";

export type Binding = string | number | bigint | boolean | null | Uint8Array;

/** SQLite's error as a typed one; `action` is what the words after "Cannot" are. */
type Explain = (error: unknown, action: string) => UsageDbError;

/**
 * A statement that is compiled at its first use and kept; every failure is a typed error that names `action`.
 * It survives `forgetStatements()`: the next use compiles it again.
 */
export class Prepared<Row = Record<string, Binding>> {
  readonly #database: Database;
  readonly #sql: string;
  readonly #action: string;
  readonly #explain: Explain;
  #compiled: BunStatement<Row, SQLQueryBindings[]> | null = null;

  constructor(database: Database, sql: string, action: string, explain: Explain = toUsageDbError) {
    this.#database = database;
    this.#sql = sql;
    this.#action = action;
    this.#explain = explain;
  }

  run(...values: Binding[]): RunResult {
    try {
      return (this.#compiled ?? this.#compile()).run(...values);
    } catch (error) {
      throw this.#explain(error, this.#action);
    }
  }

  /** The first row, null when there is none. Not for writes with RETURNING: those would never be finished. */
  get(...values: Binding[]): Row | null {
    try {
      return (this.#compiled ?? this.#compile()).get(...values);
    } catch (error) {
      throw this.#explain(error, this.#action);
    }
  }

  all(...values: Binding[]): Row[] {
    try {
      return (this.#compiled ?? this.#compile()).all(...values);
    } catch (error) {
      throw this.#explain(error, this.#action);
    }
  }

  /** Rows as arrays, in the order of the columns: cheaper than objects. */
  values(...values: Binding[]): Binding[][] {
    try {
      return (this.#compiled ?? this.#compile()).values(...values) as Binding[][];
    } catch (error) {
      throw this.#explain(error, this.#action);
    }
  }

  finalize(): void {
    this.#compiled?.finalize();
    this.#compiled = null;
  }

  #compile(): BunStatement<Row, SQLQueryBindings[]> {
    this.#compiled = this.#database.prepare<Row, SQLQueryBindings[]>(this.#sql);
    return this.#compiled;
  }
}

export interface RunResult {
  readonly changes: number;
  readonly lastInsertRowid: number | bigint;
}

export class Connection implements Disposable {
  /** The absolute path, or `:memory:`. */
  readonly path: string;
  readonly #database: Database;
  readonly #statements = new Map<string, Prepared<never>>();
  #depth = 0;
  #isClosed = false;
  #capBytes: number | null = null;
  readonly #explain: Explain = (error, action) =>
    explainFull(toUsageDbError(error, action), action, this.#capBytes);

  constructor(database: Database, path: string) {
    this.#database = database;
    this.path = path;
  }

  /** Keeps this connection from letting the file grow beyond so many bytes; see `OpenOptions.maxBytes`. */
  capAt(bytes: number): void {
    const pageBytes = Number(this.readOnce("PRAGMA page_size")[0]?.[0]);
    const pages = Math.max(1, Math.floor(bytes / pageBytes));
    // A file that is larger already keeps its size: SQLite answers with the number that is in force.
    const inForce = Number(this.readOnce(`PRAGMA max_page_count = ${pages}`)[0]?.[0]);
    this.#capBytes = inForce * pageBytes;
  }

  /**
   * A statement kept for the life of the connection; the same text gives the same one.
   * @param action what the statement is for, as the words after "Cannot" in an error.
   */
  prepare<Row = Record<string, Binding>>(sql: string, action = "run a statement"): Prepared<Row> {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known as Prepared<unknown> as Prepared<Row>;
    const prepared = new Prepared<Row>(this.#database, sql, action, this.#explain);
    this.#statements.set(sql, prepared as Prepared<unknown> as Prepared<never>);
    return prepared;
  }

  /** A statement that the caller finalizes; for texts that are not worth keeping. */
  compile<Row = Record<string, Binding>>(sql: string, action: string): Prepared<Row> {
    return new Prepared<Row>(this.#database, sql, action, this.#explain);
  }

  /** Runs one statement that is not worth keeping: DDL and pragmas. Throws SQLite's own error. */
  runOnce(sql: string): void {
    this.#database.run(sql);
  }

  /** Reads rows with a statement that is finalised at once. Throws SQLite's own error. */
  readOnce(sql: string, ...values: Binding[]): Binding[][] {
    const statement = this.#database.prepare(sql);
    try {
      return statement.values(...values) as Binding[][];
    } finally {
      statement.finalize();
    }
  }

  /**
   * Runs `work` in a transaction that takes the write lock at once; commits when it returns, else rolls back.
   * Nested calls become savepoints.
   * @throws {OperationError} DATABASE_BUSY when the lock is held for longer than the busy time-out.
   * @throws {InputError} TRANSACTION_PROMISE when `work` returned a promise; nothing was written.
   */
  transaction<T>(work: () => T, action = "write"): T {
    if (this.#isClosed) throw closedError(action);
    const isOutermost = this.#depth === 0;
    const name = `nested_${this.#depth}`;
    this.#control(isOutermost ? "BEGIN IMMEDIATE" : `SAVEPOINT ${name}`, action);
    this.#depth++;
    let result: T;
    try {
      result = work();
      if (isPromise(result)) {
        // Refused already: what becomes of it later must not end the program as an unhandled rejection.
        result.then(undefined, () => undefined);
        throw promiseError(action);
      }
      this.#depth--;
      this.#control(isOutermost ? "COMMIT" : `RELEASE ${name}`, action);
      return result;
    } catch (error) {
      this.#depth = isOutermost ? 0 : Number(name.slice("nested_".length));
      // Errors of the caller's own code leave a transaction as they are; SQLite's get a type.
      const first = isSqliteError(error) ? this.#explain(error, action) : error;
      this.#undo(isOutermost ? ["ROLLBACK"] : [`ROLLBACK TO ${name}`, `RELEASE ${name}`], first);
      throw first;
    }
  }

  /** Runs `work` against one state of the database, whatever others commit meanwhile; it must not write. */
  reading<T>(work: () => T): T {
    if (this.#database.inTransaction) return work();
    this.#control("BEGIN", "read");
    try {
      return work();
    } finally {
      if (this.#database.inTransaction) this.#control("ROLLBACK", "read");
    }
  }

  get inTransaction(): boolean {
    return this.#database.inTransaction;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Releases what was compiled: DDL fails with "table is locked" while a half-read statement is around. */
  forgetStatements(): void {
    for (const prepared of this.#statements.values()) prepared.finalize();
  }

  /** Closes for good: no statement, descriptor, lock or WAL of this connection is left. Safe to call twice. */
  close(): void {
    if (this.#isClosed) return;
    this.forgetStatements();
    this.#isClosed = true;
    try {
      this.#database.close(true);
    } catch (error) {
      throw toUsageDbError(error, `close ${this.path}`);
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #control(sql: string, action: string): void {
    try {
      this.prepare(sql).run();
    } catch (error) {
      // The statement is shared by all transactions; the error has to name this one.
      throw this.#explain(error instanceof UsageDbError ? error.cause : error, action);
    }
  }

  /** Rolls back without ever hiding the error that made it necessary. */
  #undo(statements: readonly string[], first: unknown): void {
    // SQLite rolls back by itself after some errors: a full disk, an I/O error.
    if (!this.#database.inTransaction) return;
    try {
      for (const sql of statements) this.#database.run(sql);
    } catch (rollbackError) {
      if (first instanceof Error && first.cause === undefined) first.cause = rollbackError;
    }
  }
}

/** A cap and a full disk are one code to SQLite, and two things to whoever has to make room. */
function explainFull(error: UsageDbError, action: string, capBytes: number | null): UsageDbError {
  if (error.code !== "DATABASE_FULL" || capBytes === null || "capBytes" in error.details)
    return error;
  return new OperationError(
    "DATABASE_FULL",
    `Cannot ${action}: the disk is full, or the database has reached its cap of ${capBytes} bytes, expected room`,
    {
      details: { ...error.details, capBytes },
      cause: error.cause,
      hint: "Run `usagedb maintain`, which makes room by what is kept how long, or raise `maxBytes`.",
    },
  );
}

function closedError(action: string): InputError {
  return new InputError(
    "DATABASE_CLOSED",
    `Cannot ${action}: the database is closed, expected an open one`,
  );
}

function promiseError(action: string): InputError {
  return new InputError(
    "TRANSACTION_PROMISE",
    `Cannot ${action}: the transaction's function returned a promise, expected a synchronous function`,
  );
}
