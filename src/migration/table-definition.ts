/**
 * The parts of a `CREATE TABLE` text, each with its place in it, so that one of them can be changed and all else,
 * comments included, stays as it was written.
 */
import { nextToken, type TokenKind } from "./sql-scanner.ts";

export type ConstraintKind =
  | "primary key"
  | "not null"
  | "null"
  | "unique"
  | "check"
  | "default"
  | "collate"
  | "references"
  | "generated"
  | "foreign key"
  /** `CONSTRAINT name` with nothing behind it, which SQLite accepts. */
  | "nothing";

/** Offsets into the whole text, end exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface Constraint extends Span {
  readonly kind: ConstraintKind;
  readonly name: string | null;
  /** Of a key over several columns: which, without quotes; empty for a column's own constraint. */
  readonly columns: readonly string[];
  /** What stands in the first brackets (CHECK, AS), or the value of a DEFAULT. */
  readonly inner: Span | null;
}

export interface ColumnPart extends Span {
  readonly is: "column";
  readonly name: string;
  readonly nameEnd: number;
  /** Null when the column has no type. */
  readonly type: Span | null;
  readonly constraints: readonly Constraint[];
}

/** SQLite lets several constraints of a table stand between two commas. */
export interface ConstraintPart extends Span {
  readonly is: "constraints";
  readonly constraints: readonly Constraint[];
}

export interface TableDefinition {
  readonly sql: string;
  readonly name: Span;
  /** Offsets of the outer brackets. */
  readonly open: number;
  readonly close: number;
  readonly parts: readonly (ColumnPart | ConstraintPart)[];
  readonly isStrict: boolean;
  readonly isWithoutRowid: boolean;
}

/** A token, or a whole pair of brackets. */
interface Piece extends Span {
  readonly isGroup: boolean;
  /** In upper case; empty for anything but an unquoted word or an operator. */
  readonly word: string;
}

/**
 * Reads the text that SQLite keeps of an ordinary table; null for what has no list of columns (a virtual table).
 * @throws {ScanError} for text that the scanner refuses.
 */
export function parseTableDefinition(sql: string): TableDefinition | null {
  const pieces = piecesOf(sql, 0, sql.length);
  const at = pieces.findIndex(({ isGroup }) => isGroup);
  const body = pieces[at];
  if (body === undefined || pieces[0]?.word !== "CREATE") return null;
  const head = pieces.slice(0, at);
  const name = head.at(-1);
  if (name === undefined || head.some(({ word }) => word === "VIRTUAL" || word === "AS"))
    return null;
  const options = pieces.slice(at + 1).map(({ word }) => word);
  const [open, close] = [body.start, body.end - 1];
  return {
    sql,
    name,
    open,
    close,
    parts: splitByComma(piecesOf(sql, open + 1, close)).map((part) => readPart(sql, part)),
    isStrict: options.includes("STRICT"),
    isWithoutRowid: options.includes("WITHOUT"),
  };
}

/** The name that a token spells, without its quotes. */
export function unquoteName(text: string): string {
  const first = text[0] ?? "";
  if (!`"'\`[`.includes(first)) return text;
  const quote = first === "[" ? "]" : first;
  return text.slice(1, -1).replaceAll(quote + quote, quote);
}

/** True when a word or a quoted name between the offsets is `name`, whatever it means there. */
export function mentions(sql: string, name: string, span: Span = whole(sql)): boolean {
  return hasToken(sql, name, span, NAMES);
}

/** The same, but SQLite also takes a string for a name where only a name can stand (`FROM 't'`). */
export function mayName(sql: string, name: string): boolean {
  return hasToken(sql, name, whole(sql), NAMES_AND_STRINGS);
}

const NAMES: ReadonlySet<TokenKind> = new Set<TokenKind>(["word", "identifier"]);
const NAMES_AND_STRINGS: ReadonlySet<TokenKind> = new Set<TokenKind>([...NAMES, "string"]);

function hasToken(
  sql: string,
  name: string,
  { start, end }: Span,
  kinds: ReadonlySet<TokenKind>,
): boolean {
  const wanted = name.toLowerCase();
  let token = nextToken(sql, start);
  while (token !== undefined && token.start < end) {
    const text = kinds.has(token.kind) ? sql.slice(token.start, token.end) : null;
    if (text !== null && unquoteName(text).toLowerCase() === wanted) return true;
    token = nextToken(sql, token.end);
  }
  return false;
}

const whole = (sql: string): Span => ({ start: 0, end: sql.length });

function piecesOf(sql: string, from: number, to: number): Piece[] {
  const pieces: Piece[] = [];
  let depth = 0;
  let groupStart = 0;
  for (let token = nextToken(sql, from); token !== undefined && token.start < to;) {
    const text = sql.slice(token.start, token.end);
    if (text === "(") {
      if (depth++ === 0) groupStart = token.start;
    } else if (text === ")") {
      if (--depth === 0)
        pieces.push({ start: groupStart, end: token.end, isGroup: true, word: "" });
    } else if (depth === 0 && token.kind !== "comment") {
      const isPlain = token.kind === "word" || token.kind === "operator";
      const word = isPlain ? text.toUpperCase() : "";
      pieces.push({ start: token.start, end: token.end, isGroup: false, word });
    }
    token = nextToken(sql, token.end);
  }
  return pieces;
}

function splitByComma(pieces: readonly Piece[]): Piece[][] {
  const parts: Piece[][] = [[]];
  for (const piece of pieces) {
    if (piece.word === ",") parts.push([]);
    else parts.at(-1)?.push(piece);
  }
  return parts.filter((part) => part.length > 0);
}

const TABLE_CONSTRAINTS: ReadonlySet<string> = new Set([
  "CONSTRAINT",
  "PRIMARY",
  "UNIQUE",
  "CHECK",
  "FOREIGN",
]);

const COLUMN_CONSTRAINTS: ReadonlySet<string> = new Set([
  "CONSTRAINT",
  "PRIMARY",
  "NOT",
  "NULL",
  "UNIQUE",
  "CHECK",
  "DEFAULT",
  "COLLATE",
  "REFERENCES",
  "GENERATED",
  "AS",
]);

function readPart(sql: string, pieces: readonly Piece[]): ColumnPart | ConstraintPart {
  const [first] = pieces as [Piece, ...Piece[]];
  const span = { start: first.start, end: (pieces.at(-1) ?? first).end };
  if (TABLE_CONSTRAINTS.has(first.word))
    return { is: "constraints", ...span, constraints: readConstraints(sql, pieces) };
  const found = pieces.findIndex(({ word }, index) => index > 0 && COLUMN_CONSTRAINTS.has(word));
  const typeEnd = found < 0 ? pieces.length : found;
  const type = pieces.slice(1, typeEnd);
  return {
    is: "column",
    ...span,
    name: unquoteName(sql.slice(first.start, first.end)),
    nameEnd: first.end,
    type: spanOf(type),
    constraints: readConstraints(sql, pieces.slice(typeEnd)),
  };
}

function spanOf(pieces: readonly Piece[]): Span | null {
  const [first, last] = [pieces[0], pieces.at(-1)];
  return first === undefined || last === undefined ? null : { start: first.start, end: last.end };
}

const KINDS: Readonly<Record<string, ConstraintKind>> = {
  PRIMARY: "primary key",
  NOT: "not null",
  NULL: "null",
  UNIQUE: "unique",
  CHECK: "check",
  DEFAULT: "default",
  COLLATE: "collate",
  REFERENCES: "references",
  FOREIGN: "foreign key",
  GENERATED: "generated",
  AS: "generated",
};

function readConstraints(sql: string, pieces: readonly Piece[]): Constraint[] {
  const constraints: Constraint[] = [];
  for (let at = 0; at < pieces.length;) {
    const start = at;
    let name: string | null = null;
    if (pieces[at]?.word === "CONSTRAINT") {
      const named = pieces[at + 1];
      name = named === undefined ? null : unquoteName(sql.slice(named.start, named.end));
      at += 2;
    }
    const word = pieces[at]?.word ?? "";
    const kind = KINDS[word];
    const end = kind === undefined ? Math.max(at, start + 1) : endOfConstraint(pieces, at);
    const own = pieces.slice(at, end);
    const group = own.find(({ isGroup }) => isGroup);
    const isOverColumns = kind === "primary key" || kind === "unique" || kind === "foreign key";
    constraints.push({
      kind: kind ?? "nothing",
      name,
      start: (pieces[start] as Piece).start,
      end: (pieces[end - 1] as Piece).end,
      columns: isOverColumns && group !== undefined ? namesIn(sql, group) : [],
      inner: kind === "default" ? spanOf(own.slice(1)) : (group ?? null),
    });
    at = end;
  }
  return constraints;
}

/** The index behind a constraint that begins at `at`. */
function endOfConstraint(pieces: readonly Piece[], at: number): number {
  const is = (index: number, ...words: readonly string[]): boolean =>
    words.includes(pieces[index]?.word ?? "-");
  let end = at + 1;
  switch (pieces[at]?.word) {
    case "DEFAULT":
      return end + (is(end, "+", "-") ? 2 : 1);
    case "COLLATE":
      return end + 1;
    case "REFERENCES":
      return endOfReference(pieces, at);
    case "GENERATED":
    case "AS":
      while (end < pieces.length && pieces[end - 1]?.isGroup !== true) end++;
      return is(end, "STORED", "VIRTUAL") ? end + 1 : end;
    case "FOREIGN":
      while (end < pieces.length && !is(end, "REFERENCES")) end++;
      return endOfReference(pieces, end);
    case "PRIMARY":
    case "NOT":
      end++;
      break;
    default:
  }
  if (pieces[end]?.isGroup === true) end++;
  if (is(end, "ASC", "DESC")) end++;
  if (is(end, "ON") && is(end + 1, "CONFLICT")) end += 3;
  return is(end, "AUTOINCREMENT") ? end + 1 : end;
}

function endOfReference(pieces: readonly Piece[], at: number): number {
  let end = at + 2;
  if (pieces[end]?.isGroup === true) end++;
  for (;;) {
    const word = pieces[end]?.word ?? "";
    const next = pieces[end + 1]?.word ?? "";
    if (word === "MATCH") end += 2;
    // ON DELETE CASCADE · RESTRICT, or two words: SET NULL · SET DEFAULT · NO ACTION
    else if (word === "ON") {
      const action = pieces[end + 2]?.word ?? "";
      end += action === "SET" || action === "NO" ? 4 : 3;
    } else if (word === "NOT" && next === "DEFERRABLE") end += 2;
    else if (word === "DEFERRABLE") end++;
    else if (word === "INITIALLY") end += 2;
    else return Math.min(end, pieces.length);
  }
}

/** The names at the head of each entry of a bracketed list. */
function namesIn(sql: string, group: Span): string[] {
  return splitByComma(piecesOf(sql, group.start + 1, group.end - 1)).map(([first]) =>
    first === undefined ? "" : unquoteName(sql.slice(first.start, first.end)),
  );
}
