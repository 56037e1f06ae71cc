/** An empty copy of a database's schema, in memory, on which statements can be compiled and run at no risk. */
import type { DatabaseSync } from "node:sqlite";
import type { Connection } from "../connection.ts";
import { quoteIdentifier } from "../quote.ts";
import { type Access, AccessRecorder, type Probe } from "./probe.ts";

export type ShadowValue = string | number | bigint | null | Uint8Array;

export interface ShadowColumn {
  readonly name: string;
  /** As it was declared, in upper case. */
  readonly type: string;
  readonly isNotNull: boolean;
  readonly isGenerated: boolean;
  readonly hasDefault: boolean;
}

export class Shadow implements Disposable {
  readonly #database: DatabaseSync;
  readonly #recorder = new AccessRecorder();
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
    this.#database.setAuthorizer(this.#recorder.authorize);
  }

  /** Compiles a statement twice and runs nothing. */
  probe(sql: string): Probe {
    this.#setForeignKeys("ON");
    const withKeys = this.#compile(sql);
    this.#setForeignKeys("OFF");
    const { accesses, failure } = this.#compile(sql);
    if (failure !== null) return { accesses, cascades: [], failure };
    const known = new Set(accesses.map(keyOf));
    const cascades = withKeys.accesses.filter(
      (access) =>
        (access.does === "delete" || access.does === "update") && !known.has(keyOf(access)),
    );
    return { accesses, cascades, failure: withKeys.failure };
  }

  /** Runs one statement; returns why it failed, null when it did not. */
  run(sql: string): string | null {
    // Inside the migration's transaction these do nothing, and here they would change what is compiled next.
    if (/^PRAGMA\b/i.test(sql)) return null;
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
      const columns = Object.keys(row);
      const names = columns.map(quoteIdentifier).join(", ");
      const insert = `INSERT INTO ${quoteIdentifier(table)} (${names}) VALUES (${columns.map(() => "?").join(", ")})`;
      const refusal = attempt(() => this.#database.prepare(insert).run(...Object.values(row)));
      if (refusal !== null) return { failure: null, isSampled: false };
      return { failure: attempt(() => this.#database.exec(sql)), isSampled: true };
    } finally {
      this.#database.exec("ROLLBACK TO on_row");
      this.#database.exec("RELEASE on_row");
    }
  }

  /** Compiles a statement for a function step, which binds and reads by itself. */
  statement(sql: string): import("node:sqlite").StatementSync {
    return this.#database.prepare(sql);
  }

  /** Empty when there is no such table. */
  columns(table: string): ShadowColumn[] {
    return this.#database
      .prepare(`PRAGMA table_xinfo(${quoteIdentifier(table)})`)
      .all()
      .map(({ name, type, notnull, hidden, dflt_value }) => ({
        name: String(name),
        type: String(type).toUpperCase(),
        isNotNull: notnull === 1,
        isGenerated: hidden === 2 || hidden === 3,
        hasDefault: dflt_value !== null,
      }));
  }

  /** True when the table could do something else with a row than keep it. */
  mayRefuseRows(table: string): boolean {
    const triggers = this.#database
      .prepare("SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE")
      .all(table);
    return triggers.length > 0 || /\bON\s+CONFLICT\b/i.test(this.#definition(table));
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
  #definition(table: string): string {
    const row = this.#database
      .prepare("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ? COLLATE NOCASE")
      .get(table);
    return String(row?.["sql"] ?? "");
  }

  #setForeignKeys(value: "ON" | "OFF"): void {
    this.#database.exec(`PRAGMA foreign_keys = ${value}`);
  }

  #compile(sql: string): { accesses: readonly Access[]; failure: string | null } {
    this.#recorder.start();
    const failure = attempt(() => this.#database.prepare(sql));
    return { accesses: this.#recorder.stop(), failure };
  }
}

/** Copies everything but SQLite's own tables and those that a virtual table brings with it. */
function copySchema(live: Connection, shadow: DatabaseSync): string[] {
  const objects = live.readOnce(
    `SELECT s.name, s.sql
     FROM sqlite_schema AS s
     WHERE s.sql IS NOT NULL
       AND s.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
       AND s.name NOT IN (SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow')
     ORDER BY CASE s.type WHEN 'table' THEN 0 WHEN 'view' THEN 1 WHEN 'index' THEN 2 ELSE 3 END, s.rowid`,
  );
  return objects.flatMap(([name, sql]) => {
    const failure = attempt(() => shadow.exec(String(sql)));
    return failure === null ? [] : [`${String(name)}: ${failure}`];
  });
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
