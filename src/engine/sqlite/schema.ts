/** What a database's schema is, for comparing: a fast hash for the ledger, a structural description for people. */
import { canonicalSql } from "../../migration/canonical-sql.ts";
import { nextToken, scanTokens, type Token } from "../../migration/sql-scanner.ts";
import { ENGINE_TABLES, ENGINE_TABLES_SQL } from "./ledger-tables.ts";
import type { Connection } from "./connection.ts";

/** Form 1 of the ledger's `schema_hash`: XOR of SHA-256 over `type NUL name NUL canonical SQL` of every object. */
const SCHEMA_HASH_FORM = "schema1";

/** Compiled anew after every change of the schema, so what can be sorted out here is not left to SQLite. */
const OBJECTS_SQL = "SELECT rowid, type, name, tbl_name, sql FROM sqlite_schema WHERE rowid > ?";

/**
 * The schema's hash, kept up to date step by step: a step that only creates adds its new objects, any other
 * has everything read again. XOR makes the order of objects irrelevant and adding one cheap.
 */
export class SchemaFingerprint {
  readonly #digest = new Uint8Array(32);
  #lastRowid = 0;
  #drift: Uint8Array | null = null;
  /** True as soon as any table mentions a foreign key. */
  hasForeignKeys = false;

  /** @param isAdditive promises that nothing was altered or dropped since the last refresh. */
  refresh(connection: Connection, isAdditive: boolean): void {
    if (!isAdditive) this.reset();
    for (const [rowid, type, name, table, text] of connection
      .prepare(OBJECTS_SQL, "read the schema")
      .values(this.#lastRowid)) {
      this.#lastRowid = Math.max(this.#lastRowid, rowid as number);
      if (
        typeof text !== "string" ||
        ENGINE_TABLES.has(table as string) ||
        isSqlites(name as string)
      )
        continue;
      if (type === "table" && /\bREFERENCES\b/i.test(text)) this.hasForeignKeys = true;
      const object = `${type as string}\0${name as string}\0${canonicalSql(text)}`;
      const hash = Bun.CryptoHasher.hash("sha256", object);
      for (let i = 0; i < 32; i++)
        this.#digest[i] = (this.#digest[i] as number) ^ (hash[i] as number);
    }
  }

  reset(): void {
    this.#digest.fill(0);
    this.#lastRowid = 0;
    this.hasForeignKeys = false;
  }

  get hash(): string {
    return `${SCHEMA_HASH_FORM}:${this.#digest.toHex()}`;
  }

  /**
   * Takes the difference between the schema as it is and the one that the ledger recorded for drift, which later
   * hashes leave out: else the next step would record the drift as if the migrations had built it.
   * @param observed the hash that was to be as recorded; that of an earlier moment for a step in parts.
   */
  expect(recorded: string | null, observed = this.hash): void {
    this.#drift = null;
    if (recorded === null || recorded === observed) return;
    const [was, is] = [digestOf(recorded), digestOf(observed)];
    if (was !== null && is !== null) this.#drift = xor(is, was);
  }

  /** The hash that the schema would have without the drift. */
  get expectedHash(): string {
    if (this.#drift === null) return this.hash;
    return `${SCHEMA_HASH_FORM}:${xor(this.#digest, this.#drift).toHex()}`;
  }

  get hasDrift(): boolean {
    return this.#drift !== null;
  }
}

/** The digest in a hash; null for one of another form. */
function digestOf(hash: string): Uint8Array | null {
  const [form, hex = ""] = hash.split(":");
  return form === SCHEMA_HASH_FORM && /^[0-9a-f]{64}$/.test(hex) ? Uint8Array.fromHex(hex) : null;
}

function xor(left: Uint8Array, right: Uint8Array): Uint8Array {
  return left.map((byte, index) => byte ^ (right[index] as number));
}

/** SQLite's own names, whatever their case. */
function isSqlites(name: string): boolean {
  return name.length >= 7 && name.slice(0, 7).toLowerCase() === "sqlite_";
}

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
 * Canonical SQL with needless quotes gone: `ALTER TABLE … RENAME` puts quotes around the names it rewrites.
 */
function plainSql(sql: string): string {
  const words: string[] = [];
  for (const { kind, start, end } of scanTokens(sql)) {
    if (kind === "comment") continue;
    const text = sql.slice(start, end);
    const inner = text.slice(1, -1);
    words.push(kind === "identifier" && /^[A-Za-z_]\w*$/.test(inner) ? inner : text);
  }
  return words.join(" ");
}

const MODIFIERS =
  /\b(AUTOINCREMENT|COLLATE \S+|ON CONFLICT \w+|(?:NOT )?DEFERRABLE(?: INITIALLY \w+)?)/gi;

/** What no pragma tells of a column or constraint: collation, conflict clause, deferral, AUTOINCREMENT. */
function modifiersOf(sql: string): string[] {
  return definitionsOf(sql).flatMap((definition) => {
    // Strings and nested expressions are not the definition's own words.
    const own = definition.replace(/'(?:[^']|'')*'/g, "''");
    const subject = /^(CONSTRAINT|PRIMARY|UNIQUE|CHECK|FOREIGN) /i.test(own)
      ? own.replaceAll(MODIFIERS, "").trim()
      : `column ${own.split(" ", 1)[0] ?? ""}`;
    return (own.match(MODIFIERS) ?? []).map((modifier) => `${subject} ${modifier.toUpperCase()}`);
  });
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

/** The parts of a CREATE TABLE's outer parentheses, canonical. */
export function definitionsOf(sql: string): string[] {
  const definitions: string[] = [];
  let depth = 0;
  let start = 0;
  for (const { kind, start: at, end } of scanTokens(sql)) {
    if (kind !== "operator") continue;
    const text = sql.slice(at, end);
    if (text === "(" && depth++ === 0) start = end;
    const isEnd = text === ")" && --depth === 0;
    if (isEnd || (text === "," && depth === 1)) {
      definitions.push(plainSql(sql.slice(start, at)));
      start = end;
    }
  }
  return definitions;
}

/** The parenthesised texts after a keyword, canonical: the only way to see CHECK clauses. */
function clausesOf(sql: string, keyword: string): string[] {
  const clauses: string[] = [];
  let previous: Token | undefined;
  for (let token = nextToken(sql, 0); token !== undefined; token = nextToken(sql, token.end)) {
    if (token.kind === "comment") continue;
    const opens = sql[token.start] === "(" && previous?.kind === "word";
    if (
      opens &&
      previous !== undefined &&
      sql.slice(previous.start, previous.end).toUpperCase() === keyword
    ) {
      const end = closingParenthesis(sql, token);
      clauses.push(plainSql(sql.slice(token.start, end)));
    }
    previous = token;
  }
  return clauses;
}

function closingParenthesis(sql: string, open: Token): number {
  let depth = 0;
  for (
    let token: Token | undefined = open;
    token !== undefined;
    token = nextToken(sql, token.end)
  ) {
    if (token.kind !== "operator") continue;
    if (sql[token.start] === "(") depth++;
    if (sql[token.start] === ")" && --depth === 0) return token.end;
  }
  return sql.length;
}
