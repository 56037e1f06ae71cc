/**
 * What tables hold while a plan goes on, as queries of the live database: a copy is the SELECT that fills it, a
 * renamed column another name in it. So a statement that comes after others can still be asked of the rows that are
 * there. Where no query says it, the content is unknown, and stays so.
 */
import type { Binding, Connection } from "../connection.ts";
import { quoteIdentifier } from "../quote.ts";
import { isSqliteError, operationalCode } from "../sqlite-errors.ts";
import type { LiveTables } from "./live-tables.ts";
import { hasParameters, namesIn } from "./pieces.ts";
import type { Access } from "./probe.ts";
import type { Shadow } from "./shadow.ts";

export type Content =
  /** As it is in the database, under its own name. */
  | { readonly kind: "live" }
  | { readonly kind: "empty" }
  /** The rows of a query that names nothing but live tables. */
  | {
      readonly kind: "query";
      readonly columns: readonly string[];
      readonly sql: string;
      /** Columns without a type that were computed: SQLite has no expression that compares as they do. */
      readonly untyped?: readonly string[];
    }
  | { readonly kind: "unknown" };

export const UNKNOWN: Content = { kind: "unknown" };

/** Their answers may be others when the statement runs: a row that is young now is old a moment later. */
const FICKLE =
  /^(random|randomblob|changes|total_changes|last_insert_rowid|current_(date|time|timestamp)|date|time|datetime|julianday|unixepoch|strftime|timediff)$/i;

export class Contents {
  readonly #connection: Connection;
  readonly #live: LiveTables;
  readonly #shadow: Shadow;
  readonly #tables = new Map<string, Content>();
  #haveViewsChanged = false;

  constructor(connection: Connection, live: LiveTables, shadow: Shadow) {
    this.#connection = connection;
    this.#live = live;
    this.#shadow = shadow;
    for (const name of live.names) this.#tables.set(name.toLowerCase(), { kind: "live" });
    // A temporary table of the connection hides the one that a query by its name would mean.
    for (const [name] of connection.readOnce("SELECT name FROM sqlite_temp_schema"))
      this.#tables.set(String(name).toLowerCase(), UNKNOWN);
  }

  isEmpty(table: string): boolean {
    return this.of(table).kind === "empty";
  }

  /** True while nothing was written, renamed or reshaped: row numbers and indexes are the live ones. */
  isLive(table: string): boolean {
    return this.of(table).kind === "live";
  }

  of(table: string): Content {
    return this.#tables.get(table.toLowerCase()) ?? UNKNOWN;
  }

  /** The number of rows of a query over tables as they are at this point of the plan; null when it can't be told. */
  count(select: string, tables: readonly string[]): number | null {
    const rows = this.rows(`SELECT count(*) FROM (${select}\n)`, tables);
    return rows === null ? null : Number(rows[0]?.[0] ?? 0);
  }

  /** The rows of a query; null when they can't be told. */
  rows(select: string, tables: readonly string[]): Binding[][] | null {
    const prelude = this.#prelude(select, tables, false);
    // Unbound, a parameter would be NULL and the answer "none".
    if (prelude === null || hasParameters(prelude + select)) return null;
    try {
      return this.#connection.readOnce(prelude + select);
    } catch (error) {
      if (!isSqliteError(error) || operationalCode(error) !== undefined) throw error;
      return null;
    }
  }

  /**
   * The tables that a statement's clauses read, and the one it writes; null when one of them is read in a way that
   * can't be repeated: through a view that is no longer what it was, or by chance.
   */
  sourcesOf(accesses: readonly Access[]): string[] | null {
    const names = new Set<string>();
    for (const { does, table, via } of accesses) {
      if (does === "call" && FICKLE.test(table)) return null;
      const owner = via === null ? null : this.#shadow.kindOf(via);
      if (owner === "trigger" || does === "call") continue;
      if (owner === "view" && (this.#haveViewsChanged || !this.isLive(table))) return null;
      if (this.#tables.has(table.toLowerCase())) names.add(table.toLowerCase());
      // Its name is another table's by now, which nobody followed.
      else if (this.#live.has(table)) return null;
    }
    return [...names];
  }

  /** Puts a content in the place of what was known of a table. */
  put(table: string, content: Content): void {
    this.#tables.set(table.toLowerCase(), content);
  }

  remove(table: string): void {
    this.#tables.delete(table.toLowerCase());
  }

  has(table: string): boolean {
    return this.#tables.has(table.toLowerCase());
  }

  /** From now on no view is known to be what it was. */
  noteViews(): void {
    this.#haveViewsChanged = true;
  }

  /** Columns that a query can stand for: generated ones are left to their table. */
  columnsOf(table: string): string[] {
    return this.#shadow
      .columns(table)
      .filter(({ isGenerated }) => !isGenerated)
      .map(({ name }) => name);
  }

  /** The rows of a query, by the columns of its table; unknown when one of its sources is. */
  queryOf(table: string, select: string | null, accesses: readonly Access[]): Content {
    const columns = this.columnsOf(table);
    const sources = this.sourcesOf(accesses.filter(({ does }) => does !== "create"));
    if (select === null || sources === null) return UNKNOWN;
    const prelude = this.#prelude(select, sources, true);
    if (prelude === null) return UNKNOWN;
    const list = columns.map(quoteIdentifier).join(", ");
    // Named outright: a name that is missing would pass for a string.
    const named = `"rows now"(${list}) AS (${select}\n) SELECT ${list} FROM "rows now"`;
    return {
      kind: "query",
      columns,
      sql: `${prelude === "" ? "WITH " : `${prelude.trimEnd()}, `}${named}`,
    };
  }

  /** The content of a table as a query of its own, by the columns that it had. */
  selectOf(table: string, columns: readonly string[]): string | null {
    const content = this.of(table);
    if (content.kind === "query") return content.sql;
    if (content.kind !== "live") return null;
    return `SELECT ${columns.map(quoteIdentifier).join(", ")} FROM main.${quoteIdentifier(table)}`;
  }

  /**
   * Gives every name the content that it stands for.
   * @param isClosed also binds live tables, so that the query means the same wherever it is put.
   */
  #prelude(text: string, tables: readonly string[], isClosed: boolean): string | null {
    const bound: string[] = [];
    for (const table of tables) {
      const content = this.of(table);
      if (content.kind === "unknown") return null;
      if (content.kind === "live" && !isClosed) continue;
      if (this.#namesHidden(text, table, content.kind === "query" ? content : {})) return null;
      const columns = content.kind === "query" ? content.columns : this.columnsOf(table);
      const sql =
        content.kind === "empty"
          ? `SELECT ${columns.map(() => "NULL").join(", ")} WHERE 0`
          : String(this.selectOf(table, columns));
      bound.push(
        `${quoteIdentifier(table)}(${columns.map(quoteIdentifier).join(", ")}) AS (${sql})`,
      );
    }
    return bound.length === 0 ? "" : `WITH ${bound.join(", ")} `;
  }

  /**
   * True when a text names a column that no query stands for: a generated one, which in quotes would pass for a
   * string where it is missing, or one that would compare in another way.
   */
  #namesHidden(
    text: string,
    table: string,
    { untyped = [] }: { readonly untyped?: readonly string[] },
  ): boolean {
    const generated = this.#shadow.columns(table).filter(({ isGenerated }) => isGenerated);
    const hidden = [...generated.map(({ name }) => name), ...untyped];
    if (hidden.length === 0) return false;
    const named = namesIn(text);
    const takesAll = untyped.length > 0 && /\*/.test(text.replaceAll(/count\(\*\)/gi, ""));
    return takesAll || hidden.some((name) => named.has(name.toLowerCase()));
  }
}
