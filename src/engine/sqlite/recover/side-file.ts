/** Rows that have no place in the new database, one JSON document a line: put aside, not dropped. */
import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import type { RecordValue } from "./record.ts";

export interface RefusedRow {
  readonly table: string | null;
  readonly reason: string;
  /** The page of the damaged file; null where it was read through SQLite. */
  readonly page: number | null;
  readonly rowid: number | bigint | null;
  /** By column, or as they stand where the columns are not known. */
  readonly row: Readonly<Record<string, RecordValue>> | readonly RecordValue[];
}

const BUFFERED_BYTES = 1 << 16;

export class SideFile implements Disposable {
  readonly path: string;
  #descriptor: number | null = null;
  #lines = "";
  #count = 0;

  /** @param path made, with mode 0600, when the first row comes. */
  constructor(path: string) {
    this.path = path;
  }

  get count(): number {
    return this.#count;
  }

  add(row: RefusedRow): void {
    this.#count++;
    this.#lines += `${JSON.stringify(row, toJson)}\n`;
    if (this.#lines.length >= BUFFERED_BYTES) this.#write();
  }

  /** Writes what is held back and flushes it to the disk. */
  flush(): void {
    this.#write();
    if (this.#descriptor !== null) fsyncSync(this.#descriptor);
  }

  [Symbol.dispose](): void {
    if (this.#descriptor !== null) closeSync(this.#descriptor);
    this.#descriptor = null;
  }

  #write(): void {
    if (this.#lines === "") return;
    this.#descriptor ??= openSync(this.path, "wx", 0o600);
    const bytes = Buffer.from(this.#lines);
    for (let at = 0; at < bytes.length;) at += writeSync(this.#descriptor, bytes, at);
    this.#lines = "";
  }
}

/** JSON has neither integers beyond 2^53 nor bytes: `{"integer": "…"}` and `{"hex": "…"}`. */
function toJson(_: string, value: unknown): unknown {
  if (typeof value === "bigint")
    return Number.isSafeInteger(Number(value)) ? Number(value) : { integer: String(value) };
  if (value instanceof Uint8Array) return { hex: value.toHex() };
  return value;
}
