/**
 * What tables hold while a plan goes on, as queries of the live database: a copy is the SELECT that fills it, a
 * renamed column another name in it. So a statement that comes after others can still be asked of the rows that are
 * there. Where no query says it, the content is unknown, and stays so.
 */
import type { Statement } from "../../../migration/sql-scanner.ts";
import type { Binding, Connection } from "../connection.ts";
import { quoteIdentifier } from "../quote.ts";
import { isSqliteError, operationalCode } from "../sqlite-errors.ts";
import { affinityOf } from "./affinity.ts";
import type { LiveTables } from "./live-tables.ts";
import type { Access } from "./probe.ts";
import type { Shadow } from "./shadow.ts";
import { stagedSql, takenTypes } from "./staged-rows.ts";
import { renameOf } from "./statement-shape.ts";
import { copiedSelectOf, plainSelectOf } from "./copied-select.ts";
import { hasParameters, namesIn } from "./pieces.ts";
import { isTargetHidden, type WriteParts, writePartsOf } from "./write-parts.ts";

type Content =
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

const UNKNOWN: Content = { kind: "unknown" };
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
    return this.#of(table).kind === "empty";
  }

  /** True while nothing was written, renamed or reshaped: row numbers and indexes are the live ones. */
  isLive(table: string): boolean {
    return this.#of(table).kind === "live";
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

  /** Nothing is known any more of the tables that a statement changes: for those with values of a program's own. */
  forget(statement: Statement, accesses: readonly Access[]): void {
    if (statement.words.includes("VIEW")) this.#haveViewsChanged = true;
    const rename = renameOf(statement);
    if (rename?.kind === "table") this.#tables.set(rename.to.toLowerCase(), UNKNOWN);
    for (const { does, table } of accesses)
      if (does !== "read" && does !== "call") this.#tables.set(table.toLowerCase(), UNKNOWN);
  }

  /** The query that a table becomes by a statement; called when it has run on the shadow. */
  follow(statement: Statement, accesses: readonly Access[], before: readonly string[]): void {
    const verb = statement.words[0] ?? "";
    if (verb === "CREATE" || verb === "DROP") this.#followMaking(statement, accesses);
    else if (verb === "ALTER") this.#followAlter(statement, accesses, before);
    else this.#followWrite(statement, accesses);
  }

  #followMaking(statement: Statement, accesses: readonly Access[]): void {
    if (statement.words.includes("VIEW")) this.#haveViewsChanged = true;
    for (const { does, table } of accesses) {
      if (does === "drop") this.#tables.delete(table.toLowerCase());
      if (does !== "create") continue;
      if (statement.words.includes("VIRTUAL")) {
        this.#tables.set(table.toLowerCase(), UNKNOWN);
        continue;
      }
      const select = copiedSelectOf(statement.text);
      const content = this.#tables.has(table.toLowerCase())
        ? UNKNOWN
        : select === null
          ? ({ kind: "empty" } as const)
          : plainSelectOf(select) === null
            ? UNKNOWN
            : this.#queryOf(table, select, accesses);
      this.#tables.set(table.toLowerCase(), content);
    }
  }

  #followAlter(statement: Statement, accesses: readonly Access[], before: readonly string[]): void {
    const table = accesses.find(({ does }) => does === "alter")?.table;
    if (table === undefined) return;
    const rename = renameOf(statement);
    const now = rename?.kind === "table" ? rename.to : table;
    const columns = this.#columnsOf(now);
    const old = this.#self(table, before);
    const content = this.#of(table);
    this.#tables.delete(table.toLowerCase());
    this.#tables.set(now.toLowerCase(), this.#reshaped(content, { old, before, columns, now }));
    // A constraint leaves everything as it is.
    const isSame =
      this.#live.all("SELECT 1 FROM pragma_table_xinfo(?)", table).length ===
      this.#shadow.columns(now).length;
    if (content.kind === "live" && rename === null && isSame)
      this.#tables.set(now.toLowerCase(), content);
  }

  #reshaped(
    content: Content,
    {
      old,
      before,
      columns,
      now,
    }: {
      readonly old: string | null;
      readonly before: readonly string[];
      readonly columns: readonly string[];
      readonly now: string;
    },
  ): Content {
    if (content.kind === "empty") return content;
    if (old === null) return UNKNOWN;
    // A column that is there under another name stands at the same place.
    const isRenamed = columns.length === before.length;
    const defaults = new Map(this.#shadow.columns(now).map((c) => [c.name, c.defaultSql]));
    const terms = columns.map((column, index) => {
      const origin = isRenamed ? before[index] : before.find((name) => name === column);
      const value =
        origin === undefined ? `(${defaults.get(column) ?? "NULL"})` : quoteIdentifier(origin);
      return `${value} AS ${quoteIdentifier(column)}`;
    });
    const untyped = content.kind === "query" ? (content.untyped ?? []) : [];
    const reshaped: Content = {
      kind: "query",
      columns,
      untyped: untyped.map((name) => (isRenamed ? (columns[before.indexOf(name)] ?? name) : name)),
      sql: `SELECT ${terms.join(", ")} FROM (${old})`,
    };
    return isRenamed
      ? reshaped
      : this.#typed(now, reshaped, {
          computed: columns.filter((column) => !before.includes(column)),
        });
  }

  #followWrite(statement: Statement, accesses: readonly Access[]): void {
    const written = new Set(
      accesses
        .filter(({ does }) => does === "insert" || does === "update" || does === "delete")
        .map(({ table }) => table.toLowerCase()),
    );
    const parts = written.size === 1 ? writePartsOf(statement.text) : null;
    for (const table of written) {
      const content = parts === null ? UNKNOWN : this.#written(table, parts, accesses);
      this.#tables.set(table, content);
    }
  }

  #written(table: string, parts: WriteParts, accesses: readonly Access[]): Content {
    const isPlain = parts.conflict === null && !parts.hasLimit && parts.from === null;
    if (!isPlain || isTargetHidden(parts) || this.#shadow.mayRefuseRows(table)) return UNKNOWN;
    const columns = this.#columnsOf(table);
    const alias = `${quoteIdentifier(table)} AS ${quoteIdentifier(parts.alias)}`;
    if (parts.verb === "INSERT") {
      if (!this.isEmpty(table) || parts.upsert !== null) return UNKNOWN;
      const content = this.#queryOf(table, stagedSql(this.#shadow, parts, columns), accesses);
      return this.#typed(table, content, {
        computed: columns,
        keptTypes: takenTypes(this.#shadow, parts, columns),
      });
    }
    const old = columns.map(
      (column) => `${quoteIdentifier(parts.alias)}.${quoteIdentifier(column)}`,
    );
    const where = parts.where === null ? "1" : `(${parts.where}\n)`;
    if (parts.verb === "DELETE") {
      const select = `${parts.prelude}SELECT ${old.join(", ")} FROM ${alias} WHERE coalesce(NOT ${where}, 1)`;
      return this.#queryOf(table, select, accesses);
    }
    const values = new Map(
      parts.sets.map(({ columns: [name = ""], value }) => [name.toLowerCase(), value]),
    );
    if (parts.sets.some(({ columns: set }) => set.length !== 1)) return UNKNOWN;
    const terms = columns.map((column, index) => {
      const value = values.get(column.toLowerCase());
      return value === undefined
        ? String(old[index])
        : `CASE WHEN ${where} THEN (${value}\n) ELSE ${String(old[index])} END`;
    });
    const select = `${parts.prelude}SELECT ${terms.join(", ")} FROM ${alias}`;
    const set = columns.filter((column) => values.has(column.toLowerCase()));
    return this.#typed(table, this.#queryOf(table, select, accesses), { computed: set });
  }

  #of(table: string): Content {
    return this.#tables.get(table.toLowerCase()) ?? UNKNOWN;
  }

  /** Columns that a query can stand for: generated ones are left to their table. */
  #columnsOf(table: string): string[] {
    return this.#shadow
      .columns(table)
      .filter(({ isGenerated }) => !isGenerated)
      .map(({ name }) => name);
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

  #queryOf(table: string, select: string | null, accesses: readonly Access[]): Content {
    const columns = this.#columnsOf(table);
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

  /**
   * Gives computed values what their column makes of them: its type decides how they compare. A value that it would
   * turn into another makes the content unknown, and so does an order of the column's own.
   */
  #typed(
    table: string,
    content: Content,
    {
      computed,
      keptTypes = new Map(),
    }: {
      readonly computed: readonly string[];
      /** Types of the columns that are taken as they are. */
      readonly keptTypes?: ReadonlyMap<string, string>;
    },
  ): Content {
    if (content.kind !== "query" || computed.length === 0) return content;
    if (/\bCOLLATE\b/i.test(this.#shadow.definition(table))) return UNKNOWN;
    const types = new Map(this.#shadow.columns(table).map(({ name, type }) => [name, type]));
    const odd: string[] = [];
    const isUntyped = (column: string): boolean => affinityOf(types.get(column) ?? "") === null;
    const isKept = (column: string): boolean => affinityOf(keptTypes.get(column) ?? "INT") === null;
    const untyped = computed.filter((column) => isUntyped(column) && !isKept(column));
    const terms = content.columns.map((column) => {
      const name = quoteIdentifier(column);
      if (!computed.includes(column)) return name;
      const affinity = affinityOf(types.get(column) ?? "");
      if (affinity === null) return name;
      odd.push(`typeof(${name}) NOT IN (${affinity.keeps})`);
      return `CAST(${name} AS ${affinity.name}) AS ${name}`;
    });
    if (odd.length > 0) {
      const select = `SELECT 1 FROM (${content.sql}) WHERE ${odd.join(" OR ")} LIMIT 1`;
      if (this.rows(select, [])?.length !== 0) return UNKNOWN;
    }
    return {
      ...content,
      sql: `SELECT ${terms.join(", ")} FROM (${content.sql})`,
      untyped: [...(content.untyped ?? []), ...untyped],
    };
  }

  /** The content of a table as a query of its own, by the columns that it had. */
  #self(table: string, columns: readonly string[]): string | null {
    const content = this.#of(table);
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
      const content = this.#of(table);
      if (content.kind === "unknown") return null;
      if (content.kind === "live" && !isClosed) continue;
      if (this.#namesHidden(text, table, content.kind === "query" ? content : {})) return null;
      const columns = content.kind === "query" ? content.columns : this.#columnsOf(table);
      const sql =
        content.kind === "empty"
          ? `SELECT ${columns.map(() => "NULL").join(", ")} WHERE 0`
          : String(this.#self(table, columns));
      bound.push(
        `${quoteIdentifier(table)}(${columns.map(quoteIdentifier).join(", ")}) AS (${sql})`,
      );
    }
    return bound.length === 0 ? "" : `WITH ${bound.join(", ")} `;
  }
}
