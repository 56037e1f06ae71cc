/** What this database knows, as a file for another one. */
import { resolve } from "node:path";
import { isCompanion } from "../../engine/sqlite/file-links.ts";
import { InputError } from "../../errors.ts";
import { checkInteger } from "../../store/checks.ts";
import { expandEvent, READ_EVENT_COLUMNS, type ReadEvent } from "../../store/events.ts";
import type { UsageStore } from "../../store/usage-store.ts";
import { type ChangeCounts, ChangeFileWriter, type FoldedCounts } from "./change-file.ts";
import type { EventRow, MessageRow, SessionRow } from "./rows.ts";

export interface ExportOptions {
  /** Only messages and events that are not older, with their sessions; epoch milliseconds, 0 for everything. */
  readonly sinceMs?: number;
  readonly onProgress?: (done: number) => void;
}

export interface ExportReport extends ChangeCounts {
  readonly host: string;
  /** What the file lacks, because only sums of it are left here. */
  readonly folded: FoldedCounts;
}

const PAGE_ROWS = 5000;

/**
 * Writes a change file, in the place of an earlier one only; others go on writing meanwhile.
 * @throws {InputError} CHANGE_FILE_INVALID when the file cannot be made, or is there and is something else.
 */
export function exportChanges(
  store: UsageStore,
  path: string,
  { sinceMs = 0, onProgress }: ExportOptions = {},
): ExportReport {
  checkInteger("sinceMs", sinceMs, 0, Number.MAX_SAFE_INTEGER);
  const host = store.host();
  refuseOwnFile(store.connection.path, resolve(path));
  let done = 0;
  return store.connection.reading(() => {
    const folded = foldedSince(store, sinceMs);
    using file = new ChangeFileWriter(path, { host, exportedAt: store.now(), sinceMs, folded });
    for (const session of sessionsOf(store, sinceMs)) file.add({ session });
    for (const message of messagesOf(store, sinceMs, host)) {
      file.add({ message });
      if (++done % PAGE_ROWS === 0) onProgress?.(done);
    }
    for (const event of eventsOf(store, sinceMs)) file.add({ event });
    return { ...file.finish(), host, folded };
  });
}

function refuseOwnFile(database: string, path: string): void {
  if (path !== database && !isCompanion(path, database)) return;
  throw new InputError(
    "CHANGE_FILE_INVALID",
    `Cannot export to ${path}: it is a part of the database, expected a name of its own`,
    { details: { path, observed: "a part of the database" }, hint: "Name another file." },
  );
}

function foldedSince({ connection }: UsageStore, sinceMs: number): FoldedCounts {
  const count = (column: string, table: string): number => {
    const sql = `SELECT coalesce(sum(${column}), 0) FROM ${table} WHERE last_at >= ?`;
    return Number(connection.prepare(sql, "count what was folded").values(sinceMs)[0]?.[0]);
  };
  return {
    messages: count("message_count", "usage_message_folds"),
    events: count("event_count", "event_rollups"),
  };
}

function sessionsOf({ connection }: UsageStore, sinceMs: number): SessionRow[] {
  return connection
    .prepare<SessionRow>(
      `SELECT session_id, agent, project, started_at, last_seen_at, born_at
       FROM sessions
       WHERE coalesce(last_seen_at, updated_at) >= ?
       ORDER BY session_id`,
      "read sessions",
    )
    .all(sinceMs);
}

/** Page by page along the key, so that memory does not grow with the ledger. */
function* messagesOf(
  { connection }: UsageStore,
  sinceMs: number,
  host: string,
): Generator<MessageRow> {
  const page = connection.prepare<MessageRow & { readonly id: number }>(
    `SELECT id, agent, message_id, request_id, session_id, project, model, coalesce(host, ?1) AS host, timestamp,
       is_sidechain, input_tokens, output_tokens, cache_write_5m_tokens, cache_write_1h_tokens, cache_read_tokens,
       reported_cost_usd
     FROM usage_messages
     WHERE id > ?2 AND timestamp >= ?3
     ORDER BY id
     LIMIT ${PAGE_ROWS}`,
    "read messages",
  );
  let last = 0;
  for (;;) {
    const rows = page.all(host, last, sinceMs);
    for (const { id, ...row } of rows) {
      last = id;
      yield row;
    }
    if (rows.length < PAGE_ROWS) return;
  }
}

function* eventsOf({ connection }: UsageStore, sinceMs: number): Generator<EventRow> {
  const page = connection.prepare<ReadEvent<EventRow & { readonly id: number }>>(
    `SELECT ${READ_EVENT_COLUMNS}
     FROM events
     WHERE id > ? AND timestamp >= ? AND dedupe_key IS NOT NULL
     ORDER BY id
     LIMIT ${PAGE_ROWS}`,
    "read events",
  );
  let last = 0;
  for (;;) {
    const rows = page.all(last, sinceMs);
    for (const read of rows) {
      const { id, ...row } = expandEvent(read);
      last = id;
      yield row;
    }
    if (rows.length < PAGE_ROWS) return;
  }
}
