/** The tables of a database as a proof needs them: columns, keys, checks. */
import { nextToken, scanTokens } from "../../../migration/sql-scanner.ts";
import { unquoteName } from "../../../migration/table-definition.ts";
import type { Connection } from "../connection.ts";
import { closingParenthesis } from "../definition-texts.ts";
import { ENGINE_TABLES_SQL } from "../ledger-tables.ts";

export interface TableColumn {
  readonly name: string;
  /** As declared, in upper case; empty when it has none. */
  readonly type: string;
  readonly isNotNull: boolean;
  /** SQL text of the default; null when there is none. */
  readonly defaultSql: string | null;
  /** True for the INTEGER PRIMARY KEY that stands for the rowid: NULL means the next number. */
  readonly isRowid: boolean;
  /** Place in the primary key from 1; 0 outside it. */
  readonly primaryKey: number;
}

export interface TableKey {
  readonly isPrimary: boolean;
  /** Null for an expression. */
  readonly columns: readonly (string | null)[];
  /** The WHERE of a partial index; null when it covers every row. */
  readonly predicate: string | null;
}

export interface TableForeignKey {
  readonly parent: string;
  readonly columns: readonly string[];
  readonly parentColumns: readonly string[];
}

export interface TableCheck {
  /** The constraint's name, or the text between its parentheses: what SQLite calls it when it fails. */
  readonly label: string;
  readonly sql: string;
  readonly columns: readonly string[];
}

export interface TableShape {
  readonly name: string;
  /** Equal fingerprints mean an equal shape. */
  readonly fingerprint: string;
  /** Without generated columns, which nobody can insert. */
  readonly columns: readonly TableColumn[];
  readonly keys: readonly TableKey[];
  readonly foreignKeys: readonly TableForeignKey[];
  readonly checks: readonly TableCheck[];
  readonly isStrict: boolean;
  readonly isWithoutRowid: boolean;
  /** True when a foreign key may be looked at no sooner than the commit. */
  readonly hasDeferredKeys: boolean;
}

const TABLES_SQL = `SELECT l.name, l.wr, l.strict, s.sql,
    (SELECT group_concat(coalesce(i.sql, i.name), ';') FROM sqlite_schema AS i WHERE i.type = 'index' AND i.tbl_name = l.name)
  FROM pragma_table_list AS l
  JOIN sqlite_schema AS s ON s.type = 'table' AND s.name = l.name
  WHERE l.schema = 'main' AND l.type = 'table' AND l.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND l.name NOT IN (${ENGINE_TABLES_SQL})
  ORDER BY s.rowid`;

/**
 * Reads every ordinary table but the ledger, parents before their children as far as there is such an order.
 * @param known shapes of an earlier reading, used again where the fingerprint is the same.
 */
export function readTables(
  connection: Connection,
  known: ReadonlyMap<string, TableShape> = new Map(),
): TableShape[] {
  const tables = connection.readOnce(TABLES_SQL).map(([name, wr, strict, sql, indexes]) => {
    const fingerprint = `${String(sql)}\0${String(indexes)}`;
    const before = known.get(String(name));
    if (before?.fingerprint === fingerprint) return before;
    return readTable(connection, {
      name: String(name),
      fingerprint,
      isStrict: strict === 1,
      isWithoutRowid: wr === 1,
      sql: String(sql),
    });
  });
  return parentsFirst(tables);
}

interface TableHead {
  readonly name: string;
  readonly fingerprint: string;
  readonly isStrict: boolean;
  readonly isWithoutRowid: boolean;
  readonly sql: string;
}

function readTable(connection: Connection, { sql, ...head }: TableHead): TableShape {
  const keys = readKeys(connection, head.name);
  const rows = connection.readOnce(
    'SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_xinfo(?) WHERE hidden = 0 ORDER BY cid',
    head.name,
  );
  const isRowidKey =
    !head.isWithoutRowid &&
    !keys.some(({ isPrimary }) => isPrimary) &&
    rows.filter(([, , , , pk]) => Number(pk) > 0).length === 1;
  const columns = rows.map(([name, type, notNull, defaultSql, pk]) => ({
    name: String(name),
    type: String(type).toUpperCase(),
    isNotNull: notNull === 1,
    defaultSql: defaultSql === null ? null : String(defaultSql),
    isRowid: isRowidKey && Number(pk) > 0,
    primaryKey: Number(pk),
  }));
  const rowid = columns.find(({ isRowid }) => isRowid);
  const rowidKeys: TableKey[] =
    rowid === undefined ? [] : [{ isPrimary: true, columns: [rowid.name], predicate: null }];
  return {
    ...head,
    hasDeferredKeys: /\bINITIALLY\s+DEFERRED\b/i.test(sql),
    columns,
    keys: [...rowidKeys, ...keys],
    foreignKeys: readForeignKeys(connection, head.name),
    checks: checksOf(
      sql,
      columns.map(({ name }) => name),
    ),
  };
}

function readKeys(connection: Connection, table: string): TableKey[] {
  const indexes = connection.readOnce(
    `SELECT l.name, l.origin, l.partial, s.sql
     FROM pragma_index_list(?) AS l
     LEFT JOIN sqlite_schema AS s ON s.type = 'index' AND s.name = l.name
     WHERE l."unique" = 1
     ORDER BY l.seq DESC`,
    table,
  );
  return indexes.map(([index, origin, partial, sql]) => ({
    isPrimary: origin === "pk",
    columns: connection
      .readOnce("SELECT name FROM pragma_index_xinfo(?) WHERE key = 1 ORDER BY seqno", index ?? "")
      .map(([column]) => (column === null ? null : String(column))),
    predicate: partial === 1 ? predicateOf(String(sql)) : null,
  }));
}

function readForeignKeys(connection: Connection, table: string): TableForeignKey[] {
  const byId = new Map<number, { parent: string; columns: string[]; parentColumns: string[] }>();
  for (const [id, parent, from, to] of connection.readOnce(
    'SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?) ORDER BY id, seq',
    table,
  )) {
    const entry = byId.get(Number(id)) ?? {
      parent: String(parent),
      columns: [],
      parentColumns: [],
    };
    entry.columns.push(String(from));
    if (to !== null) entry.parentColumns.push(String(to));
    byId.set(Number(id), entry);
  }
  return [...byId.values()].map((entry) =>
    entry.parentColumns.length > 0
      ? entry
      : {
          ...entry,
          parentColumns: connection
            .readOnce(
              "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk",
              entry.parent,
            )
            .map(([name]) => String(name)),
        },
  );
}

/** The text after the WHERE that stands outside every parenthesis. */
function predicateOf(sql: string): string {
  let depth = 0;
  for (const { kind, start, end } of scanTokens(sql)) {
    const text = sql.slice(start, end);
    if (kind === "operator" && text === "(") depth++;
    if (kind === "operator" && text === ")") depth--;
    if (kind === "word" && depth === 0 && text.toUpperCase() === "WHERE") return sql.slice(end);
  }
  return "1";
}

function checksOf(sql: string, columns: readonly string[]): TableCheck[] {
  const checks: TableCheck[] = [];
  const recent: string[] = [];
  for (let token = nextToken(sql, 0); token !== undefined; token = nextToken(sql, token.end)) {
    if (token.kind === "comment") continue;
    const [beforeName, name, keyword] = recent.slice(-3);
    if (sql[token.start] === "(" && keyword?.toUpperCase() === "CHECK") {
      const text = sql.slice(token.end, closingParenthesis(sql, token) - 1).trim();
      const isNamed = beforeName?.toUpperCase() === "CONSTRAINT" && name !== undefined;
      checks.push({
        label: isNamed ? unquoteName(name) : text,
        sql: text,
        columns: columnsIn(text, columns),
      });
    }
    recent.push(sql.slice(token.start, token.end));
  }
  return checks;
}

function columnsIn(sql: string, columns: readonly string[]): string[] {
  const names = new Set<string>();
  for (const { kind, start, end } of scanTokens(sql)) {
    const text = sql.slice(start, end);
    if (kind === "word") names.add(text.toLowerCase());
    if (kind === "identifier") names.add(unquoteName(text).toLowerCase());
  }
  return columns.filter((column) => names.has(column.toLowerCase()));
}

function parentsFirst(tables: readonly TableShape[]): TableShape[] {
  const byName = new Map(tables.map((table) => [table.name.toLowerCase(), table]));
  const ordered = new Set<TableShape>();
  const visiting = new Set<TableShape>();
  const visit = (table: TableShape): void => {
    if (ordered.has(table) || visiting.has(table)) return;
    visiting.add(table);
    for (const { parent } of table.foreignKeys) {
      const shape = byName.get(parent.toLowerCase());
      if (shape !== undefined) visit(shape);
    }
    visiting.delete(table);
    ordered.add(table);
  };
  for (const table of tables) visit(table);
  return [...ordered];
}
