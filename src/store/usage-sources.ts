/** Transcript files: how far each was read, and whether it is still there. */
import type { Connection, Prepared } from "../engine/sqlite/connection.ts";

export interface UsageSource {
  readonly source_id: number;
  readonly agent: string;
  readonly path: string;
  /** inode, size and modification time when last read. */
  readonly stamp: string;
  readonly offset_bytes: number;
  readonly line_count: number;
  readonly edges_hash: string;
  readonly malformed_count: number;
  /** Epoch milliseconds. */
  readonly read_at: number;
  /** Epoch milliseconds; null while the file exists. */
  readonly missing_since: number | null;
  /** JSON: what the reader has to know of the lines before the offset; null where it needs nothing. */
  readonly reader_state: string | null;
}

export const USAGE_SOURCE_COLUMNS = [
  "source_id",
  "agent",
  "path",
  "stamp",
  "offset_bytes",
  "line_count",
  "edges_hash",
  "malformed_count",
  "read_at",
  "missing_since",
  "reader_state",
] as const satisfies readonly (keyof UsageSource)[];

export type SourceProgress = Pick<
  UsageSource,
  "stamp" | "offset_bytes" | "line_count" | "edges_hash" | "malformed_count" | "reader_state"
>;

export class UsageSourceStore {
  readonly #now: () => number;
  readonly #list: Prepared<UsageSource>;
  readonly #ensure: Prepared;
  readonly #id: Prepared;
  readonly #progress: Prepared;
  readonly #missing: Prepared;
  readonly #move: Prepared;

  constructor(connection: Connection, now: () => number) {
    this.#now = now;
    this.#list = connection.prepare<UsageSource>(
      `SELECT ${USAGE_SOURCE_COLUMNS.join(", ")} FROM usage_sources WHERE agent = ?`,
      "read sources",
    );
    this.#ensure = connection.prepare(
      `INSERT INTO usage_sources (agent, path, stamp, offset_bytes, line_count, edges_hash, read_at)
       VALUES (?, ?, '', 0, 0, '', ?)
       ON CONFLICT (path) DO NOTHING`,
      "store a source",
    );
    this.#id = connection.prepare(
      "SELECT source_id FROM usage_sources WHERE path = ?",
      "read a source",
    );
    this.#progress = connection.prepare(
      `UPDATE usage_sources
       SET stamp = ?, offset_bytes = ?, line_count = ?, edges_hash = ?, malformed_count = ?, reader_state = ?,
         read_at = ?, missing_since = NULL
       WHERE source_id = ?`,
      "store a source",
    );
    this.#missing = connection.prepare(
      "UPDATE usage_sources SET missing_since = ? WHERE source_id = ? AND missing_since IS NULL",
      "store a source",
    );
    this.#move = connection.prepare(
      "UPDATE usage_sources SET path = ?, stamp = '', missing_since = NULL WHERE source_id = ?",
      "store a source",
    );
  }

  /** Every source of an agent, gone ones included. */
  list(agent: string): UsageSource[] {
    return this.#list.all(agent);
  }

  /** The id of a path, which is entered when it is new. */
  ensure(agent: string, path: string): number {
    this.#ensure.run(agent, path, this.#now());
    return Number(this.#id.values(path)[0]?.[0]);
  }

  /** Remembers how far a source was read; call inside the transaction that stores what was read. */
  setProgress(sourceId: number, progress: SourceProgress): void {
    const { stamp, offset_bytes, line_count, edges_hash, malformed_count, reader_state } = progress;
    this.#progress.run(
      stamp,
      offset_bytes,
      line_count,
      edges_hash,
      malformed_count,
      reader_state,
      this.#now(),
      sourceId,
    );
  }

  /** Gives a source the path that its file has now; the next sync looks at it again. */
  move(sourceId: number, path: string): void {
    this.#move.run(path, sourceId);
  }

  /** Remembers that a file is gone; what it told stays. */
  setMissing(sourceId: number): void {
    this.#missing.run(this.#now(), sourceId);
  }
}
