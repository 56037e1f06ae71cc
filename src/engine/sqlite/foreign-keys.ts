/** Which rows point at nothing, and which of them a migration is to blame for. */
import type { Connection } from "./connection.ts";
import { quoteIdentifier } from "./quote.ts";
import { isSqliteError, operationalCode } from "./sqlite-errors.ts";

export interface ForeignKeyViolation {
  readonly table: string;
  /** Null in a WITHOUT ROWID table. */
  readonly rowid: number | null;
  readonly parent: string;
  /** The key's number in `foreign_key_list`; null when the key itself is broken. */
  readonly key: number | null;
  /** SQLite's words when the key itself is broken, not a row: its parent columns are not unique. */
  readonly mismatch: string | null;
}

/** Violations that were there before, so that a migration answers only for its own. */
export type ViolationBaseline = ReadonlyMap<string, number>;

/**
 * Every violation in the database, and every table whose keys can't be checked because a parent key is not
 * unique ("foreign key mismatch").
 */
export function readViolations(connection: Connection): ForeignKeyViolation[] {
  try {
    return check(connection, "PRAGMA foreign_key_check");
  } catch (error) {
    // The check of the whole database stops at the first broken key, so each table is asked by itself.
    mismatchOf(error);
    return connection
      .readOnce("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
      .flatMap(([name]) => checkTable(connection, name as string));
  }
}

function checkTable(connection: Connection, table: string): ForeignKeyViolation[] {
  try {
    return check(connection, `PRAGMA foreign_key_check(${quoteIdentifier(table)})`);
  } catch (error) {
    const mismatch = mismatchOf(error);
    const parent = / referencing "(.*)"$/.exec(mismatch)?.[1] ?? "";
    return [{ table, rowid: null, parent, key: null, mismatch }];
  }
}

function check(connection: Connection, sql: string): ForeignKeyViolation[] {
  return connection.readOnce(sql).map(([table, rowid, parent, key]) => ({
    table: table as string,
    rowid: rowid as number | null,
    parent: parent as string,
    key: key as number,
    mismatch: null,
  }));
}

/** SQLite's message for a broken key; anything else is thrown on. */
function mismatchOf(error: unknown): string {
  if (!isSqliteError(error) || operationalCode(error) !== undefined) throw error;
  return error.message;
}

export function baselineOf(violations: readonly ForeignKeyViolation[]): ViolationBaseline {
  const counts = new Map<string, number>();
  for (const violation of violations)
    counts.set(keyOf(violation), (counts.get(keyOf(violation)) ?? 0) + 1);
  return counts;
}

/** The violations that the baseline does not account for. */
export function newViolations(
  violations: readonly ForeignKeyViolation[],
  baseline: ViolationBaseline,
): ForeignKeyViolation[] {
  const left = new Map(baseline);
  return violations.filter((violation) => {
    const count = left.get(keyOf(violation)) ?? 0;
    left.set(keyOf(violation), count - 1);
    return count <= 0;
  });
}

function keyOf({ table, rowid, parent, mismatch }: ForeignKeyViolation): string {
  return `${table}\0${rowid ?? ""}\0${parent}\0${mismatch ?? ""}`;
}
