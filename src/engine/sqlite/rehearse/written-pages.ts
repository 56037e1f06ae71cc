/**
 * Which tables had none of their pages written since a copy was made: they hold what they held, without a look at
 * a single row. A table whose tree was written may still hold the same; that takes a comparison.
 */
import { closeSync, openSync, readSync, statSync } from "node:fs";
import type { Connection } from "../connection.ts";
import { isSqliteError } from "../sqlite-errors.ts";
import { BEFORE } from "./private-copy.ts";

const WAL_HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;

/** The pages of a database as it was, by the tree that they belong to. */
export class PageOwners {
  readonly #owner: Uint32Array;
  readonly #names: readonly string[];
  readonly #pageSize: number;

  private constructor(owner: Uint32Array, names: readonly string[], pageSize: number) {
    this.#owner = owner;
    this.#names = names;
    this.#pageSize = pageSize;
  }

  /** Reads every page once, without leaving SQLite; null where SQLite was built without dbstat. */
  static read(both: Connection): PageOwners | null {
    const number = (pragma: string): number =>
      Number(both.readOnce(`PRAGMA ${BEFORE}.${pragma}`)[0]?.[0] ?? 0);
    const owner = new Uint32Array(number("page_count") + 1);
    const names: string[] = [""];
    const known = new Map<string, number>();
    try {
      // In pieces: a large database has more pages than anybody wants as rows in memory at once.
      for (const [name] of both.readOnce(
        `SELECT 'sqlite_schema' UNION ALL SELECT name FROM ${BEFORE}.sqlite_schema WHERE rootpage > 0`,
      )) {
        const id = known.get(String(name)) ?? names.push(String(name)) - 1;
        known.set(String(name), id);
        for (const [page] of both.readOnce(
          "SELECT pageno FROM dbstat WHERE schema = ? AND name = ?",
          BEFORE,
          name ?? "",
        ))
          owner[Number(page)] = id;
      }
    } catch (error) {
      if (!isSqliteError(error)) throw error;
      return null;
    }
    return new PageOwners(owner, names, number("page_size"));
  }

  /**
   * Names of the trees, tables and indexes, of which a page is in the WAL; frames that were rolled back count too,
   * because telling them apart would gain nothing.
   */
  written(walPath: string): ReadonlySet<string> {
    const found = new Set<number>();
    for (const page of pagesIn(walPath, this.#pageSize)) found.add(this.#owner[page] ?? 0);
    return new Set([...found].map((id) => this.#names[id] ?? ""));
  }
}

/** The page numbers of a WAL's frames. Only for a file that no other process has open: closing it drops its locks. */
function* pagesIn(walPath: string, pageSize: number): Generator<number> {
  const sizeBytes = statSync(walPath, { throwIfNoEntry: false })?.size ?? 0;
  if (sizeBytes === 0) return;
  const descriptor = openSync(walPath, "r");
  const header = Buffer.alloc(4);
  try {
    const frameBytes = FRAME_HEADER_BYTES + pageSize;
    for (let at = WAL_HEADER_BYTES; at + frameBytes <= sizeBytes; at += frameBytes) {
      readSync(descriptor, header, 0, 4, at);
      yield header.readUInt32BE(0);
    }
  } finally {
    closeSync(descriptor);
  }
}
