/** `schema_migrations_history`: what happened to versions and is no longer, or never was, in the ledger. */
import type { Version } from "../../migration/version.ts";
import type { Connection } from "./connection.ts";
import { hasLedger } from "./ledger.ts";
import { HISTORY_SQL, HISTORY_TABLE, LEDGER_TABLE } from "./ledger-tables.ts";

export interface HistoryEntry {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly version: Version;
  readonly name: string;
  /** up, down, adopt, baseline, repair; a newer program may know more. */
  readonly action: string;
  readonly outcome: "done" | "failed";
  readonly execution_time_ms: number;
  readonly tool_version: string;
  /** `user@host`; null when it was not known. */
  readonly actor: string | null;
  readonly backup_path: string | null;
  /** What there is to say about it: an error's code and message, a reason; null for the ordinary. */
  readonly detail: string | null;
}

const COLUMNS =
  "at, version, name, action, outcome, execution_time_ms, tool_version, actor, backup_path, detail";

/** Adds an entry, creating the table for the first one; inside the caller's transaction. */
export function insertHistory(connection: Connection, entry: HistoryEntry): void {
  connection.runOnce(HISTORY_SQL);
  connection
    .prepare(
      `INSERT INTO schema_migrations_history (${COLUMNS})
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      "write the history of migrations",
    )
    .run(
      entry.at,
      entry.version,
      entry.name,
      entry.action,
      entry.outcome,
      entry.execution_time_ms,
      entry.tool_version,
      entry.actor,
      entry.backup_path,
      entry.detail,
    );
}

/** Keeps what the ledger says of a version before its row goes; inside the caller's transaction. */
export function keepLedgerRow(connection: Connection, version: Version): void {
  connection.runOnce(HISTORY_SQL);
  connection
    .prepare(
      `INSERT INTO schema_migrations_history (${COLUMNS})
       SELECT applied_at, version, name, 'up', 'done', execution_time_ms, tool_version, applied_by, backup_path, NULL
       FROM schema_migrations
       WHERE version = ?`,
      "write the history of migrations",
    )
    .run(version);
}

/** Everything that happened, oldest first: the history, and the versions that are applied now. Reads only. */
export function readHistory(connection: Connection): HistoryEntry[] {
  const sources: string[] = [];
  const columnsOf = (table: string): readonly unknown[] =>
    connection.readOnce(`SELECT name FROM pragma_table_info('${table}')`).map(([name]) => name);
  if (columnsOf(HISTORY_TABLE).length > 0)
    sources.push(
      `SELECT ${COLUMNS}, id, CASE WHEN action LIKE 'repair%' OR action = 'baseline' THEN 2 ELSE 0 END AS rank
       FROM schema_migrations_history`,
    );
  if (hasLedger(connection)) {
    // A ledger of usagedb 0.1 knows neither.
    const known = columnsOf(LEDGER_TABLE);
    const orNull = (column: string): string => (known.includes(column) ? column : "NULL");
    sources.push(
      `SELECT applied_at AS at, version, name, 'up' AS action, 'done' AS outcome, execution_time_ms, tool_version,
         ${orNull("applied_by")} AS actor, ${orNull("backup_path")} AS backup_path, NULL AS detail, NULL AS id, 1 AS rank
       FROM schema_migrations`,
    );
  }
  if (sources.length === 0) return [];
  // Of one moment: what led to the versions that are applied, these, and what was said of them afterwards.
  const entries = connection.compile<HistoryEntry>(
    `SELECT ${COLUMNS} FROM (${sources.join(" UNION ALL ")}) ORDER BY at, rank, id, version`,
    "read the history of migrations",
  );
  try {
    return entries.all();
  } finally {
    entries.finalize();
  }
}
