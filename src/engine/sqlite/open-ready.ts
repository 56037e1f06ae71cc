/** Opening a database that needs no care: for programs whose whole life is a few milliseconds and one small write. */
import { constants, Database } from "bun:sqlite";
import type { MigrationSource } from "../source.ts";
import { isUpToDate } from "../up-to-date.ts";
import { Connection } from "./connection.ts";
import { LEDGER_HEAD_SQL, ledgerHeadOf } from "./peek.ts";

/** No file is made, and no link is followed. */
const OPEN_FLAGS = constants.SQLITE_OPEN_READWRITE | constants.SQLITE_OPEN_NOFOLLOW;

export interface ReadyOptions {
  /**
   * Looks for links in the place of the database's files; false when left out. A program that has no other use for
   * `node:fs` would take a tenth longer.
   */
  readonly refusesLinks?: boolean;
}

/**
 * Opens an existing file on which nothing is pending, edited, missing or drifted for certain; null when anything at
 * all is unusual: the full opening has the checks, the migrations and the words for it. The settings are those of the
 * full opening, without reading back what a file that it made cannot refuse.
 */
export function openReady(
  path: string,
  source: Pick<MigrationSource, "stamp">,
  { busyTimeoutMs, refusesLinks = false }: ReadyOptions & { readonly busyTimeoutMs: number },
): Connection | null {
  let connection: Connection | null = null;
  try {
    if (refusesLinks) {
      const { findLink } = require("./file-links.ts") as typeof import("./file-links.ts");
      if (findLink(path) !== null) return null;
    }
    connection = new Connection(new Database(path, OPEN_FLAGS), path);
    // One call runs them all; what needs WAL was settled when the file was made.
    connection.runOnce(
      `PRAGMA busy_timeout = ${busyTimeoutMs};
       PRAGMA foreign_keys = ON;
       PRAGMA synchronous = NORMAL;
       PRAGMA trusted_schema = OFF`,
    );
    const row = connection.readOnce(LEDGER_HEAD_SQL)[0];
    const head = row === undefined ? null : ledgerHeadOf(row);
    if (head !== null && !head.hasDrifted && isUpToDate(head, source)) return connection;
  } catch {
    // Busy, no database, another ledger: the full opening finds out.
  }
  connection?.close();
  return null;
}
