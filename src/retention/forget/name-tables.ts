/** Tables by the columns in which they tell whose a row is; later ones are found without being known here. */
import type { Connection } from "../../engine/sqlite/connection.ts";
import { ENGINE_TABLES } from "../../engine/sqlite/ledger-tables.ts";

/** The tables, not the views, that have a column of this name. */
export function tablesWith(connection: Connection, column: string): string[] {
  return connection
    .readOnce(
      `SELECT t.name
       FROM pragma_table_list AS t, pragma_table_info(t.name) AS c
       WHERE t.schema = 'main' AND t.type = 'table' AND c.name = ?
       ORDER BY t.name`,
      column,
    )
    .map(([name]) => String(name))
    .filter((name) => !ENGINE_TABLES.has(name) && !name.startsWith("sqlite_"));
}

/** Each table and column whose values are numbers of `usage_names`. */
export function nameColumns(
  connection: Connection,
): { readonly table: string; readonly column: string }[] {
  return connection
    .readOnce(
      `SELECT t.name, f."from"
       FROM pragma_table_list AS t, pragma_foreign_key_list(t.name) AS f
       WHERE t.schema = 'main' AND t.type = 'table' AND f."table" = 'usage_names'
       ORDER BY t.name, f."from"`,
    )
    .map(([table, column]) => ({ table: String(table), column: String(column) }));
}
