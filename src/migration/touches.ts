/** `-- migrate:touches bars_cache`: the only tables that a section may reach. */
import type { MigrationBody, SqlBody } from "./migration.ts";
import { nextToken, ScanError, type Token } from "./sql-scanner.ts";

const LINE = /^--[ \t]*migrate[ \t]*:[ \t]*touches(?=[ \t:\r]|$)[ \t:]*(.*?)[ \t\r]*$/i;
/** What a slip of the finger makes of it: taken for a remark, the section would run without its limit. */
const MISSPELT = /^(?:--|\/\*)[\s*]*(?:migrate[\s:;=.,_/-]*|m\w*g\w*\s*[:;]\s*)touch\w*/i;

/** The text behind `migrate:touches` in a comment, null when the comment is none. */
export function touchesIn(comment: string): string | null {
  return LINE.exec(comment)?.[1] ?? null;
}

/** True for a comment that can only be meant as such a line and is none. */
export function isMisspeltTouches(comment: string): boolean {
  return MISSPELT.test(comment) && touchesIn(comment) === null;
}

/** Names separated by commas or blanks, quoted as in SQL where need be; null when there is anything else. */
export function parseTableNames(text: string): readonly string[] | null {
  const names: string[] = [];
  try {
    for (let token = nextToken(text, 0); token; token = nextToken(text, token.end)) {
      const piece = text.slice(token.start, token.end);
      if (token.kind === "word" || token.kind === "identifier") names.push(nameOf(token, piece));
      else if (token.kind !== "comment" && piece !== ",") return null;
    }
  } catch (error) {
    if (!(error instanceof ScanError)) throw error;
    return null;
  }
  return names.includes("") ? null : names;
}

/** The tables, in lower case, that a section may reach; null for a section without a limit, which is told at once. */
export function touchesOf(body: SqlBody): ReadonlySet<string> | null {
  if (!/migrate[ \t]*:[ \t]*touches/i.test(body.sql)) return null;
  let tables: Set<string> | null = null;
  for (let token = nextToken(body.sql, 0); token; token = nextToken(body.sql, token.end)) {
    if (token.kind !== "comment") continue;
    const text = touchesIn(body.sql.slice(token.start, token.end));
    if (text === null) continue;
    tables ??= new Set();
    for (const name of parseTableNames(text) ?? []) tables.add(name.toLowerCase());
  }
  return tables;
}

/** True for a section that may reach some tables only. */
export function hasLimit(body: MigrationBody): boolean {
  return body.kind === "sql" && touchesOf(body) !== null;
}

function nameOf({ kind }: Token, piece: string): string {
  if (kind === "word") return piece;
  const quote = piece.at(-1) ?? "";
  return piece.slice(1, -1).replaceAll(quote + quote, quote);
}
