/** The earlier usage database as it lies on users' machines, read and never written. */
import { OperationError } from "../../errors.ts";
import type { Connection, Prepared } from "../../engine/sqlite/connection.ts";
import { openUntouched } from "../../engine/sqlite/open-untouched.ts";
import { quoteIdentifier } from "../../engine/sqlite/quote.ts";
import { APPLICATION_ID } from "../../store/schema.ts";
import type { OldValue } from "./carry.ts";
import type { OldRow } from "./rows.ts";

export const OLD_TABLES = ["events", "usage_snapshots", "usage_config"] as const;
export type OldTable = (typeof OLD_TABLES)[number];

/** The columns without which a table is not the old one; `chat` and what follows came and went. */
const REQUIRED_COLUMNS: Readonly<Record<OldTable, readonly string[]>> = {
  events: ["id", "source_app", "session_id", "hook_event_type", "payload", "timestamp"],
  usage_snapshots: ["id", "session_id", "snapshot_data", "snapshot_type", "timestamp"],
  usage_config: ["id", "plan", "is_active"],
};
const JSON_COLUMNS = ["payload", "chat", "snapshot_data"];
/** Payloads embed whole files: a page is in memory at once. */
const PAGE_ROWS = 200;
const REPLACEMENT_CHARACTER = "\uFFFD";

export class EventsDb implements Disposable {
  readonly connection: Connection;
  /** Columns by table, for the old tables that the file has. */
  readonly #columns: ReadonlyMap<OldTable, readonly string[]>;
  /** Tables that are none of ours: themes, the old ledger. */
  readonly otherTables: readonly string[];

  /**
   * Opens such a file.
   * @throws {OperationError} ADOPT_SOURCE_UNKNOWN when it is something else, naming what was found;
   *   DATABASE_NOT_FOUND, DATABASE_NOT_SQLITE, DATABASE_CANNOT_OPEN or DATABASE_CORRUPT.
   */
  constructor(path: string) {
    this.connection = openUntouched(path);
    try {
      const tables = listTables(this.connection);
      this.#columns = recognise(this.connection, tables);
      this.otherTables = tables.filter((name) => !(OLD_TABLES as readonly string[]).includes(name));
    } catch (error) {
      this.connection.close();
      throw error;
    }
  }

  /** Rows of a table; 0 when the file does not have it. */
  count(table: string): number {
    const isOld = (OLD_TABLES as readonly string[]).includes(table);
    if (isOld && !this.#columns.has(table as OldTable)) return 0;
    return Number(
      this.connection.readOnce(`SELECT count(*) FROM ${quoteIdentifier(table)}`)[0]?.[0],
    );
  }

  /** Every row of a table, ascending by id; nothing when the file does not have it. */
  *rows(table: OldTable): Generator<OldRow> {
    const names = this.#columns.get(table);
    if (names === undefined) return;
    const page = new TablePages(this.connection, table, names);
    for (let after: string | null = null; ;) {
      const rows = page.read(after);
      yield* rows;
      if (rows.length < PAGE_ROWS) return;
      after = rows.at(-1)?.id ?? null;
    }
  }

  /** The time, of any unit, of the first row that has a plausible one. */
  firstTime(table: OldTable): OldValue {
    if (!this.#columns.has(table)) return null;
    const sql = `SELECT timestamp FROM ${table}
      WHERE typeof(timestamp) IN ('integer', 'real') AND timestamp BETWEEN 1e8 AND 1e17
      ORDER BY id
      LIMIT 1`;
    return (this.connection.readOnce(sql)[0]?.[0] ?? null) as OldValue;
  }

  [Symbol.dispose](): void {
    this.connection.close();
  }
}

/** A table read page by page, in the order of its key. */
class TablePages {
  readonly #connection: Connection;
  readonly #table: string;
  readonly #names: readonly string[];
  readonly #jsonNames: readonly string[];
  readonly #first: Prepared;
  readonly #next: Prepared;

  constructor(connection: Connection, table: OldTable, columns: readonly string[]) {
    this.#connection = connection;
    this.#table = quoteIdentifier(table);
    this.#names = columns.filter((name) => name !== "id");
    this.#jsonNames = this.#names.filter((name) => JSON_COLUMNS.includes(name));
    const values = [
      "CAST(id AS TEXT)",
      ...this.#names.map(quoteIdentifier),
      ...this.#jsonNames.map((name) => `typeof(${name}) = 'text' AND json_valid(${name})`),
    ];
    const select = (where: string): string =>
      `SELECT ${values.join(", ")} FROM ${this.#table} ${where} ORDER BY id LIMIT ${PAGE_ROWS}`;
    this.#first = connection.prepare(select(""), `read ${table}`);
    this.#next = connection.prepare(select("WHERE id > CAST(? AS INTEGER)"), `read ${table}`);
  }

  read(after: string | null): OldRow[] {
    const rows = after === null ? this.#first.values() : this.#next.values(after);
    return rows.map(([id, ...values]) => {
      const names = this.#names;
      const columns = new Map<string, OldValue>();
      const json = new Set<string>();
      for (const [index, name] of names.entries())
        columns.set(name, this.#exact(String(id), name, values[index] as OldValue));
      for (const [index, name] of this.#jsonNames.entries()) {
        const isText = typeof columns.get(name) === "string";
        if (isText && values[names.length + index] === 1) json.add(name);
      }
      return { id: String(id), columns, json };
    });
  }

  /** What reading may have changed is read again: integers beyond 2^53 as digits, text that is not UTF-8 as bytes. */
  #exact(id: string, name: string, value: OldValue): OldValue {
    const isRounded = Number.isInteger(value) && !Number.isSafeInteger(value);
    const isSuspect = typeof value === "string" && value.includes(REPLACEMENT_CHARACTER);
    if (!isRounded && !isSuspect) return value;
    const [[bytes] = []] = this.#connection
      .prepare(
        `SELECT CAST(${quoteIdentifier(name)} AS BLOB) FROM ${this.#table} WHERE id = CAST(? AS INTEGER)`,
        "read a value",
      )
      .values(id);
    if (!(bytes instanceof Uint8Array)) return value;
    const text = Buffer.from(bytes).toString("utf8");
    return Buffer.from(text).equals(bytes) ? text : bytes;
  }
}

function listTables(connection: Connection): string[] {
  return connection
    .readOnce(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
    )
    .map(([name]) => String(name));
}

function recognise(
  connection: Connection,
  tables: readonly string[],
): Map<OldTable, readonly string[]> {
  const applicationId = Number(connection.readOnce("PRAGMA application_id")[0]?.[0]);
  if (applicationId === APPLICATION_ID)
    refuse(connection, "it is a database of usagedb already", tables);
  if (applicationId !== 0)
    refuse(connection, `its application_id is 0x${applicationId.toString(16)}`, tables);
  const found = new Map<OldTable, readonly string[]>();
  for (const table of OLD_TABLES) {
    if (!tables.includes(table)) continue;
    const columns = connection.readOnce("SELECT name, pk, type FROM pragma_table_info(?)", table);
    const names = columns.map(([name]) => String(name));
    const missing = REQUIRED_COLUMNS[table].filter((name) => !names.includes(name));
    if (missing.length > 0)
      refuse(connection, `its table ${table} has no column ${missing.join(", ")}`, tables);
    const keys = columns.filter(([, pk]) => pk !== 0);
    const [[key, , type] = []] = keys;
    if (keys.length !== 1 || key !== "id" || String(type).toUpperCase() !== "INTEGER")
      refuse(connection, `the key of its table ${table} is not an integer id`, tables);
    found.set(table, names);
  }
  if (found.has("events") || found.has("usage_snapshots")) return found;
  const list = tables.length === 0 ? "no table" : `only the tables ${tables.join(", ")}`;
  return refuse(connection, `it holds ${list}`, tables);
}

function refuse(connection: Connection, observed: string, tables: readonly string[]): never {
  throw new OperationError(
    "ADOPT_SOURCE_UNKNOWN",
    `Cannot adopt ${connection.path}: ${observed}, expected the events.db of the earlier usage database`,
    { details: { path: connection.path, observed, tables } },
  );
}
