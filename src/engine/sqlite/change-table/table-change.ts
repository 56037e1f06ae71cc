/** What `changeTable` can be told, checked before anything is read or written. */
import { describeKind, InputError, MigrationError, refuseValue } from "../../../errors.ts";
import { canonicalSql } from "../../../migration/canonical-sql.ts";
import { nextToken, ScanError } from "../../../migration/sql-scanner.ts";

/** One name, or several. */
export type Names = string | readonly string[];

export interface ForeignKey {
  readonly columns: Names;
  /** The parent table. */
  readonly references: string;
  /** The parent's columns; its primary key when left out. */
  readonly to?: Names;
  readonly onDelete?: ForeignKeyAction;
  readonly onUpdate?: ForeignKeyAction;
  /** Checked at COMMIT instead of at each statement. */
  readonly isDeferred?: boolean;
  readonly name?: string;
}

export type ForeignKeyAction = "CASCADE" | "RESTRICT" | "SET NULL" | "SET DEFAULT" | "NO ACTION";

/**
 * Everything that is to change in one table. Columns are renamed first; all other keys use the new names.
 * Columns that are added come after those that are there.
 */
export interface TableChange {
  /** From old name to new. Triggers, views, indexes and foreign keys of other tables follow. */
  readonly renameColumn?: Readonly<Record<string, string>>;
  /** From a name to what stands behind it: `{ note: "TEXT NOT NULL DEFAULT ''" }`. */
  readonly addColumn?: Readonly<Record<string, string>>;
  readonly dropColumn?: Names;
  /** From a column to its new type; values are converted as SQLite's affinities do, or by `copy`. */
  readonly setType?: Readonly<Record<string, string>>;
  readonly setNotNull?: Names;
  readonly dropNotNull?: Names;
  /** From a column to a literal or an expression, in SQL; null for none. */
  readonly setDefault?: Readonly<Record<string, string | null>>;
  /** From a constraint's name to its expression. */
  readonly addCheck?: Readonly<Record<string, string>>;
  /** Checks without a name, by their expression: `"kind IN ('a', 'b')"`; white space does not matter. */
  readonly dropCheck?: Names;
  /** Constraints of any kind, by name. */
  readonly dropConstraint?: Names;
  readonly addForeignKey?: ForeignKey | readonly ForeignKey[];
  /** Each by its column; one over several columns by the list of them. */
  readonly dropForeignKey?: string | readonly Names[];
  /** The key's columns in order; null for a table without one. An AUTOINCREMENT goes with the old key. */
  readonly setPrimaryKey?: Names | null;
  readonly strict?: boolean;
  readonly withoutRowid?: boolean;
  /** From a column of the new table to an expression over the old row. */
  readonly copy?: Readonly<Record<string, string>>;
  /** True rebuilds the table even where ALTER TABLE would do, or where nothing changes. */
  readonly rebuild?: boolean;
}

/** A change with every key present and every list a list. */
export interface ResolvedChange {
  readonly renameColumn: readonly Pair[];
  readonly addColumn: readonly Pair[];
  readonly dropColumn: readonly string[];
  readonly setType: readonly Pair[];
  readonly setNotNull: readonly string[];
  readonly dropNotNull: readonly string[];
  readonly setDefault: readonly (readonly [string, string | null])[];
  readonly addCheck: readonly Pair[];
  readonly dropCheck: readonly string[];
  readonly dropConstraint: readonly string[];
  readonly addForeignKey: readonly ForeignKey[];
  readonly dropForeignKey: readonly (readonly string[])[];
  /** Undefined when the key stays as it is. */
  readonly setPrimaryKey: readonly string[] | null | undefined;
  readonly strict: boolean | undefined;
  readonly withoutRowid: boolean | undefined;
  readonly copy: readonly Pair[];
  readonly rebuild: boolean;
}

export type Pair = readonly [name: string, sql: string];

const KEYS = [
  "renameColumn",
  "addColumn",
  "dropColumn",
  "setType",
  "setNotNull",
  "dropNotNull",
  "setDefault",
  "addCheck",
  "dropCheck",
  "dropConstraint",
  "addForeignKey",
  "dropForeignKey",
  "setPrimaryKey",
  "strict",
  "withoutRowid",
  "copy",
  "rebuild",
] as const satisfies readonly (keyof TableChange)[];

const FOREIGN_KEY_KEYS: readonly string[] = [
  "columns",
  "references",
  "to",
  "onDelete",
  "onUpdate",
  "isDeferred",
  "name",
] satisfies readonly (keyof ForeignKey)[];

const ACTIONS: readonly string[] = ["CASCADE", "RESTRICT", "SET NULL", "SET DEFAULT", "NO ACTION"];

/**
 * @throws {InputError} OPTION_UNKNOWN for a key that there is not, VALUE_INVALID for a value of another kind.
 * @throws {MigrationError} TABLE_CHANGE_REFUSED for SQL that is not one expression.
 */
export function resolveChange(change: TableChange): ResolvedChange {
  if (typeof change !== "object" || change === null || Array.isArray(change))
    refuseValue("the change", describeKind(change), "an object such as { addColumn: { … } }");
  checkKeys("a table", change, KEYS);
  return {
    renameColumn: pairs("renameColumn", change.renameColumn),
    addColumn: sqlPairs("addColumn", change.addColumn),
    dropColumn: names("dropColumn", change.dropColumn),
    setType: sqlPairs("setType", change.setType),
    setNotNull: names("setNotNull", change.setNotNull),
    dropNotNull: names("dropNotNull", change.dropNotNull),
    setDefault: Object.entries(record("setDefault", change.setDefault)).map(([column, value]) => [
      column,
      value === null ? null : expression(`setDefault.${column}`, value),
    ]),
    addCheck: sqlPairs("addCheck", change.addCheck),
    dropCheck: names("dropCheck", change.dropCheck).map((sql) => expression("dropCheck", sql)),
    dropConstraint: names("dropConstraint", change.dropConstraint),
    addForeignKey: foreignKeys(change.addForeignKey),
    dropForeignKey: keysToDrop(change.dropForeignKey),
    setPrimaryKey: primaryKey(change.setPrimaryKey),
    strict: flag("strict", change.strict),
    withoutRowid: flag("withoutRowid", change.withoutRowid),
    copy: sqlPairs("copy", change.copy),
    rebuild: flag("rebuild", change.rebuild) === true,
  };
}

/** @throws {MigrationError} TABLE_CHANGE_REFUSED always. */
export function refuseChange(
  table: string,
  observed: string,
  { expected, hint }: { readonly expected: string; readonly hint?: string },
): never {
  throw new MigrationError(
    "TABLE_CHANGE_REFUSED",
    `Cannot change table ${table}: ${observed}, expected ${expected}`,
    { details: { table }, ...(hint === undefined ? {} : { hint }) },
  );
}

export function listOf(value: Names): readonly string[] {
  return typeof value === "string" ? [value] : value;
}

function checkKeys(what: string, value: object, keys: readonly string[]): void {
  const unknown = Object.keys(value).find((key) => !keys.includes(key));
  if (unknown === undefined) return;
  throw new InputError(
    "OPTION_UNKNOWN",
    `Cannot change ${what} with the key ${unknown}, expected only ${keys.join(", ")}`,
    { details: { option: unknown, expected: keys } },
  );
}

function record<Value>(
  key: string,
  value: Readonly<Record<string, Value>> | undefined,
): Readonly<Record<string, Value>> {
  if (value === undefined) return {};
  if (typeof value !== "object" || value === null || Array.isArray(value))
    refuseValue(key, describeKind(value), "an object from names to SQL");
  return value;
}

function pairs(key: string, value: Readonly<Record<string, string>> | undefined): Pair[] {
  return Object.entries(record(key, value)).map(([name, text]) => [
    checkName(key, name),
    checkName(`${key}.${name}`, text),
  ]);
}

function sqlPairs(key: string, value: Readonly<Record<string, string>> | undefined): Pair[] {
  return Object.entries(record(key, value)).map(([name, sql]) => [
    checkName(key, name),
    // A column may have no type and no constraint.
    sql === "" && (key === "addColumn" || key === "setType")
      ? sql
      : expression(`${key}.${name}`, sql),
  ]);
}

function names(key: string, value: Names | undefined): readonly string[] {
  if (value === undefined) return [];
  if (typeof value !== "string" && !Array.isArray(value))
    refuseValue(key, describeKind(value), "a name or a list of names");
  return listOf(value).map((name) => checkName(key, name));
}

function checkName(key: string, name: unknown): string {
  if (typeof name === "string" && name !== "" && !name.includes("\0")) return name;
  return refuseValue(key, describeKind(name), "a name");
}

function flag(key: string, value: boolean | undefined): boolean | undefined {
  if (value === undefined || typeof value === "boolean") return value;
  return refuseValue(key, describeKind(value), "true or false");
}

function primaryKey(value: Names | null | undefined): readonly string[] | null | undefined {
  if (value === undefined || value === null) return value;
  const columns = names("setPrimaryKey", value);
  if (columns.length > 0) return columns;
  return refuseValue("setPrimaryKey", "an empty list", "columns, or null for no key");
}

function keysToDrop(value: string | readonly Names[] | undefined): readonly (readonly string[])[] {
  if (value === undefined) return [];
  if (typeof value === "string") return [[checkName("dropForeignKey", value)]];
  if (!Array.isArray(value))
    refuseValue("dropForeignKey", describeKind(value), "a column or a list of them");
  return value.map((columns) => names("dropForeignKey", columns));
}

function foreignKeys(value: TableChange["addForeignKey"]): readonly ForeignKey[] {
  if (value === undefined) return [];
  const keys: readonly ForeignKey[] = Array.isArray(value) ? value : [value as ForeignKey];
  for (const key of keys) {
    if (typeof key !== "object" || key === null)
      refuseValue("addForeignKey", describeKind(key), "{ columns, references, to }");
    checkKeys("a foreign key", key, FOREIGN_KEY_KEYS);
    if (names("addForeignKey.columns", key.columns).length === 0)
      refuseValue("addForeignKey.columns", "empty", "a column or a list of columns");
    checkName("addForeignKey.references", key.references);
    for (const action of [key.onDelete, key.onUpdate])
      if (action !== undefined && !ACTIONS.includes(action))
        refuseValue("addForeignKey", JSON.stringify(action), `one of ${ACTIONS.join(", ")}`);
  }
  return keys;
}

/** One expression or definition without comments: whatever reached out of its place would change the table unseen. */
function expression(key: string, sql: unknown): string {
  if (typeof sql !== "string") return refuseValue(key, describeKind(sql), "SQL");
  const canonical = canonicalOf(key, sql);
  let depth = 0;
  for (let token = nextToken(canonical, 0); token !== undefined;) {
    const text = canonical.slice(token.start, token.end);
    if (text === "(") depth++;
    if (text === ")") depth--;
    if (depth < 0 || text === ";" || (text === "," && depth === 0)) depth = -1;
    if (depth < 0) break;
    token = nextToken(canonical, token.end);
  }
  if (canonical !== "" && depth === 0) return /--|\/\*/.test(sql) ? canonical : sql.trim();
  return refuseValue(key, JSON.stringify(sql), "one expression or definition in SQL");
}

function canonicalOf(key: string, sql: string): string {
  try {
    return canonicalSql(sql);
  } catch (error) {
    if (!(error instanceof ScanError)) throw error;
    return refuseValue(key, `SQL with an ${error.message}`, "complete SQL");
  }
}
