/** What a database's schema is, for people: a description that does not depend on how it came about, and its texts. */
import type { Connection } from "./connection.ts";
import { ENGINE_TABLES_SQL } from "./ledger-tables.ts";
import { clausesOf, modifiersOf, plainSql } from "./definition-texts.ts";

/** One table, view, index or trigger, in a form that does not depend on column order or on how it came about. */
export interface SchemaObject {
  readonly type: "table" | "view" | "index" | "trigger";
  readonly name: string;
  /** Canonical lines; equal lines mean an equal object. */
  readonly description: readonly string[];
}

/**
 * Describes every object but the engine's and SQLite's own, ordered by type and name.
 * Tables are described by their columns, keys and checks, not by text: ALTER and a down leave other text behind.
 * @param except tables that are left out too, with what belongs to them.
 */
export function describeSchema(
  connection: Connection,
  except: readonly string[] = [],
): SchemaObject[] {
  const objects = connection.readOnce(
    `SELECT type, name, sql
     FROM sqlite_schema
     WHERE sql IS NOT NULL AND tbl_name NOT IN (${ENGINE_TABLES_SQL})
       AND tbl_name NOT IN (SELECT value FROM json_each(?)) AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
     ORDER BY type, name`,
    JSON.stringify(except),
  );
  return objects.map(([type, name, sql]) => {
    const object = { type: type as SchemaObject["type"], name: name as string };
    if (type === "table")
      return { ...object, description: describeTable(connection, name as string, sql as string) };
    if (type === "index")
      return { ...object, description: describeIndex(connection, name as string, sql as string) };
    return { ...object, description: [plainSql(sql as string)] };
  });
}

/** The differences between two descriptions, one line each; empty when they are equal. */
export function diffSchemas(
  before: readonly SchemaObject[],
  after: readonly SchemaObject[],
): string[] {
  const key = (object: SchemaObject): string => `${object.type} ${object.name}`;
  const afterByKey = new Map(after.map((object) => [key(object), object]));
  const differences: string[] = [];
  for (const object of before) {
    const other = afterByKey.get(key(object));
    afterByKey.delete(key(object));
    if (other === undefined) {
      differences.push(`${key(object)} is gone`);
      continue;
    }
    for (const line of object.description) {
      if (!other.description.includes(line)) differences.push(`${key(object)} lost: ${line}`);
    }
    for (const line of other.description) {
      if (!object.description.includes(line)) differences.push(`${key(object)} gained: ${line}`);
    }
  }
  for (const object of afterByKey.values()) differences.push(`${key(object)} is new`);
  return differences;
}

function describeTable(connection: Connection, name: string, sql: string): string[] {
  const lines: string[] = [];
  const columns = connection.readOnce(
    'SELECT name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo(?) ORDER BY name',
    name,
  );
  for (const [column, type, notNull, defaultValue, primaryKey, hidden] of columns) {
    const defaultText = defaultValue === null ? "" : ` DEFAULT ${plainSql(String(defaultValue))}`;
    lines.push(
      `column ${String(column)} ${String(type).toUpperCase()}${notNull === 1 ? " NOT NULL" : ""}${defaultText} pk=${String(primaryKey)} hidden=${String(hidden)}`,
    );
  }
  const [withoutRowid, strict] = connection.readOnce(
    "SELECT wr, strict FROM pragma_table_list WHERE schema = 'main' AND name = ?",
    name,
  )[0] ?? [0, 0];
  lines.push(`options without_rowid=${String(withoutRowid)} strict=${String(strict)}`);
  const foreignKeys = connection.readOnce(
    `SELECT "table", group_concat("from" || '>' || coalesce("to", ''), ','), on_update, on_delete, match
     FROM (SELECT * FROM pragma_foreign_key_list(?) ORDER BY id, seq)
     GROUP BY id
     ORDER BY 1, 2`,
    name,
  );
  for (const foreignKey of foreignKeys)
    lines.push(`foreign key ${foreignKey.map(String).join(" ")}`);
  const uniques = connection.readOnce(
    "SELECT name, origin FROM pragma_index_list(?) WHERE origin = 'u' ORDER BY name",
    name,
  );
  for (const [index] of uniques) lines.push(`unique (${indexColumns(connection, String(index))})`);
  for (const check of clausesOf(sql, "CHECK")) lines.push(`check ${check}`);
  for (const generated of clausesOf(sql, "AS")) lines.push(`generated ${generated}`);
  for (const modifier of modifiersOf(sql)) lines.push(modifier);
  return [...lines].sort();
}

function describeIndex(connection: Connection, name: string, sql: string): string[] {
  const isUnique = /^\s*CREATE\s+UNIQUE\b/i.test(sql);
  const text = plainSql(sql).replace(/^CREATE (UNIQUE )?INDEX (IF NOT EXISTS )?/i, "");
  return [`${isUnique ? "unique " : ""}(${indexColumns(connection, name)}) ${text}`];
}

function indexColumns(connection: Connection, index: string): string {
  return connection
    .readOnce(
      `SELECT coalesce(name, '<expression>') || CASE "desc" WHEN 1 THEN ' desc' ELSE '' END || ' ' || coll
       FROM pragma_index_xinfo(?)
       WHERE key = 1
       ORDER BY seqno`,
      index,
    )
    .map(String)
    .join(", ");
}

/**
 * Every object but the engine's, SQLite's and those that a virtual table brings with it, with the text that creates
 * it; in an order in which they can be created.
 */
export function schemaTexts(
  connection: Connection,
): { readonly type: SchemaObject["type"]; readonly name: string; readonly sql: string }[] {
  return connection
    .readOnce(
      `SELECT s.type, s.name, s.sql
       FROM sqlite_schema AS s
       WHERE s.sql IS NOT NULL
         AND s.tbl_name NOT IN (${ENGINE_TABLES_SQL})
         AND s.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
         AND s.name NOT IN (SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow')
       ORDER BY CASE s.type WHEN 'table' THEN 0 WHEN 'view' THEN 1 WHEN 'index' THEN 2 ELSE 3 END, s.rowid`,
    )
    .map(([type, name, sql]) => ({
      type: type as SchemaObject["type"],
      name: String(name),
      sql: String(sql),
    }));
}
