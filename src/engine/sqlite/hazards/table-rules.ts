/** What a table of the shadow asks of its rows. */
import { quoteIdentifier } from "../quote.ts";
import type { Shadow, ShadowColumn } from "./shadow.ts";
import { checksOf, indexPartsOf } from "./definition-parts.ts";

export interface UniqueKey {
  readonly name: string;
  /** Columns and expressions, each with the collation that it is compared by. */
  readonly terms: readonly { readonly sql: string; readonly collation: string }[];
  /** Columns only; null with an expression among them. */
  readonly columns: readonly string[] | null;
  /** The condition of a partial index. */
  readonly where: string | null;
}

export interface ForeignKey {
  readonly columns: readonly string[];
  readonly parent: string;
  readonly parentColumns: readonly string[];
  /** True when a parent may not go while rows point at it. */
  readonly isHeld: boolean;
}

export interface TableRules {
  readonly keys: readonly UniqueKey[];
  readonly checks: readonly string[];
  readonly notNull: readonly string[];
  /** Storage classes, as `typeof` calls them, that need no second look; by column of a STRICT table. */
  readonly strict: ReadonlyMap<string, readonly string[]>;
}

export function rulesOf(shadow: Shadow, table: string): TableRules {
  const columns = shadow.columns(table);
  const [options] = shadow.all(
    "SELECT strict, wr FROM pragma_table_list WHERE schema IN ('main', 'temp') AND name = ? COLLATE NOCASE",
    table,
  );
  const pk = columns.filter(({ isPrimaryKey }) => isPrimaryKey);
  const isRowidAlias = ({ isPrimaryKey, type }: ShadowColumn): boolean =>
    isPrimaryKey && pk.length === 1 && type === "INTEGER" && options?.["wr"] !== 1;
  const alias = columns.find(isRowidAlias);
  const keys = keysOf(shadow, table);
  return {
    keys: alias === undefined ? keys : [rowidKey(alias.name), ...keys],
    checks: checksOf(shadow.definition(table)),
    notNull: columns.filter((c) => c.isNotNull && !isRowidAlias(c)).map(({ name }) => name),
    strict: new Map(
      options?.["strict"] === 1
        ? columns.flatMap(({ name, type }) => {
            const fitting = STRICT_TYPES[type];
            return fitting === undefined ? [] : [[name, fitting] as const];
          })
        : [],
    ),
  };
}

const STRICT_TYPES: Readonly<Record<string, readonly string[]>> = {
  INT: ["integer", "null"],
  INTEGER: ["integer", "null"],
  REAL: ["real", "integer", "null"],
  TEXT: ["text", "integer", "real", "null"],
  BLOB: ["blob", "null"],
};

const rowidKey = (column: string): UniqueKey => ({
  name: column,
  terms: [{ sql: quoteIdentifier(column), collation: "BINARY" }],
  columns: [column],
  where: null,
});

export function keysOf(shadow: Shadow, table: string): UniqueKey[] {
  return shadow
    .all('SELECT name FROM pragma_index_list(?) WHERE "unique" = 1', table)
    .map(({ name }) => {
      const index = String(name);
      const [row] = shadow.all("SELECT sql FROM sqlite_schema WHERE name = ?", index);
      const parts = indexPartsOf(String(row?.["sql"] ?? ""));
      const columns = shadow
        .all('SELECT name, coll FROM pragma_index_xinfo(?) WHERE "key" = 1 ORDER BY seqno', index)
        .map((term) => ({
          column: term["name"] === null ? null : String(term["name"]),
          collation: String(term["coll"]),
        }));
      const names = columns.map(({ column }) => column).filter((column) => column !== null);
      return {
        name: index,
        terms: columns.map(({ column, collation }, at) => ({
          sql: column === null ? (parts?.terms[at] ?? "NULL") : quoteIdentifier(column),
          collation,
        })),
        columns: names.length === columns.length ? names : null,
        where: parts?.where ?? null,
      };
    });
}

/** Asks a schema about one of its tables. */
export type SchemaQuery = (
  sql: string,
  table: string,
) => readonly Readonly<Record<string, unknown>>[];

export function foreignKeysOf(all: SchemaQuery, table: string): ForeignKey[] {
  const keys = new Map<
    unknown,
    { columns: string[]; parent: string; parentColumns: string[]; isHeld: boolean }
  >();
  const sql = `SELECT id, "table" AS parent, "from" AS child_column, "to" AS parent_column, on_delete
     FROM pragma_foreign_key_list(?) ORDER BY id, seq`;
  for (const { id, parent, child_column, parent_column, on_delete } of all(sql, table)) {
    const key = keys.get(id) ?? {
      columns: [],
      parent: String(parent),
      parentColumns: [],
      isHeld: on_delete === "NO ACTION" || on_delete === "RESTRICT",
    };
    key.columns.push(String(child_column));
    // Without a column the parent's primary key is meant.
    if (parent_column !== null) key.parentColumns.push(String(parent_column));
    keys.set(id, key);
  }
  return [...keys.values()];
}

/** Rows that share a value with another, as a query of groups with their sizes in `n`. */
export function duplicatesSql(from: string, { terms, where }: UniqueKey): string {
  const conditions = terms.map(({ sql }) => `(${sql}) IS NOT NULL`);
  if (where !== null) conditions.push(`(${where}\n)`);
  const groups = terms.map(
    ({ sql, collation }) => `(${sql}) COLLATE ${quoteIdentifier(collation)}`,
  );
  return `SELECT count(*) AS n FROM ${from} WHERE ${conditions.join(" AND ")}
    GROUP BY ${groups.join(", ")} HAVING count(*) > 1`;
}
