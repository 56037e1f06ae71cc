/** `-- migrate:allow DELETES_DATA`: what the author of a section has looked at and wants. */
import { type HazardKind, parseHazardKinds } from "./hazard-kind.ts";
import type { SqlBody } from "./migration.ts";
import { nextToken } from "./sql-scanner.ts";

const ALLOWANCE = /^--[ \t]*migrate[ \t]*:[ \t]*allow\b[ \t:]*(.*?)[ \t\r]*$/i;

/** The text behind `migrate:allow` in a comment, null when the comment is none. */
export function allowanceIn(comment: string): string | null {
  return ALLOWANCE.exec(comment)?.[1] ?? null;
}

/** The hazards that comment lines of a section allow; the section has been checked. */
export function allowancesOf(body: SqlBody): HazardKind[] {
  if (!/migrate[ \t]*:[ \t]*allow/i.test(body.sql)) return [];
  const kinds: HazardKind[] = [];
  for (let token = nextToken(body.sql, 0); token; token = nextToken(body.sql, token.end)) {
    if (token.kind !== "comment") continue;
    const text = allowanceIn(body.sql.slice(token.start, token.end));
    if (text !== null) kinds.push(...parseHazardKinds(text).kinds);
  }
  return kinds;
}
