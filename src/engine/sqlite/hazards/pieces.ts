/** The words of a statement with the depth of the brackets around them. */
import { nextToken, type Token } from "../../../migration/sql-scanner.ts";
import { unquoteName } from "../../../migration/table-definition.ts";

/** One token that is not a comment. */
export interface Piece {
  /** In upper case when it may be a keyword; else as it is. */
  readonly word: string;
  readonly name: string;
  readonly depth: number;
  readonly start: number;
  readonly end: number;
}

export function piecesOf(sql: string): Piece[] {
  const pieces: Piece[] = [];
  let depth = 0;
  for (let token = nextToken(sql, 0); token !== undefined; token = nextToken(sql, token.end)) {
    if (token.kind === "comment") continue;
    const text = sql.slice(token.start, token.end);
    if (text === ")") depth--;
    pieces.push({ ...namesOf(token, text), depth, start: token.start, end: token.end });
    if (text === "(") depth++;
  }
  return pieces;
}

function namesOf({ kind }: Token, text: string): Pick<Piece, "word" | "name"> {
  if (kind === "word") return { word: text.toUpperCase(), name: text };
  if (kind === "identifier" || kind === "string") return { word: "", name: unquoteName(text) };
  return { word: text, name: "" };
}

/** Every word and quoted name of a text, in lower case. */
export function namesIn(sql: string): ReadonlySet<string> {
  return new Set(piecesOf(sql).map(({ name }) => name.toLowerCase()));
}

/** True when the text wants values that only its author's program has. */
export function hasParameters(sql: string): boolean {
  return /[?:@$]/.test(sql) && piecesOf(sql).some(({ word }) => PARAMETERS.has(word));
}

const PARAMETERS: ReadonlySet<string> = new Set(["?", ":", "@", "$"]);
