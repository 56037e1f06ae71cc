/**
 * Reads SQL the way SQLite's tokenizer does, far enough to know where strings, comments and statements end.
 *
 * It exists because every shortcut loses data: splitting on `;` cuts triggers, a regular expression takes a
 * marker inside a string for real, and SQLite itself runs only the first statement of a prepared text.
 */

export type TokenKind = "word" | "number" | "string" | "identifier" | "operator" | "comment";

export interface Token {
  readonly kind: TokenKind;
  /** UTF-16 offsets into the scanned text, end exclusive. */
  readonly start: number;
  readonly end: number;
}

export type ScanProblem =
  | { readonly problem: "unterminated"; readonly what: string; readonly offset: number }
  | { readonly problem: "nul"; readonly offset: number };

/** Thrown by the scanner with an offset only; callers know the file and turn it into a MigrationError. */
export class ScanError extends Error {
  readonly scan: ScanProblem;

  constructor(scan: ScanProblem) {
    super(scan.problem === "nul" ? "NUL byte" : `unterminated ${scan.what}`);
    this.scan = scan;
  }
}

const NUL = 0;
const QUOTE = 39;
const DOUBLE = 34;
const BACKTICK = 96;
const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;
const DASH = 45;
const SLASH = 47;
const STAR = 42;
const DOT = 46;
const SEMICOLON = 59;
const BANG = 33;
const LESS_THAN = 60;
const GREATER_THAN = 62;
const PIPE = 124;

const isDigit = (code: number): boolean => code >= 48 && code <= 57;
const isWordStart = (code: number): boolean =>
  (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code === 95 || code > 127;
const isWordPart = (code: number): boolean => isWordStart(code) || isDigit(code) || code === 36;

const OPERATORS = ["->>", "||", "->", "<<", ">>", "<=", ">=", "==", "!=", "<>"] as const;

/**
 * Yields the tokens of `sql` from `from` on, comments included and white space left out.
 * @throws {ScanError} for an unterminated string, quoted name or comment, and for a NUL byte.
 */
export function* scanTokens(sql: string, from = 0): Generator<Token, void> {
  let at = from;
  for (;;) {
    const token = nextToken(sql, at);
    if (token === undefined) return;
    yield token;
    at = token.end;
  }
}

/** The token at or after `from`, undefined at the end of the text. */
export function nextToken(sql: string, from: number): Token | undefined {
  const length = sql.length;
  let at = from;
  while (at < length && isSpace(sql.charCodeAt(at))) at++;
  if (at >= length) return undefined;
  const code = sql.charCodeAt(at);
  if (code === NUL) throw new ScanError({ problem: "nul", offset: at });
  if (code === DASH && sql.charCodeAt(at + 1) === DASH) {
    const end = sql.indexOf("\n", at);
    return { kind: "comment", start: at, end: refuseNul(sql, at, end < 0 ? length : end) };
  }
  if (code === SLASH && sql.charCodeAt(at + 1) === STAR) {
    const close = sql.indexOf("*/", at + 2);
    if (close < 0) throw new ScanError({ problem: "unterminated", what: "comment", offset: at });
    return { kind: "comment", start: at, end: refuseNul(sql, at, close + 2) };
  }
  if (code === QUOTE) return quoted(sql, at, at, QUOTE, "string");
  if (code === DOUBLE || code === BACKTICK) return quoted(sql, at, at, code, "identifier");
  if (code === OPEN_BRACKET) return bracketed(sql, at);
  if (isWordStart(code)) {
    let end = at + 1;
    while (end < length && isWordPart(sql.charCodeAt(end))) end++;
    // x'00ff' is one literal; `x '..'` is a name and a string.
    if (end === at + 1 && (code === 120 || code === 88) && sql.charCodeAt(end) === QUOTE) {
      return quoted(sql, at, end, QUOTE, "string");
    }
    return { kind: "word", start: at, end };
  }
  if (isDigit(code) || (code === DOT && isDigit(sql.charCodeAt(at + 1)))) return number(sql, at);
  return { kind: "operator", start: at, end: at + operatorLength(sql, at, code) };
}

/** Brackets, commas and semicolons are nearly all operators there are; only `|`, `-`, `!`, `<`, `=` and `>` begin a longer one. */
function operatorLength(sql: string, at: number, code: number): number {
  const isLonger =
    code === PIPE || code === DASH || code === BANG || (code >= LESS_THAN && code <= GREATER_THAN);
  if (!isLonger) return 1;
  return OPERATORS.find((operator) => sql.startsWith(operator, at))?.length ?? 1;
}

function isSpace(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13) || code === 0xfeff;
}

function refuseNul(sql: string, start: number, end: number): number {
  // Not sql.indexOf: it would read on to the end of the text, once for every comment.
  const nul = sql.slice(start, end).indexOf("\0");
  if (nul >= 0) throw new ScanError({ problem: "nul", offset: start + nul });
  return end;
}

function quoted(
  sql: string,
  start: number,
  open: number,
  quote: number,
  kind: "string" | "identifier",
): Token {
  const length = sql.length;
  let at = open + 1;
  while (at < length) {
    const code = sql.charCodeAt(at);
    if (code === NUL) throw new ScanError({ problem: "nul", offset: at });
    if (code === quote) {
      if (sql.charCodeAt(at + 1) !== quote) return { kind, start, end: at + 1 };
      at++;
    }
    at++;
  }
  const what = kind === "string" ? "string" : "quoted name";
  throw new ScanError({ problem: "unterminated", what, offset: start });
}

function bracketed(sql: string, start: number): Token {
  for (let at = start + 1; at < sql.length; at++) {
    const code = sql.charCodeAt(at);
    if (code === NUL) throw new ScanError({ problem: "nul", offset: at });
    if (code === CLOSE_BRACKET) return { kind: "identifier", start, end: at + 1 };
  }
  throw new ScanError({ problem: "unterminated", what: "quoted name", offset: start });
}

function number(sql: string, start: number): Token {
  let end = start;
  while (end < sql.length) {
    const code = sql.charCodeAt(end);
    const isSign =
      (code === 43 || code === DASH) &&
      /[eE]/.test(sql[end - 1] ?? "") &&
      !/^0[xX]/.test(sql.slice(start, start + 2));
    if (!isWordPart(code) && code !== DOT && !isSign) break;
    end++;
  }
  return { kind: "number", start, end };
}

export interface Statement {
  /** The statement without the comments before it and without its semicolon. */
  readonly text: string;
  /** UTF-16 offset of `text` in the scanned SQL. */
  readonly start: number;
  /** Its first words in upper case, at most four: `CREATE UNIQUE INDEX IF`. */
  readonly words: readonly string[];
}

const LEADING_WORDS = 4;

/**
 * Splits SQL into statements; a trigger's body stays whole, empty statements vanish. drizzle's breakpoints end
 * a statement as a semicolon does: in its files the last one before them may be without.
 * @throws {ScanError} for anything unterminated, a trigger without its END included.
 */
export function splitStatements(sql: string): Statement[] {
  const statements: Statement[] = [];
  let start = -1;
  let end = -1;
  let words: string[] = [];
  let leading = true;
  let isTrigger = false;
  let endState: "none" | "semicolon" | "end" = "none";
  const flush = (): void => {
    if (start >= 0) statements.push({ text: sql.slice(start, end), start, words });
    start = -1;
    words = [];
    leading = true;
    isTrigger = false;
    endState = "none";
  };
  for (let token = nextToken(sql, 0); token !== undefined; token = nextToken(sql, token.end)) {
    if (token.kind === "comment") {
      if (isBreakpoint(sql, token) && (!isTrigger || endState === "end")) flush();
      continue;
    }
    const isSemicolon = token.kind === "operator" && sql.charCodeAt(token.start) === SEMICOLON;
    if (isSemicolon && (!isTrigger || endState === "end")) {
      flush();
      continue;
    }
    if (start < 0) start = token.start;
    end = token.end;
    if (leading) {
      if (token.kind === "word" && words.length < LEADING_WORDS) {
        words.push(sql.slice(token.start, token.end).toUpperCase());
        isTrigger = isTriggerHead(words);
      } else {
        leading = false;
      }
    }
    if (!isTrigger) continue;
    // Only `; END ;` closes a trigger: the END of a CASE never follows a semicolon.
    if (isSemicolon) endState = "semicolon";
    else if (endState === "semicolon" && token.kind === "word" && isWord(sql, token, "END"))
      endState = "end";
    else endState = "none";
  }
  if (isTrigger && endState !== "end") {
    throw new ScanError({
      problem: "unterminated",
      what: "trigger body (no `; END`)",
      offset: start,
    });
  }
  flush();
  return statements;
}

const BREAKPOINT = "--> statement-breakpoint";

function isBreakpoint(sql: string, { start }: Token): boolean {
  return sql.charCodeAt(start + 2) === GREATER_THAN && sql.startsWith(BREAKPOINT, start);
}

function isTriggerHead(words: readonly string[]): boolean {
  if (words[0] !== "CREATE") return false;
  if (words[1] === "TRIGGER") return true;
  return (words[1] === "TEMP" || words[1] === "TEMPORARY") && words[2] === "TRIGGER";
}

function isWord(sql: string, token: Token, upper: string): boolean {
  return (
    token.end - token.start === upper.length &&
    sql.slice(token.start, token.end).toUpperCase() === upper
  );
}

/** Line and column (both from 1) of a UTF-16 offset, with the line's text. */
export function locate(
  text: string,
  offset: number,
): { line: number; column: number; sourceLine: string } {
  let line = 1;
  let lineStart = 0;
  for (;;) {
    const next = text.indexOf("\n", lineStart);
    if (next < 0 || next >= offset) break;
    line++;
    lineStart = next + 1;
  }
  let lineEnd = text.indexOf("\n", lineStart);
  if (lineEnd < 0) lineEnd = text.length;
  if (text.charCodeAt(lineEnd - 1) === 13) lineEnd--;
  return {
    line,
    column: offset - lineStart + 1,
    sourceLine: text.slice(lineStart, Math.max(lineStart, lineEnd)),
  };
}
