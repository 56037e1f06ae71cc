/** What only the text of a CREATE statement tells: its clauses, in a canonical form. */
import { unquoteName } from "../../migration/table-definition.ts";
import { nextToken, scanTokens, type Token } from "../../migration/sql-scanner.ts";

/** The parts of a CREATE TABLE's outer parentheses, canonical. */
export function definitionsOf(sql: string): string[] {
  const definitions: string[] = [];
  let depth = 0;
  let start = 0;
  for (const { kind, start: at, end } of scanTokens(sql)) {
    if (kind !== "operator") continue;
    const text = sql.slice(at, end);
    if (text === "(" && depth++ === 0) start = end;
    const isEnd = text === ")" && --depth === 0;
    if (isEnd || (text === "," && depth === 1)) {
      definitions.push(plainDefinition(sql.slice(start, at)));
      start = end;
    }
  }
  return definitions;
}

/** Words that begin a constraint where no quotes are around them. */
const CONSTRAINT_WORDS = /^(?:CONSTRAINT|PRIMARY|UNIQUE|CHECK|FOREIGN)$/i;

/** A column that is called like the beginning of a constraint keeps the quotes that make it one. */
function plainDefinition(sql: string): string {
  const plain = plainSql(sql);
  const first = [...scanTokens(sql)].find(({ kind }) => kind !== "comment");
  if (first?.kind !== "identifier") return plain;
  const name = unquoteName(sql.slice(first.start, first.end));
  return CONSTRAINT_WORDS.test(name) ? `"${name}"${plain.slice(name.length)}` : plain;
}

/** What no pragma tells of a column or constraint: collation, conflict clause, deferral, AUTOINCREMENT. */
export function modifiersOf(sql: string): string[] {
  return definitionsOf(sql).flatMap((definition) => {
    // Strings and nested expressions are not the definition's own words.
    const own = definition.replace(/'(?:[^']|'')*'/g, "''");
    const subject = /^(CONSTRAINT|PRIMARY|UNIQUE|CHECK|FOREIGN) /i.test(own)
      ? own.replaceAll(MODIFIERS, "").trim()
      : `column ${own.split(" ", 1)[0] ?? ""}`;
    return (own.match(MODIFIERS) ?? []).map((modifier) => `${subject} ${modifier.toUpperCase()}`);
  });
}

const MODIFIERS =
  /\b(AUTOINCREMENT|COLLATE \S+|ON CONFLICT \w+|(?:NOT )?DEFERRABLE(?: INITIALLY \w+)?)/gi;

/** The parenthesised texts after a keyword, canonical: the only way to see CHECK clauses. */
export function clausesOf(sql: string, keyword: string): string[] {
  const clauses: string[] = [];
  let previous: Token | undefined;
  for (let token = nextToken(sql, 0); token !== undefined; token = nextToken(sql, token.end)) {
    if (token.kind === "comment") continue;
    const opens = sql[token.start] === "(" && previous?.kind === "word";
    if (
      opens &&
      previous !== undefined &&
      sql.slice(previous.start, previous.end).toUpperCase() === keyword
    ) {
      const end = closingParenthesis(sql, token);
      clauses.push(plainSql(sql.slice(token.start, end)));
    }
    previous = token;
  }
  return clauses;
}

/** Where the parenthesis that a token opens is closed again: the offset behind it. */
export function closingParenthesis(sql: string, open: Token): number {
  let depth = 0;
  for (
    let token: Token | undefined = open;
    token !== undefined;
    token = nextToken(sql, token.end)
  ) {
    if (token.kind !== "operator") continue;
    if (sql[token.start] === "(") depth++;
    if (sql[token.start] === ")" && --depth === 0) return token.end;
  }
  return sql.length;
}

/**
 * Canonical SQL with needless quotes gone: `ALTER TABLE … RENAME` puts quotes around the names it rewrites.
 */
export function plainSql(sql: string): string {
  const words: string[] = [];
  for (const { kind, start, end } of scanTokens(sql)) {
    if (kind === "comment") continue;
    const text = sql.slice(start, end);
    const inner = text.slice(1, -1);
    words.push(kind === "identifier" && /^[A-Za-z_]\w*$/.test(inner) ? inner : text);
  }
  return words.join(" ");
}
