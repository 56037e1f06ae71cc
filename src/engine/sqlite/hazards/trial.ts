/**
 * How long statements take, found out by running them: on a private copy of the schema with some of the live rows,
 * whose times are multiplied by how many more there are. The copy is a temporary file that SQLite deletes at once,
 * and its cache is as much too small for it as the connection's is for the database, so that it waits for pages as
 * the real run will.
 */
import type { DatabaseSync } from "node:sqlite";
import type { Statement } from "../../../migration/sql-scanner.ts";
import type { Connection } from "../connection.ts";
import { quoteIdentifier } from "../quote.ts";
import { isSqliteError } from "../sqlite-errors.ts";
import type { LiveTables } from "./live-tables.ts";
import type { Access } from "./probe.ts";
import { copySchema } from "./schema-copy.ts";
import { isDropColumn, renameOf } from "./statement-shape.ts";

/** Rows of a table that are copied, from several places of it. */
const SAMPLE_ROWS = 20_000;
/** Of all tables together. */
const ALL_SAMPLES = 40_000;
const PLACES = 8;
/** No statement is tried any more when the trial as a whole has taken this long. */
const BUDGET_MS = 3000;

/** What a statement is known to do when it is tried. */
export interface TriedStatement {
  readonly statement: Statement;
  readonly accesses: readonly Access[];
}

export interface StatementTime {
  readonly timeMs: number;
  /** Rows that were there in the trial, and that are there in the database; equal when all were copied. */
  readonly triedRows: number;
  readonly rows: number;
}

/** A table of the trial; null in place of it where the trial no longer shows what the table will hold. */
interface Sample {
  readonly triedRows: number;
  readonly rows: number;
}

export class Trial implements Disposable {
  readonly #database: DatabaseSync;
  readonly #samples = new Map<string, Sample | null>();
  readonly #startedAt = performance.now();
  #isOver = false;

  /** @param tables the live tables that the plan reaches. */
  constructor(connection: Connection, live: LiveTables, tables: readonly string[]) {
    const { DatabaseSync: Temporary } = require("node:sqlite") as typeof import("node:sqlite");
    this.#database = new Temporary("", {
      enableForeignKeyConstraints: false,
      enableDoubleQuotedStringLiterals: true,
    });
    const size = Math.min(SAMPLE_ROWS, Math.ceil(ALL_SAMPLES / Math.max(1, tables.length)));
    const counts = tables.map((table) => live.rowCount(table));
    this.#database.exec("PRAGMA journal_mode = OFF");
    this.#database.exec(`PRAGMA page_size = ${numberOf(connection, "page_size")}`);
    this.#database.exec(
      `PRAGMA cache_size = ${cachePages(connection, Math.max(1, ...counts), size)}`,
    );
    copySchema(connection, this.#database, ["table", "view", "index"]);
    for (const [index, table] of tables.entries()) {
      const triedRows = this.#fill(connection, table, { columns: live.columns(table), size });
      this.#samples.set(table.toLowerCase(), { triedRows, rows: counts[index] ?? 0 });
    }
    copySchema(connection, this.#database, ["trigger"]);
  }

  /** Runs a statement; null when its time can't be told from that of the trial. */
  time({ statement, accesses }: TriedStatement): StatementTime | null {
    const reached = accesses.filter(({ does }) => does !== "call").map(({ table }) => table);
    const samples = reached.map((table) => this.#samples.get(table.toLowerCase()));
    const isKnown =
      !this.#isOver &&
      !samples.includes(null) &&
      performance.now() - this.#startedAt < BUDGET_MS &&
      this.#isSteady(statement, accesses);
    const timeMs = isKnown ? this.#run(statement) : null;
    if (timeMs === null) {
      // What it would have left behind is missing from here on.
      for (const { does, table } of accesses)
        if (does !== "read" && does !== "call") this.#samples.set(table.toLowerCase(), null);
      const rename = renameOf(statement);
      if (rename?.kind === "table") this.#samples.set(rename.to.toLowerCase(), null);
      return null;
    }
    const largest = samples
      .filter((sample) => sample !== undefined && sample !== null)
      .reduce((max, sample) => (sample.rows > max.rows ? sample : max), { rows: 0, triedRows: 0 });
    this.#follow(statement, accesses, largest);
    if (isSchemaOnly(statement) || largest.triedRows === 0)
      return { timeMs, rows: 0, triedRows: 0 };
    const factor = largest.rows / largest.triedRows;
    // An index is sorted, and that takes more for each row the more there are.
    const sorting =
      statement.words.includes("INDEX") && statement.words[0] === "CREATE" && factor > 1
        ? Math.log(largest.rows) / Math.log(Math.max(2, largest.triedRows))
        : 1;
    return { timeMs: timeMs * factor * sorting, ...largest };
  }

  /** Something happens that was not tried: from here on nothing is known. */
  giveUp(): void {
    this.#isOver = true;
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }

  #run(statement: Statement): number | null {
    if (/^PRAGMA\b/i.test(statement.text)) return 0;
    const startedAt = performance.now();
    try {
      this.#database.exec(statement.text);
    } catch {
      return null;
    }
    return performance.now() - startedAt;
  }

  /** A statement that compares rows with rows takes more for each of them the more there are. */
  #isSteady(statement: Statement, accesses: readonly Access[]): boolean {
    if (accesses.some(({ via }) => via !== null && this.#isTrigger(via))) return false;
    const verb = statement.words[0] ?? "";
    if (verb !== "WITH" && !QUERIES.has(verb)) return true;
    try {
      const plan = this.#database.prepare(`EXPLAIN QUERY PLAN ${statement.text}`).all();
      return plan.filter(({ detail }) => isLong(String(detail))).length <= 1;
    } catch {
      return false;
    }
  }

  #isTrigger(name: string): boolean {
    return (
      this.#database
        .prepare("SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND name = ? COLLATE NOCASE")
        .get(name) !== undefined
    );
  }

  /** Tables that come about, and the names that they get. */
  #follow(statement: Statement, accesses: readonly Access[], largest: Sample): void {
    const rename = renameOf(statement);
    for (const { does, table } of accesses) {
      const key = table.toLowerCase();
      const known = this.#samples.get(key);
      if (does === "drop") this.#samples.delete(key);
      if (does === "create") this.#samples.set(key, { rows: 0, triedRows: 0 });
      if ((does === "create" || does === "insert") && (known?.rows ?? 0) < largest.rows)
        this.#samples.set(key, largest);
      if (does === "alter" && rename?.kind === "table" && known !== undefined) {
        this.#samples.delete(key);
        this.#samples.set(rename.to.toLowerCase(), known);
      }
    }
  }

  /** Copies rows from several places of a table; the number of those that are there then. */
  #fill(
    connection: Connection,
    table: string,
    { columns, size }: { readonly columns: readonly string[]; readonly size: number },
  ): number {
    const name = quoteIdentifier(table);
    const list = columns.map(quoteIdentifier).join(", ");
    try {
      const insert = this.#database.prepare(
        `INSERT OR IGNORE INTO ${name} (${list}) VALUES (${columns.map(() => "?").join(", ")})`,
      );
      this.#database.exec("BEGIN");
      for (const where of placesOf(connection, name, size))
        for (const row of connection.readOnce(`SELECT ${list} FROM ${name} ${where}`))
          insert.run(...row.map((value) => (typeof value === "boolean" ? Number(value) : value)));
      this.#database.exec("COMMIT");
      return Number(this.#database.prepare(`SELECT count(*) AS n FROM ${name}`).get()?.["n"] ?? 0);
    } catch {
      // A virtual table, or rows that its own constraints no longer take: then nothing is said of it.
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      return 0;
    }
  }
}

/** A line of SQLite's plan that goes through more rows the more there are: a scan, or a search for a range. */
function isLong(detail: string): boolean {
  if (/^SCAN (?!(\d+ )?CONSTANT)/.test(detail)) return true;
  return detail.startsWith("SEARCH ") && !detail.includes("=?");
}

const QUERIES: ReadonlySet<string> = new Set([
  "DELETE",
  "INSERT",
  "REPLACE",
  "SELECT",
  "UPDATE",
  "CREATE",
]);

/** True for what only writes the schema, however many rows there are. */
export function isSchemaOnly(statement: Statement): boolean {
  const [verb, second = "", third = ""] = statement.words;
  if (verb === "PRAGMA") return true;
  if (verb === "CREATE") return SCHEMA_OBJECTS.has(second) || SCHEMA_OBJECTS.has(third);
  if (verb === "DROP") return second === "VIEW" || second === "TRIGGER";
  if (verb !== "ALTER" || isDropColumn(statement)) return false;
  if (renameOf(statement) !== null || /\bDROP\s+CONSTRAINT\b/i.test(statement.text)) return true;
  return /\bADD\b/i.test(statement.text) && !/\b(CHECK|AS|CONSTRAINT)\b/i.test(statement.text);
}

const SCHEMA_OBJECTS: ReadonlySet<string> = new Set(["VIEW", "TRIGGER"]);

/** The same part of the cache as of the rows. */
function cachePages(connection: Connection, rows: number, size: number): number {
  const setting = numberOf(connection, "cache_size");
  const pages =
    setting >= 0 ? setting : Math.ceil((-setting * 1024) / numberOf(connection, "page_size"));
  return Math.max(1, Math.round(pages * Math.min(1, size / rows)));
}

function numberOf(connection: Connection, pragma: string): number {
  return Number(connection.readOnce(`PRAGMA ${pragma}`)[0]?.[0] ?? 0);
}

/** Conditions that find rows all over a table, where it has row numbers; else its first. */
function placesOf(connection: Connection, name: string, size: number): string[] {
  try {
    const [range] = connection.readOnce(`SELECT min(rowid), max(rowid) FROM ${name}`);
    const [low, high] = [Number(range?.[0] ?? 0), Number(range?.[1] ?? 0)];
    const width = Math.ceil((high - low + 1) / PLACES);
    const limit = Math.ceil(size / PLACES);
    return Array.from({ length: PLACES }, (_, place) => {
      const from = low + place * width;
      return `WHERE rowid >= ${from} AND rowid < ${from + width} LIMIT ${limit}`;
    });
  } catch (error) {
    if (!isSqliteError(error)) throw error;
    return [`LIMIT ${size}`];
  }
}
