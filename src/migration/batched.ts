/** Migrations of many rows: chunk by chunk, so that nobody waits long and nothing is lost by a kill. */
import { describeKind, InputError, refuseValue } from "../errors.ts";
import type { MigrationDatabase, SqlValue } from "./migration.ts";

/** The rows of one chunk. */
export interface Batch {
  /** An SQL condition that is true for exactly these rows: `UPDATE t SET … WHERE ${batch.where}`. */
  readonly where: string;
  readonly rowCount: number;
  /**
   * Reads the rows in the order of the key.
   * @param columns as after SELECT; every column when left out.
   */
  rows<Row = Record<string, SqlValue>>(columns?: string): Row[];
}

export interface BatchedOptions {
  /** The table whose rows are gone through, in the order of its rowid, or of its primary key WITHOUT ROWID. */
  readonly table: string;
  /**
   * Changes the rows of one chunk, inside that chunk's transaction. It may read anything and change rows, but no
   * schema, and it adds no rows to `table`. It sees each row once, also when the run is killed in between.
   */
  readonly run: (db: MigrationDatabase, batch: Batch) => void;
  /** Rows of the first chunk, 1 to 100,000; later ones follow the time that they take. 500 when left out. */
  readonly firstRows?: number;
}

/** What `batched` makes of its options, for `up`, `down` or both. */
export interface BatchedWork extends Required<BatchedOptions> {
  readonly kind: "batched";
}

const KEYS: readonly string[] = [
  "table",
  "run",
  "firstRows",
] satisfies readonly (keyof BatchedOptions)[];
const FIRST_ROWS = 500;
const MAX_FIRST_ROWS = 100_000;

/**
 * Declares an `up` or a `down` that goes through a big table: `export const up = batched({ table, run })`.
 *
 * Chunk and position commit together, so a run that was killed goes on exactly where it stood; the last chunk
 * commits with the ledger row. Chunks take about 10 ms and pauses twice as long, so that writers hardly notice.
 * Columns are added, and made NOT NULL, by migrations of their own before and after.
 * @throws {InputError} VALUE_INVALID or OPTION_UNKNOWN.
 */
export function batched(options: BatchedOptions): BatchedWork {
  if (typeof options !== "object" || options === null)
    refuseValue("batched", describeKind(options), "{ table, run }");
  const unknown = Object.keys(options).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) {
    throw new InputError(
      "OPTION_UNKNOWN",
      `Cannot use batched with the option ${unknown}, expected only ${KEYS.join(", ")}`,
      { details: { option: unknown, expected: KEYS } },
    );
  }
  const { table, run, firstRows = FIRST_ROWS } = options;
  if (typeof table !== "string" || table === "")
    refuseValue("table", describeKind(table), "the name of a table");
  if (typeof run !== "function" || run.constructor.name !== "Function")
    refuseValue("run", describeKind(run), "a synchronous function");
  if (!Number.isInteger(firstRows) || firstRows < 1 || firstRows > MAX_FIRST_ROWS)
    refuseValue("firstRows", String(firstRows), `an integer from 1 to ${MAX_FIRST_ROWS}`);
  return Object.freeze({ kind: "batched", table, run, firstRows });
}

/** Told by what it says, not by where it was made: a module may have another copy of this package. */
export function isBatchedWork(value: unknown): value is BatchedWork {
  if (typeof value !== "object" || value === null) return false;
  const { kind, table, run, firstRows } = value as Partial<BatchedWork>;
  return (
    kind === "batched" &&
    typeof table === "string" &&
    typeof run === "function" &&
    typeof firstRows === "number"
  );
}
