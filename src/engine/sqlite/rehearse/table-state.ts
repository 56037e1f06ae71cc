/** Tables of a database and of what it was before: names, columns, keys, row counts. */
import type { Connection } from "../connection.ts";
import { ENGINE_TABLES_SQL } from "../ledger-tables.ts";
import { quoteIdentifier } from "../quote.ts";

export interface TableState {
  readonly name: string;
  /** The CREATE statement. */
  readonly sql: string;
  readonly rootPage: number;
  readonly isStrict: boolean;
  readonly isWithoutRowid: boolean;
  /** Columns that hold values of their own, with their declared type in upper case. */
  readonly columns: ReadonlyMap<string, string>;
  /** In the key's order; empty when there is none. */
  readonly primaryKey: readonly string[];
  /** True when the key is the rowid itself. */
  readonly isRowidKey: boolean;
}

export interface TableList {
  readonly tables: ReadonlyMap<string, TableState>;
  /** Virtual tables and what they keep their data in: only their module could compare them. */
  readonly virtual: readonly string[];
}

/** Every ordinary table but the engine's own and SQLite's. */
export function listTables(connection: Connection, schema: "main" | "before"): TableList {
  const rows = connection.readOnce(
    `SELECT l.name, l.type, l.wr, l.strict, coalesce(s.sql, ''), coalesce(s.rootpage, 0)
     FROM pragma_table_list AS l
     JOIN ${schema}.sqlite_schema AS s ON s.type = 'table' AND s.name = l.name
     WHERE l.schema = ? AND l.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND l.name NOT IN (${ENGINE_TABLES_SQL})
     ORDER BY l.name`,
    schema,
  );
  const tables = rows
    .filter(([, type]) => type === "table")
    .map(([name, , wr, strict, sql, rootPage]) => {
      const columns = connection.readOnce(
        "SELECT name, type, pk, hidden FROM pragma_table_xinfo(?, ?) ORDER BY cid",
        name ?? "",
        schema,
      );
      const key = columns
        .filter(([, , pk]) => Number(pk) > 0)
        .sort((left, right) => Number(left[2]) - Number(right[2]));
      const isIntegerKey = key.length === 1 && /^INTEGER$/i.test(String(key[0]?.[1]));
      return {
        name: String(name),
        sql: String(sql),
        rootPage: Number(rootPage),
        isStrict: strict === 1,
        isWithoutRowid: wr === 1,
        columns: new Map(
          columns
            .filter(([, , , hidden]) => hidden === 0)
            .map(([column, type]) => [String(column), String(type).toUpperCase()]),
        ),
        primaryKey: key.map(([column]) => String(column)),
        isRowidKey: isIntegerKey && wr !== 1 && !hasKeyIndex(connection, schema, String(name)),
      };
    });
  return {
    tables: new Map(tables.map((table) => [table.name, table])),
    virtual: rows.filter(([, type]) => type !== "table").map(([name]) => String(name)),
  };
}

export function countRows(
  connection: Connection,
  schema: "main" | "before",
  table: string,
): number {
  const sql = `SELECT count(*) FROM ${schema}.${quoteIdentifier(table)}`;
  return Number(connection.readOnce(sql)[0]?.[0] ?? 0);
}

/** `INTEGER PRIMARY KEY DESC` is no rowid: SQLite keeps an index for it, which tells. */
function hasKeyIndex(connection: Connection, schema: string, table: string): boolean {
  const sql = "SELECT 1 FROM pragma_index_list(?, ?) WHERE origin = 'pk'";
  return connection.readOnce(sql, table, schema).length > 0;
}
