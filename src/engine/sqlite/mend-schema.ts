/**
 * The SQL that takes a schema to another one, tried on an empty copy before anybody sees it.
 *
 * ALTER TABLE where it leads there, which is found out by doing it; else the rebuild, as SQLite's documentation
 * lists its steps. Everything that stands on tables and that the tables' changes took along is created last.
 */
import { Database } from "bun:sqlite";
import { Connection } from "./connection.ts";
import { IN_MEMORY } from "./open.ts";
import { quoteIdentifier } from "./quote.ts";
import { definitionsOf } from "./definition-texts.ts";
import { describeSchema, diffSchemas, schemaTexts } from "./schema.ts";
import type { SchemaDifference } from "./schema-diff.ts";
import { isSqliteError } from "./sqlite-errors.ts";

export interface Mend {
  /** In order, without semicolons; to be run in one transaction, with foreign keys off before it. */
  readonly statements: readonly string[];
  /** What they lose, or may fail on. */
  readonly cautions: readonly string[];
  /** False when they do not lead all the way there. */
  readonly isComplete: boolean;
}

/** Writes the statements that make the live schema the expected one; runs nothing but on a copy in memory. */
export function mendSchema(
  live: Connection,
  expected: Connection,
  differences: readonly SchemaDifference[],
): Mend {
  using scratch = new Connection(new Database(IN_MEMORY), IN_MEMORY);
  for (const { sql } of schemaTexts(live)) attempt(scratch, [sql]);
  return new Mender(live, expected, scratch).mend(differences);
}

class Mender {
  readonly #live: Connection;
  readonly #expected: Connection;
  readonly #scratch: Connection;
  readonly #statements: string[] = [];
  readonly #cautions: string[] = [];

  constructor(live: Connection, expected: Connection, scratch: Connection) {
    this.#live = live;
    this.#expected = expected;
    this.#scratch = scratch;
  }

  mend(differences: readonly SchemaDifference[]): Mend {
    const { tables, others } = Object.groupBy(differences, ({ type }) =>
      type === "table" ? "tables" : "others",
    );
    for (const { type, name, state } of (others ?? []).toReversed()) {
      if (state !== "missing") this.#run([`DROP ${type.toUpperCase()} ${quoteIdentifier(name)}`]);
    }
    for (const { name, state } of tables ?? []) {
      if (state === "missing") this.#run([this.#textOf("table", name)]);
      else if (state === "surplus") this.#dropTable(name);
      else this.#changeTable(name);
    }
    this.#createWhatIsLeft();
    return {
      statements: this.#statements,
      cautions: this.#cautions,
      isComplete:
        diffSchemas(describeSchema(this.#expected), describeSchema(this.#scratch)).length === 0,
    };
  }

  #run(statements: readonly string[]): void {
    const failure = attempt(this.#scratch, statements);
    if (failure === null) this.#statements.push(...statements);
    else this.#cautions.push(`\`${statements[0] ?? ""}\` does not run here (${failure})`);
  }

  #textOf(type: string, name: string): string {
    const found = schemaTexts(this.#expected).find(
      (object) => object.type === type && object.name === name,
    );
    return found?.sql ?? "";
  }

  #dropTable(name: string): void {
    const rows = this.#rowCount(name);
    if (rows > 0) this.#cautions.push(`dropping ${name} loses ${rows} row(s)`);
    this.#run([`DROP TABLE ${quoteIdentifier(name)}`]);
  }

  #changeTable(name: string): void {
    const alterations = this.#alterationsOf(name);
    this.#scratch.runOnce("SAVEPOINT alter_table");
    const isEnough = attempt(this.#scratch, alterations) === null && this.#isAsExpected(name);
    if (!isEnough) this.#scratch.runOnce("ROLLBACK TO alter_table");
    this.#scratch.runOnce("RELEASE alter_table");
    if (isEnough) this.#statements.push(...alterations);
    else this.#rebuild(name);
    this.#warnOfColumns(name);
  }

  /** What ALTER TABLE can try: columns that are missing or too many, and NOT NULL. */
  #alterationsOf(name: string): string[] {
    const table = quoteIdentifier(name);
    const wanted = columnsOf(this.#expected, name);
    const there = columnsOf(this.#scratch, name);
    const definitions = definitionsOf(this.#textOf("table", name));
    return [
      ...there
        .filter((column) => !wanted.some((other) => other.name === column.name))
        .map((column) => `ALTER TABLE ${table} DROP COLUMN ${quoteIdentifier(column.name)}`),
      ...wanted.flatMap((column) => {
        const other = there.find((known) => known.name === column.name);
        if (other === undefined)
          return [`ALTER TABLE ${table} ADD COLUMN ${definitionOf(definitions, column.name)}`];
        if (other.isNotNull === column.isNotNull) return [];
        const verb = column.isNotNull ? "SET" : "DROP";
        return [
          `ALTER TABLE ${table} ALTER COLUMN ${quoteIdentifier(column.name)} ${verb} NOT NULL`,
        ];
      }),
    ];
  }

  /** New table, copy, drop, rename; never the old one away first, which would take the foreign keys along. */
  #rebuild(name: string): void {
    const text = this.#textOf("table", name);
    const start = text.indexOf("(");
    if (start < 0 || /^\s*CREATE\s+VIRTUAL\b/i.test(text)) {
      this.#cautions.push(`${name} is a virtual table: drop it and create it anew`);
      return;
    }
    // A view or trigger that names the table would stop the rename; all are created again at the end.
    for (const { type, name: other } of schemaTexts(this.#scratch)) {
      if (type === "view" || type === "trigger")
        this.#run([`DROP ${type.toUpperCase()} ${quoteIdentifier(other)}`]);
    }
    const draft = `${name}_mended`;
    const there = columnsOf(this.#scratch, name);
    const shared = columnsOf(this.#expected, name)
      .filter((column) => !column.isGenerated)
      .filter((column) => there.some((other) => other.name === column.name))
      .map((column) => quoteIdentifier(column.name))
      .join(", ");
    const [from, to] = [quoteIdentifier(name), quoteIdentifier(draft)];
    this.#run([
      `CREATE TABLE ${to} ${text.slice(start)}`,
      ...(shared === "" ? [] : [`INSERT INTO ${to} (${shared}) SELECT ${shared} FROM ${from}`]),
      `DROP TABLE ${from}`,
      `ALTER TABLE ${to} RENAME TO ${from}`,
    ]);
  }

  #warnOfColumns(name: string): void {
    const wanted = columnsOf(this.#expected, name);
    const there = columnsOf(this.#live, name);
    for (const column of there) {
      if (wanted.some((other) => other.name === column.name)) continue;
      const values = this.#count(
        `SELECT count(${quoteIdentifier(column.name)}) FROM ${quoteIdentifier(name)}`,
      );
      if (values > 0) this.#cautions.push(`${name}.${column.name} goes, with ${values} value(s)`);
    }
    for (const column of wanted) {
      const other = there.find((known) => known.name === column.name);
      if (!column.isNotNull || other?.isNotNull === true || this.#rowCount(name) === 0) continue;
      const nulls =
        other === undefined
          ? column.hasDefault
            ? 0
            : this.#rowCount(name)
          : this.#rowCount(name) -
            this.#count(
              `SELECT count(${quoteIdentifier(column.name)}) FROM ${quoteIdentifier(name)}`,
            );
      if (nulls > 0)
        this.#cautions.push(`fails on ${nulls} row(s) of ${name} without ${column.name}`);
    }
  }

  #isAsExpected(name: string): boolean {
    const of = (connection: Connection): string =>
      JSON.stringify(
        describeSchema(connection).find(
          (object) => object.type === "table" && object.name === name,
        ),
      );
    return of(this.#expected) === of(this.#scratch);
  }

  /** Indexes, views and triggers that were missing, differed, or went with a table. */
  #createWhatIsLeft(): void {
    const there = new Set(schemaTexts(this.#scratch).map(({ type, name }) => `${type} ${name}`));
    for (const { type, name, sql } of schemaTexts(this.#expected)) {
      if (type !== "table" && !there.has(`${type} ${name}`)) this.#run([sql]);
    }
  }

  #rowCount(table: string): number {
    return this.#count(`SELECT count(*) FROM ${quoteIdentifier(table)}`);
  }

  #count(sql: string): number {
    return Number(this.#live.readOnce(sql)[0]?.[0] ?? 0);
  }
}

interface MendColumn {
  readonly name: string;
  readonly isNotNull: boolean;
  readonly isGenerated: boolean;
  readonly hasDefault: boolean;
}

function columnsOf(connection: Connection, table: string): MendColumn[] {
  return connection
    .readOnce('SELECT name, "notnull", hidden, dflt_value FROM pragma_table_xinfo(?)', table)
    .map(([name, notNull, hidden, defaultValue]) => ({
      name: String(name),
      isNotNull: notNull === 1,
      isGenerated: hidden === 2 || hidden === 3,
      hasDefault: defaultValue !== null,
    }));
}

/** The definition that begins with a column's name, quoted or not. */
function definitionOf(definitions: readonly string[], column: string): string {
  const isOf = (definition: string): boolean => {
    const first = definition.split(" ", 1)[0] ?? "";
    return [column, quoteIdentifier(column), `[${column}]`, `\`${column}\``].includes(first);
  };
  return definitions.find(isOf) ?? quoteIdentifier(column);
}

/** Runs all or nothing; SQLite's words for why it did not work, null when it did. */
function attempt(connection: Connection, statements: readonly string[]): string | null {
  connection.runOnce("SAVEPOINT mend");
  try {
    for (const sql of statements) connection.runOnce(sql);
    return null;
  } catch (error) {
    connection.runOnce("ROLLBACK TO mend");
    if (!isSqliteError(error)) throw error;
    return error.message;
  } finally {
    connection.runOnce("RELEASE mend");
  }
}
