/** The first hundred bytes of a database file. */
import { closeSync, openSync, readSync } from "node:fs";

export interface FileHeader {
  readonly isSqlite: boolean;
  /** Of the program that last wrote the file's first page: `3.54.1`; null when nobody says. */
  readonly writtenBy: string | null;
}

const HEADER_BYTES = 100;
const MAGIC = "SQLite format 3\0";
const VERSION_OFFSET = 96;

/**
 * Reads the header as bytes. Only for a process that does not have the database open: closing a file
 * gives up every lock that the process holds on it, SQLite's own too.
 * Null when the file cannot be read or is shorter than a header.
 */
export function readFileHeader(path: string): FileHeader | null {
  const bytes = Buffer.alloc(HEADER_BYTES);
  let descriptor: number | null = null;
  try {
    descriptor = openSync(path, "r");
    if (readSync(descriptor, bytes) < HEADER_BYTES) return null;
  } catch {
    return null;
  } finally {
    if (descriptor !== null) closeSync(descriptor);
  }
  const number = bytes.readUInt32BE(VERSION_OFFSET);
  return {
    isSqlite: bytes.toString("latin1", 0, MAGIC.length) === MAGIC,
    writtenBy: number === 0 ? null : formatSqliteVersion(number),
  };
}

function formatSqliteVersion(number: number): string {
  return `${Math.trunc(number / 1_000_000)}.${Math.trunc(number / 1000) % 1000}.${number % 1000}`;
}
