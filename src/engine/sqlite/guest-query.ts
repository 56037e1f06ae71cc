/** One statement of somebody's own SQL, on a connection that cannot write, attach or configure anything. */
import { InputError } from "../../errors.ts";
import { statementsOf } from "../../migration/sql-body.ts";
import { checkPath, prepareFile } from "./open.ts";

/** A value as JSON has it: integers beyond 2^53 and blobs as text, `9007199254740993` and `x'00ff'`. */
export type GuestValue = string | number | null;

export interface GuestQueryOptions {
  /** Rows beyond this many are not read. */
  readonly maxRows: number;
  readonly onColumns: (names: readonly string[]) => void;
  readonly onRow: (row: readonly GuestValue[]) => void;
}

/** What SQLite's authorizer reports, from sqlite3.h. */
const ACTION = { pragma: 19, read: 20, select: 21, function: 31, recursive: 33 } as const;
const DENY = 1;

/** Pragmas that only look at the schema; as table-valued functions they are reads. */
const LOOKS: ReadonlySet<string> = new Set([
  "foreign_key_list",
  "function_list",
  "index_info",
  "index_list",
  "index_xinfo",
  "table_info",
  "table_list",
  "table_xinfo",
]);

/** A value, or a row of the file: `zeroblob(1e9)` is short to write. */
const MAX_VALUE_BYTES = 64 << 20;

/** How long a reader waits for a lock that keeps even readers out. */
const TIMEOUT_MS = 5000;

/**
 * Runs one statement and hands out its rows; returns whether there were more than `maxRows`.
 * It cannot be stopped from within its process: run it in one of its own.
 * @throws {InputError} QUERY_REFUSED when the text is not one statement, does not compile, or does more than read.
 */
export function runGuestQuery(
  path: string,
  sql: string,
  { maxRows, onColumns, onRow }: GuestQueryOptions,
): boolean {
  const file = checkPath(path);
  prepareFile(file, "existing");
  const text = onlyStatement(sql);
  const { DatabaseSync } = require("node:sqlite") as typeof import("node:sqlite");
  const database = new DatabaseSync(file, {
    readOnly: true,
    timeout: TIMEOUT_MS,
    limits: { length: MAX_VALUE_BYTES },
  });
  try {
    database.exec("PRAGMA trusted_schema = OFF");
    database.setAuthorizer(authorize);
    const statement = database.prepare(text);
    statement.setReadBigInts(true);
    statement.setReturnArrays(true);
    onColumns(statement.columns().map(({ name }) => name));
    let count = 0;
    for (const row of statement.iterate() as Iterable<unknown>) {
      if (count++ === maxRows) return true;
      onRow((row as unknown[]).map(toGuestValue));
    }
    return false;
  } catch (error) {
    if (error instanceof InputError) throw error;
    const observed = error instanceof Error ? error.message : String(error);
    throw refuse(observed, "one statement that reads");
  } finally {
    database.close();
  }
}

function onlyStatement(sql: string): string {
  const statements = statementsOf({ kind: "sql", sql, file: "the query", firstLine: 1 });
  const [statement] = statements;
  if (statement !== undefined && statements.length === 1) return statement.text;
  throw refuse(`it has ${statements.length} statements`, "one");
}

function authorize(code: number, first: string | null, second: string | null): number {
  if (code === ACTION.read || code === ACTION.select || code === ACTION.recursive) return 0;
  if (code === ACTION.pragma) return LOOKS.has(first ?? "") ? 0 : DENY;
  if (code === ACTION.function) return second === "load_extension" ? DENY : 0;
  return DENY;
}

function toGuestValue(value: unknown): GuestValue {
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : String(value);
  }
  if (value instanceof Uint8Array) return `x'${value.toHex()}'`;
  // JSON has no infinity.
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  return value as GuestValue;
}

function refuse(observed: string, expected: string): InputError {
  return new InputError(
    "QUERY_REFUSED",
    `Cannot run the query: ${observed}, expected ${expected}`,
    { details: { observed } },
  );
}
