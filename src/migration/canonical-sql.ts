/**
 * The canonical form of SQL, and the one comparison behind "edited" and "drifted".
 *
 * Canonical form, version 1, a promise for ever because checksums in ledgers depend on it:
 * CRLF becomes LF; comments vanish; the remaining tokens are joined by one space; the text of a token,
 * its case included, is kept as it is.
 */
import { nextToken, ScanError } from "./sql-scanner.ts";

const SPACE = 32;

/** Prefix of checksums over this form; a later form gets a new one and old checksums stay readable. */
export const CANONICAL_FORM = "sql1";

/**
 * Renders SQL blind to line ends, comments and white space.
 * @throws {ScanError} for text that the scanner refuses.
 */
export function canonicalSql(sql: string): string {
  const text = sql.includes("\r") ? sql.replaceAll("\r\n", "\n") : sql;
  let canonical = "";
  // Tokens that stand one space apart already are taken over together.
  let start = 0;
  let end = -1;
  for (let token = nextToken(text, 0); token !== undefined; token = nextToken(text, token.end)) {
    if (token.kind === "comment") continue;
    if (token.start !== end + 1 || text.charCodeAt(end) !== SPACE) {
      if (end > 0) canonical += `${text.slice(start, end)} `;
      start = token.start;
    }
    end = token.end;
  }
  if (end > 0) canonical += text.slice(start, end);
  return canonical;
}

/** True when two texts differ at most in line ends, comments and white space; false when one of them is no SQL. */
export function isSameSql(left: string | null, right: string | null): boolean {
  if (left === right) return true;
  if (left === null || right === null) return false;
  try {
    return canonicalSql(left) === canonicalSql(right);
  } catch (error) {
    // One of them was damaged where it is stored; equal texts were told before.
    if (error instanceof ScanError) return false;
    throw error;
  }
}

/** Module source compared blind to line ends and trailing white space only: we do not parse TypeScript. */
export function canonicalModule(source: string): string {
  return source
    .replaceAll("\r\n", "\n")
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n")
    .trim();
}
