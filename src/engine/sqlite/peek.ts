/** A look at a ledger's head that costs an open and one read: what every start of an up-to-date database needs. */
import { Database } from "bun:sqlite";
import type { Version } from "../../migration/version.ts";
import type { LedgerHead } from "../driver.ts";
import type { MigrationSource } from "../source.ts";
import { isUpToDate } from "../up-to-date.ts";

/** How long a look waits for a lock that keeps even readers out. */
const PEEK_TIMEOUT_MS = 5000;

/**
 * The version of a database on which nothing is pending, edited, missing or drifted for certain; null when that
 * needs the full opening. Throws what the source's stamp throws.
 */
export function versionWhenUpToDate(
  path: string,
  source: Pick<MigrationSource, "stamp">,
): Version | null {
  const head = peekLedgerHead(path, PEEK_TIMEOUT_MS);
  return head !== null && !head.hasDrifted && isUpToDate(head, source) ? head.version : null;
}

/**
 * Reads the newest ledger entry without configuring a connection; null when there is none, or when anything
 * at all is unusual: the full opening, which the caller does next, has the checks and the words for it.
 */
export function peekLedgerHead(path: string, busyTimeoutMs: number): LedgerHead | null {
  // Loaded here, because a status line, which never gets here, takes a fifth of its time to load it.
  const { findLink } = require("./file-links.ts") as typeof import("./file-links.ts");
  let database: Database | null = null;
  try {
    if (findLink(path) !== null) return null;
    database = new Database(path, { create: false, readwrite: true });
    database.run(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
    const statement = database.prepare<unknown, []>(LEDGER_HEAD_SQL);
    let row: unknown[] | undefined;
    try {
      row = statement.values()[0];
    } finally {
      // A statement left open would make the close below fail.
      statement.finalize();
    }
    return row === undefined ? null : ledgerHeadOf(row);
  } catch {
    return null;
  } finally {
    database?.close(true);
  }
}

const HEAD_OF = `FROM schema_migrations
ORDER BY version DESC
LIMIT 1`;

export const LEDGER_HEAD_SQL = `SELECT version, source_stamp, (SELECT count(*) FROM schema_migrations),
  schema_cookie = (SELECT schema_version FROM pragma_schema_version), schema_drift IS NOT NULL
${HEAD_OF}`;

/** The same of a ledger of usagedb 0.1, which did not remember the schema's cookie. */
export const FIRST_LEDGER_HEAD_SQL = `SELECT version, source_stamp, (SELECT count(*) FROM schema_migrations), 0, 0
${HEAD_OF}`;

export function ledgerHeadOf([
  version,
  sourceStamp,
  appliedCount,
  isSchemaKnown,
  hasDrifted,
]: readonly unknown[]): LedgerHead {
  return {
    version: version as number,
    sourceStamp: sourceStamp as string | null,
    appliedCount: appliedCount as number,
    isSchemaKnown: isSchemaKnown === 1,
    hasDrifted: hasDrifted === 1,
  };
}
