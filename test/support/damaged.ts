/** Filled usage databases, and what bad disks make of them. */
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { openUsageDb } from "../../src/index.ts";
import type { Connection } from "../../src/engine/sqlite/connection.ts";
import { openConnection } from "../../src/engine/sqlite/open.ts";
import { quoteIdentifier } from "../../src/engine/sqlite/quote.ts";
import { message } from "./usage-message.ts";
import { NOON } from "./usage-db.ts";

export interface FillOptions {
  readonly sessions?: number;
  readonly rows?: number;
  readonly pageSize?: number;
}

/** A database with rows in every table, some of them over several pages. */
export function fillDatabase(
  path: string,
  { sessions = 20, rows = 300, pageSize }: FillOptions = {},
): void {
  if (pageSize !== undefined) {
    using fresh = openConnection(path);
    fresh.runOnce("PRAGMA journal_mode = DELETE");
    fresh.runOnce(`PRAGMA page_size = ${pageSize}`);
    fresh.runOnce("VACUUM");
  }
  using db = openUsageDb(path, { now: () => NOON });
  db.connection.transaction(() => {
    for (let index = 0; index < sessions; index++)
      db.sessions.upsert({
        session_id: `s${index}`,
        agent: "claude",
        project: `/p/${index % 5}`,
        started_at: NOON,
      });
    for (let index = 0; index < rows; index++) {
      const session_id = `s${index % sessions}`;
      const payload = { index, text: "x".repeat(index % 50 === 0 ? 20_000 : index) };
      db.events.insert({
        source_app: "a",
        session_id,
        hook_event_type: "Stop",
        payload,
        timestamp: NOON + index,
      });
      db.snapshots.insert({
        session_id,
        snapshot_data: JSON.stringify({ index, text: "y".repeat(index % 97) }),
        timestamp: NOON + index,
      });
      if (index % 4 === 0)
        db.limitSamples.record([
          {
            agent: "claude",
            limit_name: "five_hour",
            window_minutes: 300,
            used_percent: index / 10,
            session_id,
            observed_at: NOON + index,
          },
        ]);
    }
    db.messages.record(
      Array.from({ length: rows }, (_, index) =>
        message({
          message_id: `msg_${index}`,
          session_id: `s${index % sessions}`,
          project: `/p/${index % 5}`,
          model: `model-${index % 3}`,
          timestamp: NOON + index * 60_000,
          input_tokens: index,
        }),
      ),
    );
    db.sources.ensure("claude", "/transcripts/s1.jsonl");
  }, "fill");
}

/** Every row of every table that is not the engine's, as JSON, by table. */
export function rowsOf(path: string): Map<string, Set<string>> {
  using connection = openConnection(path, { mode: "existing" });
  return new Map(tablesOf(connection).map((name) => [name, new Set(rowsIn(connection, name))]));
}

function tablesOf(connection: Connection): string[] {
  return connection
    .readOnce(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'schema_migrations%'",
    )
    .map(([name]) => String(name));
}

export function rowsIn(connection: Connection, table: string): string[] {
  return connection
    .readOnce(`SELECT * FROM ${quoteIdentifier(table)}`)
    .map((row) => JSON.stringify(row));
}

/** Moves the WAL into the file, so that damage to the file is damage to what is read. */
export function settle(path: string): void {
  using connection = openConnection(path, { mode: "existing" });
  connection.runOnce("PRAGMA wal_checkpoint(TRUNCATE)");
}

export class DamagedBytes implements Disposable {
  readonly sizeBytes: number;
  readonly #descriptor: number;

  constructor(path: string) {
    this.#descriptor = openSync(path, "r+");
    this.sizeBytes = fstatSync(this.#descriptor).size;
  }

  zero(at: number, length: number): void {
    writeSync(this.#descriptor, Buffer.alloc(length), 0, length, at);
  }

  flip(at: number): void {
    const byte = Buffer.alloc(1);
    readSync(this.#descriptor, byte, 0, 1, at);
    byte[0] = (byte[0] ?? 0) ^ 0x41;
    writeSync(this.#descriptor, byte, 0, 1, at);
  }

  write(at: number, bytes: Buffer): void {
    writeSync(this.#descriptor, bytes, 0, bytes.length, at);
  }

  truncate(length: number): void {
    ftruncateSync(this.#descriptor, length);
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor);
  }
}
