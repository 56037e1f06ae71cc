/** The texts that the job `compact` turns into frames, and the statements by which it does. */
import type { Binding, Prepared } from "../engine/sqlite/connection.ts";
import { COMPACT_MIN_BYTES } from "../store/compacted-text.ts";
import type { UsageStore } from "../store/usage-store.ts";

export interface Compactable {
  readonly subject: "events" | "snapshots";
  readonly table: "events" | "usage_snapshots";
  readonly columns: readonly string[];
}

export const COMPACTABLES: readonly Compactable[] = [
  { subject: "events", table: "events", columns: ["payload", "chat"] },
  { subject: "snapshots", table: "usage_snapshots", columns: ["snapshot_data"] },
];

/** A text that is long enough, and where it stands. */
export interface LongText {
  readonly id: number;
  readonly column: string;
  readonly bytes: number;
}

/** One row that was looked at. */
export interface SeenRow {
  readonly id: number;
  readonly timestamp: number;
  readonly texts: readonly LongText[];
}

/** A place in a walk: the time and the id of a row. */
export type Place = readonly [timestamp: number, id: number];

/** A stretch of a walk. */
export interface Stretch {
  readonly rows: readonly SeenRow[];
  /** Where the next one begins; null when this was the last. */
  readonly next: Place | null;
}

/** One look takes a few milliseconds, whatever the rows hold. */
const LOOK_ROWS = 1000;
const ACTION = "compact old payloads";

/** Statements over one table; lengths are read from the rows' headers, without the texts. */
export class CompactableTable {
  readonly target: Compactable;
  readonly #store: UsageStore;

  constructor(store: UsageStore, target: Compactable) {
    this.#store = store;
    this.target = target;
  }

  /** Rows in the order of time after a place, before a moment. */
  byTime(after: Place, before: number): Stretch {
    // The first condition is what the index is searched by, the second what the last stretch already had.
    const rows = this.#rows(
      `SELECT id, timestamp, ${this.#lengths()} FROM ${this.target.table}
       WHERE timestamp >= ?1 AND timestamp < ?3 AND (timestamp, id) > (?1, ?2)
       ORDER BY timestamp, id LIMIT ${LOOK_ROWS}`,
      [...after, before],
    );
    const last = rows.at(-1);
    const isLast = last === undefined || rows.length < LOOK_ROWS;
    return { rows, next: isLast ? null : [last.timestamp, last.id] };
  }

  /** Rows in the order of storing after a place, that are older than a moment. */
  byId([, after]: Place, before: number): Stretch {
    const last = this.#endOfStretch(after);
    if (last === null) return { rows: [], next: null };
    const rows = this.#rows(
      `SELECT id, timestamp, ${this.#lengths()} FROM ${this.target.table}
       WHERE id > ?1 AND id <= ?2 AND +timestamp < ?3
       ORDER BY id`,
      [after, last, before],
    );
    return { rows, next: [0, last] };
  }

  /** Ids after one whose rows have a frame, of a stretch of rows. */
  compactedIds(after: number): { readonly ids: readonly number[]; readonly next: number | null } {
    const last = this.#endOfStretch(after);
    if (last === null) return { ids: [], next: null };
    const isCompacted = this.target.columns.map((column) => `${column}_zstd IS NOT NULL`);
    const ids = this.#prepare(
      `SELECT id FROM ${this.target.table} WHERE id > ? AND id <= ? AND (${isCompacted.join(" OR ")}) ORDER BY id`,
    )
      .values(after, last)
      .map(([id]) => Number(id));
    return { ids, next: last };
  }

  #endOfStretch(after: number): number | null {
    const end = this.#prepare(
      `SELECT max(id) FROM (SELECT id FROM ${this.target.table} WHERE id > ? ORDER BY id LIMIT ${LOOK_ROWS})`,
    ).values(after)[0]?.[0];
    return (end as number | null | undefined) ?? null;
  }

  newestId(): number {
    return Number(this.#prepare(`SELECT max(id) FROM ${this.target.table}`).values()[0]?.[0] ?? 0);
  }

  /** A text as it is stored, byte for byte; null when its row is gone or was compacted meanwhile. */
  readText({ id, column }: Pick<LongText, "id" | "column">): Uint8Array | null {
    const row = this.#prepare(
      `SELECT CAST(${column} AS BLOB) FROM ${this.target.table} WHERE id = ? AND ${column}_zstd IS NULL`,
    ).values(id)[0];
    return (row?.[0] as Uint8Array | null | undefined) ?? null;
  }

  /** A long old text at or after an id; null when there is none close by. */
  sampleText(column: string, nearId: number, before: number): Uint8Array | null {
    const row = this.#prepare(
      `SELECT id FROM (SELECT id, timestamp, ${column}, ${column}_zstd FROM ${this.target.table} WHERE id >= ? ORDER BY id LIMIT 20)
       WHERE timestamp < ? AND ${column}_zstd IS NULL AND octet_length(${column}) >= ${COMPACT_MIN_BYTES} LIMIT 1`,
    ).values(nearId, before)[0];
    return row === undefined ? null : this.readText({ id: Number(row[0]), column });
  }

  readFrame({ id, column }: Pick<LongText, "id" | "column">): Uint8Array | null {
    const row = this.#prepare(
      `SELECT ${column}_zstd FROM ${this.target.table} WHERE id = ?`,
    ).values(id)[0];
    return (row?.[0] as Uint8Array | null | undefined) ?? null;
  }

  /** Puts a frame in the text's place; false when the text is no longer the one that it was made of. */
  pack(
    { id, column }: LongText,
    {
      text,
      marker,
      frame,
    }: { readonly text: Uint8Array; readonly marker: string; readonly frame: Uint8Array },
  ): boolean {
    return (
      this.#prepare(
        `UPDATE ${this.target.table} SET ${column} = ?1, ${column}_zstd = ?2
         WHERE id = ?3 AND ${column}_zstd IS NULL AND CAST(${column} AS BLOB) = ?4`,
      ).run(marker, frame, id, text).changes > 0
    );
  }

  /** Puts the text back; false when the frame is no longer the one that it was made of. */
  unpack(
    { id, column }: Pick<LongText, "id" | "column">,
    { text, frame }: { readonly text: string; readonly frame: Uint8Array },
  ): boolean {
    return (
      this.#prepare(
        `UPDATE ${this.target.table} SET ${column} = ?1, ${column}_zstd = NULL WHERE id = ?2 AND ${column}_zstd = ?3`,
      ).run(text, id, frame).changes > 0
    );
  }

  #lengths(): string {
    return this.target.columns
      .map((column) => `CASE WHEN ${column}_zstd IS NULL THEN octet_length(${column}) END`)
      .join(", ");
  }

  #rows(sql: string, values: readonly Binding[]): SeenRow[] {
    return this.#prepare(sql)
      .values(...values)
      .map(([id, timestamp, ...lengths]) => ({
        id: Number(id),
        timestamp: Number(timestamp),
        texts: lengths.flatMap((bytes, index) =>
          Number(bytes ?? 0) < COMPACT_MIN_BYTES
            ? []
            : [
                {
                  id: Number(id),
                  column: this.target.columns[index] as string,
                  bytes: Number(bytes),
                },
              ],
        ),
      }));
  }

  #prepare(sql: string): Prepared {
    return this.#store.connection.prepare(sql, ACTION);
  }
}
