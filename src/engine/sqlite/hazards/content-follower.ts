/** What a statement makes of what tables hold, as queries of what they held before. */
import type { Statement } from "../../../migration/sql-scanner.ts";
import { quoteIdentifier } from "../quote.ts";
import { affinityOf } from "./affinity.ts";
import { type Content, type Contents, UNKNOWN } from "./contents.ts";
import { copiedSelectOf, plainSelectOf } from "./copied-select.ts";
import type { Bench } from "./finding.ts";
import type { LiveTables } from "./live-tables.ts";
import type { Access } from "./probe.ts";
import type { Shadow } from "./shadow.ts";
import { stagedSql, takenTypes } from "./staged-rows.ts";
import { renameOf } from "./statement-shape.ts";
import { isTargetHidden, type WriteParts, writePartsOf } from "./write-parts.ts";

/** Keeps the contents of tables in step with the statements of a plan. */
export class ContentFollower {
  readonly #contents: Contents;
  readonly #live: LiveTables;
  readonly #shadow: Shadow;

  constructor({ contents, live, shadow }: Bench) {
    this.#contents = contents;
    this.#live = live;
    this.#shadow = shadow;
  }

  /** The query that a table becomes by a statement; called when it has run on the shadow. */
  follow(statement: Statement, accesses: readonly Access[], before: readonly string[]): void {
    const verb = statement.words[0] ?? "";
    if (verb === "CREATE" || verb === "DROP") this.#followMaking(statement, accesses);
    else if (verb === "ALTER") this.#followAlter(statement, accesses, before);
    else this.#followWrite(statement, accesses);
  }

  /** Nothing is known any more of the tables that a statement changes: for those with values of a program's own. */
  forget(statement: Statement, accesses: readonly Access[]): void {
    if (statement.words.includes("VIEW")) this.#contents.noteViews();
    const rename = renameOf(statement);
    if (rename?.kind === "table") this.#contents.put(rename.to, UNKNOWN);
    for (const { does, table } of accesses)
      if (does !== "read" && does !== "call") this.#contents.put(table, UNKNOWN);
  }

  #followMaking(statement: Statement, accesses: readonly Access[]): void {
    if (statement.words.includes("VIEW")) this.#contents.noteViews();
    for (const { does, table } of accesses) {
      if (does === "drop") this.#contents.remove(table);
      if (does !== "create") continue;
      if (statement.words.includes("VIRTUAL")) {
        this.#contents.put(table, UNKNOWN);
        continue;
      }
      const select = copiedSelectOf(statement.text);
      const content = this.#contents.has(table)
        ? UNKNOWN
        : select === null
          ? ({ kind: "empty" } as const)
          : plainSelectOf(select) === null
            ? UNKNOWN
            : this.#contents.queryOf(table, select, accesses);
      this.#contents.put(table, content);
    }
  }

  #followAlter(statement: Statement, accesses: readonly Access[], before: readonly string[]): void {
    const table = accesses.find(({ does }) => does === "alter")?.table;
    if (table === undefined) return;
    const rename = renameOf(statement);
    const now = rename?.kind === "table" ? rename.to : table;
    const columns = this.#contents.columnsOf(now);
    const old = this.#contents.selectOf(table, before);
    const content = this.#contents.of(table);
    this.#contents.remove(table);
    this.#contents.put(now, this.#reshaped(content, { old, before, columns, now }));
    // A constraint leaves everything as it is.
    const isSame =
      this.#live.all("SELECT 1 FROM pragma_table_xinfo(?)", table).length ===
      this.#shadow.columns(now).length;
    if (content.kind === "live" && rename === null && isSame) this.#contents.put(now, content);
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
      this.#contents.put(table, content);
    }
  }

  #written(table: string, parts: WriteParts, accesses: readonly Access[]): Content {
    const isPlain = parts.conflict === null && !parts.hasLimit && parts.from === null;
    if (!isPlain || isTargetHidden(parts) || this.#shadow.mayRefuseRows(table)) return UNKNOWN;
    const columns = this.#contents.columnsOf(table);
    const alias = `${quoteIdentifier(table)} AS ${quoteIdentifier(parts.alias)}`;
    if (parts.verb === "INSERT") {
      if (!this.#contents.isEmpty(table) || parts.upsert !== null) return UNKNOWN;
      const content = this.#contents.queryOf(
        table,
        stagedSql(this.#shadow, parts, columns),
        accesses,
      );
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
      return this.#contents.queryOf(table, select, accesses);
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
    return this.#typed(table, this.#contents.queryOf(table, select, accesses), { computed: set });
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
      if (this.#contents.rows(select, [])?.length !== 0) return UNKNOWN;
    }
    return {
      ...content,
      sql: `SELECT ${terms.join(", ")} FROM (${content.sql})`,
      untyped: [...(content.untyped ?? []), ...untyped],
    };
  }
}
