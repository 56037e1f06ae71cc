/** Rows that lack what their table never lacks. */
import { OperationError } from "../errors.ts";

/**
 * Refuses rows in which one of these columns is NULL although none may be: a blend of two databases has messages whose
 * names are those of the other, and SQLite's own check finds nothing wrong with it.
 * @throws {OperationError} DATABASE_CORRUPT, naming the column.
 */
export function refuseNameless<Row extends object>(
  rows: readonly Row[],
  columns: readonly (keyof Row & string)[],
): void {
  for (const row of rows) {
    for (const column of columns) {
      if (row[column] !== null) continue;
      throw new OperationError(
        "DATABASE_CORRUPT",
        `Cannot read usage: the ${column} of some of it is missing, expected a name`,
        { details: { missing: column } },
      );
    }
  }
}
