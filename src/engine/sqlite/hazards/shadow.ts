/** An empty copy of a database's schema, in memory, on which statements can be compiled and run at no risk. */
import type { DatabaseSync } from "node:sqlite";
import type { Connection } from "../connection.ts";
import { quoteIdentifier } from "../quote.ts";
import { type Access, accessesOf, type Probe, type Report, ReportRecorder } from "./probe.ts";
import { copySchema } from "./schema-copy.ts";
import type { SchemaEntry } from "./touch-limit.ts";

export type ShadowValue = string | number | bigint | null | Uint8Array;

export interface ShadowColumn {
  readonly name: string;
  /** As it was declared, in upper case. */
  readonly type: string;
  readonly isNotNull: boolean;
  readonly isPrimaryKey: boolean;
  readonly isGenerated: boolean;
  readonly hasDefault: boolean;
  /** The text of its DEFAULT; null when it has none. */
  readonly defaultSql: string | null;
}

export class Shadow implements Disposable {
  readonly #database: DatabaseSync;
  readonly #recorder = new ReportRecorder();
  /** Columns by table, as long as nobody changes the schema. */
  readonly #columns = new Map<string, ShadowColumn[]>();
  /** Objects of the live schema that could not be copied, with SQLite's reason. */
  readonly missing: readonly string[];

  constructor(live: Connection) {
    // Not loaded with this module: only an analysis needs it.
    const { DatabaseSync: Memory } = require("node:sqlite") as typeof import("node:sqlite");
    this.#database = new Memory(":memory:", {
      enableForeignKeyConstraints: false,
      enableDoubleQuotedStringLiterals: true,
    });
    this.missing = copySchema(live, this.#database);
    // With it, REPLACE fires the triggers of a DELETE.
    const isRecursive = live.readOnce("PRAGMA recursive_triggers")[0]?.[0] === 1;
    if (isRecursive) this.#database.exec("PRAGMA recursive_triggers = ON");
    this.#database.setAuthorizer(this.#recorder.authorize);
  }

  /** Compiles a statement twice and runs nothing. */
  probe(sql: string): Probe {
    const { off, on, failure } = this.reportsOf(sql);
    const accesses = accessesOf(off);
    const known = new Set(accesses.map(keyOf));
    const cascades = accessesOf(on).filter(
      (access) =>
        (access.does === "delete" || access.does === "update") && !known.has(keyOf(access)),
    );
    return { accesses, cascades, failure };
  }

  /** What the authorizer reports with foreign keys off, and with them on; nothing runs. */
  reportsOf(sql: string): {
    readonly off: readonly Report[];
    readonly on: readonly Report[];
    /** Why the statement does not compile; null when it does. */
    readonly failure: string | null;
  } {
    // Neither makes a foreign key act, and the switch takes longer than the rest.
    if (/^(CREATE|ALTER)\b/i.test(sql)) {
      const { reports, failure } = this.#compile(sql);
      return { off: reports, on: reports, failure };
    }
    this.#setForeignKeys("ON");
    const withKeys = this.#compile(sql);
    this.#setForeignKeys("OFF");
    const { reports, failure } = this.#compile(sql);
    if (failure !== null) return { off: reports, on: [], failure };
    return { off: reports, on: withKeys.reports, failure: withKeys.failure };
  }

  /** Runs one statement; returns why it failed, null when it did not. */
  run(sql: string): string | null {
    // Inside the migration's transaction these do nothing, and here they would change what is compiled next.
    if (/^PRAGMA\b/i.test(sql)) return null;
    this.#columns.clear();
    return attempt(() => this.#database.exec(sql));
  }

  /**
   * Runs a statement as it would run on a table with a row in it, and undoes it; returns why it failed.
   * `isSampled` is false when the row could not be put there, and nothing is known.
   */
  tryOnRow(
    sql: string,
    table: string,
    row: Readonly<Record<string, ShadowValue>>,
  ): { readonly failure: string | null; readonly isSampled: boolean } {
    this.#database.exec("SAVEPOINT on_row");
    try {
      if (this.#insert(table, row) !== null) return { failure: null, isSampled: false };
      return { failure: attempt(() => this.#database.exec(sql)), isSampled: true };
    } finally {
      this.#database.exec("ROLLBACK TO on_row");
      this.#database.exec("RELEASE on_row");
    }
  }

  /** Compiles a statement for a function step, which binds and reads by itself. */
  statement(sql: string): import("node:sqlite").StatementSync {
    this.#columns.clear();
    return this.#database.prepare(sql);
  }

  all(sql: string, ...values: ShadowValue[]): Record<string, unknown>[] {
    return this.#database.prepare(sql).all(...values);
  }

  /** What `read` sees after a statement ran, which is undone; null when the statement fails. */
  preview<T>(sql: string, read: () => T): T | null {
    this.#database.exec("SAVEPOINT preview");
    this.#columns.clear();
    try {
      return attempt(() => this.#database.exec(sql)) === null ? read() : null;
    } finally {
      this.#database.exec("ROLLBACK TO preview");
      this.#database.exec("RELEASE preview");
      this.#columns.clear();
    }
  }

  /** Why a table does not take a row, null when it does; the row is not kept. */
  refusalOf(table: string, row: Readonly<Record<string, ShadowValue>>): string | null {
    this.#database.exec("SAVEPOINT refusal");
    try {
      return this.#insert(table, row);
    } finally {
      this.#database.exec("ROLLBACK TO refusal");
      this.#database.exec("RELEASE refusal");
    }
  }

  /** Empty when there is no such table. */
  columns(table: string): readonly ShadowColumn[] {
    const key = table.toLowerCase();
    const known = this.#columns.get(key) ?? this.#readColumns(table);
    this.#columns.set(key, known);
    return known;
  }

  #readColumns(table: string): ShadowColumn[] {
    return this.#database
      .prepare(`PRAGMA table_xinfo(${quoteIdentifier(table)})`)
      .all()
      .map(({ name, type, notnull, pk, hidden, dflt_value }) => ({
        name: String(name),
        type: String(type).toUpperCase(),
        isNotNull: notnull === 1,
        isPrimaryKey: Number(pk) > 0,
        isGenerated: hidden === 2 || hidden === 3,
        hasDefault: dflt_value !== null,
        defaultSql: dflt_value === null ? null : String(dflt_value),
      }));
  }

  /** True for a table or view of the schema, temporary ones included. */
  hasRelation(name: string): boolean {
    return (
      this.all(
        `SELECT 1 FROM (SELECT * FROM sqlite_schema UNION ALL SELECT * FROM sqlite_temp_schema)
         WHERE type IN ('table', 'view') AND name = ? COLLATE NOCASE`,
        name,
      ).length > 0
    );
  }

  /** What a name in a report stands for besides a table: a view, a trigger, or neither. */
  kindOf(name: string): "view" | "trigger" | null {
    const row = this.#database
      .prepare(
        `SELECT type FROM (SELECT * FROM sqlite_schema UNION ALL SELECT * FROM sqlite_temp_schema)
         WHERE type IN ('view', 'trigger') AND name = ? COLLATE NOCASE ORDER BY type DESC`,
      )
      .get(name);
    return row === undefined ? null : row["type"] === "view" ? "view" : "trigger";
  }

  tableOfIndex(index: string): string | null {
    const row = this.#database
      .prepare(
        "SELECT tbl_name FROM sqlite_schema WHERE type = 'index' AND name = ? COLLATE NOCASE",
      )
      .get(index);
    return row === undefined ? null : String(row["tbl_name"]);
  }

  /** Everything but SQLite's own tables and those that a virtual table keeps for itself. */
  schema(): SchemaEntry[] {
    return this.#database
      .prepare(
        `SELECT type, name, tbl_name, coalesce(sql, '') AS sql
         FROM (SELECT * FROM sqlite_schema UNION ALL SELECT * FROM sqlite_temp_schema)
         WHERE tbl_name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
           AND tbl_name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow')`,
      )
      .all()
      .map(({ type, name, tbl_name, sql }) => ({
        type: String(type),
        name: String(name),
        table: String(tbl_name),
        sql: String(sql),
      }));
  }

  /**
   * True when the table could do something else with a row than keep it.
   * @param isStrict the statement overrides the table's own conflict clauses.
   */
  mayRefuseRows(table: string, isStrict = false): boolean {
    const triggers = this.#database
      .prepare("SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE")
      .all(table);
    if (triggers.length > 0) return true;
    return !isStrict && /\bON\s+CONFLICT\b/i.test(this.definition(table));
  }

  /** True when the table puts new rows in the place of old ones by its own definition. */
  mayReplaceRows(table: string): boolean {
    return /\bON\s+CONFLICT\s+REPLACE\b/i.test(this.definition(table));
  }

  /** True when SQLite would read all of `table` for this statement. */
  scans(sql: string, table: string): boolean {
    let isScan = false;
    attempt(() => {
      for (const { detail } of this.#database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all())
        isScan ||= `${String(detail)} `.toLowerCase().startsWith(`scan ${table.toLowerCase()} `);
    });
    return isScan;
  }

  [Symbol.dispose](): void {
    this.#database.setAuthorizer(null);
    this.#database.close();
  }

  /** The text of a table's definition; empty when there is none. */
  definition(table: string): string {
    const row = this.#database
      .prepare("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ? COLLATE NOCASE")
      .get(table);
    return String(row?.["sql"] ?? "");
  }

  #insert(table: string, row: Readonly<Record<string, ShadowValue>>): string | null {
    const columns = Object.keys(row);
    const names = columns.map(quoteIdentifier).join(", ");
    const sql = `INSERT INTO ${quoteIdentifier(table)} (${names}) VALUES (${columns.map(() => "?").join(", ")})`;
    return attempt(() => this.#database.prepare(sql).run(...Object.values(row)));
  }

  #setForeignKeys(value: "ON" | "OFF"): void {
    this.#database.exec(`PRAGMA foreign_keys = ${value}`);
  }

  #compile(sql: string): { reports: readonly Report[]; failure: string | null } {
    this.#recorder.start();
    const failure = attempt(() => this.#database.prepare(sql));
    return { reports: this.#recorder.stop(), failure };
  }
}

const keyOf = ({ does, table }: Access): string => `${does} ${table.toLowerCase()}`;

/** SQLite's words for why it did not work; null when it did. */
function attempt(work: () => unknown): string | null {
  try {
    work();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
