/** Whether a backup that was made a moment ago still has everything. */
import type { Connection } from "../connection.ts";
import { quoteIdentifier } from "../quote.ts";
import { isSqliteError, operationalCode } from "../sqlite-errors.ts";

/**
 * True when each row of the tables, with each of its values, is in the backup; false when not, and when it can't be
 * told because a table is another by now. Reads the tables whole.
 */
export function hasEveryRow(
  connection: Connection,
  backup: string,
  tables: readonly string[],
): boolean {
  connection.readOnce("ATTACH ? AS safe", backup);
  try {
    return tables.every((table) => {
      const name = quoteIdentifier(table);
      // Compared byte by byte, whatever the column's own order is.
      const columns = connection
        .readOnce("SELECT name FROM pragma_table_info(?)", table)
        .map(([column]) => `${quoteIdentifier(String(column))} COLLATE BINARY`)
        .join(", ");
      const missing = `SELECT ${columns} FROM main.${name} EXCEPT SELECT ${columns} FROM safe.${name}`;
      return connection.readOnce(`SELECT 1 FROM (${missing}) LIMIT 1`).length === 0;
    });
  } catch (error) {
    if (!isSqliteError(error) || operationalCode(error) !== undefined) throw error;
    return false;
  } finally {
    connection.readOnce("DETACH safe");
  }
}
