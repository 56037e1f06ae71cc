/** opencode's database, opened without the right to write: what was changed in it since it was last read. */
import { realpathSync } from "node:fs";
import type { Binding, Connection } from "../../engine/sqlite/connection.ts";
import { openUntouched } from "../../engine/sqlite/open-untouched.ts";
import { UsageDbError } from "../../errors.ts";
import type {
  Found,
  LineRecord,
  MalformedLine,
  OpenOptions,
  ReadPosition,
  SourceReader,
  TranscriptFile,
} from "../ingester.ts";
import { type Fields, fieldsOf, isFields, textOf, timeOf } from "../json-fields.ts";
import { readable, UnreadableError } from "../line-reader.ts";
import { readOpencodeMessage } from "./opencode-message.ts";
import {
  FIELDS,
  MESSAGE_TABLES,
  type MessageRow,
  type MessageTable,
  pageStatements,
} from "./opencode-schema.ts";

const PAGE_ROWS = 500;
const BUSY_TIMEOUT_MS = 2000;
/** A row is looked at again if it was changed this long before what was last seen: clocks go back, writers take their time. */
const OVERLAP_MS = 3_600_000;

interface DatabaseState {
  readonly version: 1;
  /** Another file in its place is read from its start. */
  readonly inode: number;
  /** Rows changed from here on are new. Epoch milliseconds. */
  readonly since: number;
  /** The newest change when this pass began, from which the next one goes on; null between two passes. */
  readonly until: number | null;
  /** How far this pass has come. */
  readonly table: MessageTable;
  readonly row: number;
}

export class OpencodeDatabaseReader implements SourceReader {
  readonly isContinued = false;
  readonly edgesHash = "";
  readonly #file: TranscriptFile;
  readonly #connection: Connection;
  readonly #statements: ReadonlyMap<MessageTable, string>;
  readonly #id: string | null;
  #state: DatabaseState;
  #position: ReadPosition;

  /** @throws {UnreadableError} */
  constructor(file: TranscriptFile, { known, containing }: OpenOptions) {
    this.#file = file;
    this.#id = containing ?? null;
    // SQLite is never given a link; somebody who keeps the file elsewhere has one.
    const path = readable(() => realpathSync(file.path));
    this.#connection = asking(() => openUntouched(path, BUSY_TIMEOUT_MS));
    try {
      this.#statements = asking(() => pageStatements(this.#connection));
      const kept = fieldsOf(JSON.parse(known?.reader_state ?? "null"));
      const isSame = kept["version"] === 1 && kept["inode"] === file.inode;
      this.#state = isSame ? (kept as unknown as DatabaseState) : freshState(file.inode);
      this.#position =
        isSame && known !== undefined
          ? {
              offsetBytes: known.offset_bytes,
              lineCount: known.line_count,
              malformedCount: known.malformed_count,
            }
          : { offsetBytes: 0, lineCount: 0, malformedCount: 0 };
    } catch (error) {
      this.#connection.close();
      throw error;
    }
  }

  get position(): ReadPosition {
    return this.#position;
  }

  get state(): string {
    return JSON.stringify(this.#state);
  }

  *read(onMalformed: (line: MalformedLine) => void): Generator<Found | null, void> {
    const until = this.#state.until ?? this.#newestChange();
    this.#state = { ...this.#state, until };
    const from = MESSAGE_TABLES.indexOf(this.#state.table);
    for (const table of MESSAGE_TABLES.slice(from)) {
      if (table !== this.#state.table) this.#state = { ...this.#state, table, row: 0 };
      yield* this.#readTable(table, onMalformed);
    }
    const since = Math.max(0, until - OVERLAP_MS);
    this.#state = { ...freshState(this.#file.inode), since };
    this.#position = { ...this.#position, offsetBytes: this.#file.sizeBytes };
  }

  *#readTable(
    table: MessageTable,
    onMalformed: (line: MalformedLine) => void,
  ): Generator<Found | null, void> {
    const statement = this.#statements.get(table);
    if (statement === undefined) return;
    for (;;) {
      const { row: after, since } = this.#state;
      const rows = this.#values(
        statement,
        after,
        since,
        this.#id,
        PAGE_ROWS,
      ) as unknown as MessageRow[];
      for (const row of rows) {
        const [rowid] = row;
        const record = readRow(table, row);
        let { malformedCount } = this.#position;
        if (record.kind === "malformed") {
          malformedCount++;
          onMalformed({ path: this.#file.path, line: rowid, reason: record.reason });
        }
        this.#state = { ...this.#state, row: rowid };
        const lineCount = this.#position.lineCount + 1;
        this.#position = { ...this.#position, lineCount, malformedCount };
        if (record.kind === "message") yield { records: [record], offset: rowid };
      }
      if (rows.length < PAGE_ROWS) return;
      yield null;
    }
  }

  #newestChange(): number {
    const newest = [...this.#statements.keys()].map((table) =>
      Number(this.#values(`SELECT max(time_updated) FROM ${table}`)[0]?.[0] ?? 0),
    );
    return Math.max(0, ...newest.filter((time) => Number.isSafeInteger(time)));
  }

  #values(sql: string, ...bindings: Binding[]): Binding[][] {
    return asking(() => this.#connection.prepare(sql, "read messages").values(...bindings));
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}

function freshState(inode: number): DatabaseState {
  return { version: 1, inode, since: 0, until: null, table: "message", row: 0 };
}

function readRow(table: MessageTable, row: MessageRow): LineRecord {
  const [, id, sessionId, fields, directory, parentId, ownFrom] = row;
  const data = dataOf(fields);
  if (data === undefined) return { kind: "malformed", reason: "a message that is not JSON" };
  if (table === "message" && data["role"] !== "assistant") return { kind: "other" };
  return readOpencodeMessage(
    { id: textOf(id), sessionId: textOf(sessionId) ?? "unknown", data },
    {
      directory: textOf(directory),
      isSubagent: textOf(parentId) !== undefined,
      ownFromMs: timeOf(ownFrom),
    },
  );
}

/** The fields that SQLite took out of the JSON, by their names. */
function dataOf(fields: unknown): Fields | undefined {
  if (typeof fields !== "string") return undefined;
  const values: unknown = JSON.parse(fields);
  if (!Array.isArray(values)) return undefined;
  const data = Object.fromEntries(FIELDS.map((field, index) => [field, values[index]]));
  return isFields(data) ? data : undefined;
}

/** Whatever is wrong with somebody else's database is one source less, not an error of ours. */
function asking<T>(access: () => T): T {
  try {
    return access();
  } catch (error) {
    if (error instanceof UsageDbError) throw new UnreadableError(error.message, error);
    if (error instanceof Error && error.name === "SQLiteError")
      throw new UnreadableError(error.message, error);
    throw error;
  }
}
