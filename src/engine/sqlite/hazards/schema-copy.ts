/** The objects of a schema, made anew in an empty database. */
import type { DatabaseSync } from "node:sqlite";
import type { Connection } from "../connection.ts";

type ObjectType = "table" | "view" | "index" | "trigger";

/**
 * Copies everything but SQLite's own tables and those that a virtual table brings with it. Temporary objects of the
 * connection come too, as such: its triggers fire for a migration like any other.
 * @returns objects that could not be copied, each with SQLite's reason.
 */
export function copySchema(
  live: Connection,
  target: DatabaseSync,
  types: readonly ObjectType[] = ["table", "view", "index", "trigger"],
): string[] {
  const objects = live.readOnce(
    `SELECT s.name, s.sql, 0 AS is_temporary, s.type, ${RANK}, s.rowid
     FROM sqlite_schema AS s
     WHERE s.sql IS NOT NULL
       AND s.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
       AND s.name NOT IN (SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow')
     UNION ALL
     SELECT t.name, t.sql, 1, t.type, ${RANK}, t.rowid
     FROM sqlite_temp_schema AS t
     WHERE t.type <> 'index'
     ORDER BY 3, 5, 6`,
  );
  return objects.flatMap(([name, sql, isTemporary, type]) => {
    if (!types.some((wanted) => wanted === type)) return [];
    // The schema has a temporary object's text without the word.
    const text = isTemporary === 1 ? String(sql).replace(/^CREATE\b/i, "CREATE TEMP") : String(sql);
    try {
      target.exec(text);
      return [];
    } catch (error) {
      return [`${String(name)}: ${error instanceof Error ? error.message : String(error)}`];
    }
  });
}

/** What others stand on comes first. */
const RANK = "CASE type WHEN 'table' THEN 0 WHEN 'view' THEN 1 WHEN 'index' THEN 2 ELSE 3 END";
