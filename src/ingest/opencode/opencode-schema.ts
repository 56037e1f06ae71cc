/** What an opencode database has to look like, and the statements that read it. */
import type { Connection } from "../../engine/sqlite/connection.ts";
import { APPLICATION_ID } from "../../store/schema.ts";
import { UnreadableError } from "../line-reader.ts";

/** The tables that messages were kept in: version 1's, and version 2's, which took the older ones over by their ids. */
const MESSAGE_COLUMNS = {
  message: ["id", "session_id", "time_created", "time_updated", "data"],
  session_message: ["id", "session_id", "type", "time_created", "time_updated", "data"],
} as const;
const SESSION_COLUMNS = ["id", "parent_id", "directory", "time_created"];
const FORK_COLUMN = "fork_session_id";

export type MessageTable = keyof typeof MESSAGE_COLUMNS;

export const MESSAGE_TABLES: readonly MessageTable[] = ["message", "session_message"];

/** The columns of a row, in this order. */
export type MessageRow = readonly [
  rowid: number,
  id: unknown,
  sessionId: unknown,
  fields: unknown,
  directory: unknown,
  parentId: unknown,
  ownFrom: unknown,
];

/** What of a message's JSON is looked at: the rest, whole tool outputs, stays in the database. */
export const FIELDS = ["role", "modelID", "model", "tokens", "cost", "time", "path"] as const;

/**
 * The statement that reads a page of each message table that the database has.
 * Parameters: the row after which to begin, the time from which on rows were changed, an id or NULL, how many.
 * @throws {UnreadableError} when it is not opencode's, or of a version that keeps its messages otherwise.
 */
export function pageStatements(connection: Connection): Map<MessageTable, string> {
  const applicationId = Number(connection.readOnce("PRAGMA application_id")[0]?.[0]);
  if (applicationId === APPLICATION_ID) refuse("it is a database of usagedb");
  const tables = connection
    // A virtual table has no page of its own, and would run code of its module.
    .readOnce("SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 ORDER BY name")
    .map(([name]) => String(name));
  const statements = new Map<MessageTable, string>();
  for (const table of MESSAGE_TABLES) {
    if (!tables.includes(table)) continue;
    checkColumns(connection, table, MESSAGE_COLUMNS[table]);
    statements.set(table, pageStatement(connection, table, tables));
  }
  if (statements.size > 0) return statements;
  const own = tables.filter((name) => !name.startsWith("sqlite_"));
  return refuse(own.length === 0 ? "it has no table" : `it has only the tables ${named(own)}`);
}

/**
 * A session is looked up where it was kept at its time. What a fork copied is told by the time at which its session
 * began; in version 2 only where the session says that it is one, since an upgrade may have made it anew.
 */
function pageStatement(
  connection: Connection,
  table: MessageTable,
  tables: readonly string[],
): string {
  const sessions = ["session", "session_v2"].filter((name) => tables.includes(name));
  for (const name of sessions) checkColumns(connection, name, SESSION_COLUMNS);
  const coalesced = (column: string): string =>
    sessions.length === 0
      ? "NULL"
      : `coalesce(${[...sessions.map((name) => `${name}.${column}`), "NULL"].join(", ")})`;
  const began = sessions.map((name) => {
    if (name === "session") return "session.time_created";
    const isFork = columnsOf(connection, name).includes(FORK_COLUMN);
    return isFork ? `iif(${name}.${FORK_COLUMN} IS NULL, NULL, ${name}.time_created)` : "NULL";
  });
  const paths = FIELDS.map((field) => `'$.${field}'`).join(", ");
  // Version 1 says in the JSON whose message it is.
  const isAssistant = table === "session_message" ? " AND m.type = 'assistant'" : "";
  return `SELECT m.rowid, m.id, m.session_id,
      CASE WHEN json_valid(m.data) THEN json_extract(m.data, ${paths}) END,
      ${coalesced("directory")}, ${coalesced("parent_id")}, ${began.length === 0 ? "NULL" : `coalesce(${[...began, "NULL"].join(", ")})`}
    FROM ${table} AS m
    ${sessions.map((name) => `LEFT JOIN ${name} ON ${name}.id = m.session_id`).join("\n    ")}
    WHERE m.rowid > ?1 AND m.time_updated >= ?2 AND (?3 IS NULL OR m.id = ?3)${isAssistant}
    ORDER BY m.rowid
    LIMIT ?4`;
}

function checkColumns(connection: Connection, table: string, expected: readonly string[]): void {
  const columns = columnsOf(connection, table);
  const missing = expected.filter((name) => !columns.includes(name));
  if (missing.length > 0) refuse(`its table ${table} has no column ${named(missing)}`);
}

function columnsOf(connection: Connection, table: string): string[] {
  return connection
    .readOnce("SELECT name FROM pragma_table_info(?)", table)
    .map(([name]) => String(name));
}

const MAX_NAMED = 8;

function named(names: readonly string[]): string {
  const more = names.length - MAX_NAMED;
  return `${names.slice(0, MAX_NAMED).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

function refuse(observed: string): never {
  throw new UnreadableError(`not a database of opencode that can be read: ${observed}`);
}
