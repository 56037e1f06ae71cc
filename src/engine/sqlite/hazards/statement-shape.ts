/** What the text of a statement says that the authorizer does not: whole or in part, copy or not. */
import { nextToken, type Statement, type Token } from "../../../migration/sql-scanner.ts";

/** `UPDATE` and `DELETE` that name no rows take them all. */
export function takesEveryRow(statement: Statement): boolean {
  return !topLevel(statement.text).some(({ word }) => word === "WHERE" || word === "LIMIT");
}

/** The first word that says what is done; behind a `WITH` it may stand far in. */
export function verbOf(statement: Statement): string {
  const first = statement.words[0] ?? "";
  if (first !== "WITH") return first;
  return topLevel(statement.text).find(({ word }) => WRITE_VERBS.has(word))?.word ?? first;
}

const WRITE_VERBS: ReadonlySet<string> = new Set(["INSERT", "REPLACE", "UPDATE", "DELETE"]);

/** `ADD COLUMN` with more than a name and a type: only that can fail on rows that are there. */
export function isDemandingAddColumn(statement: Statement): boolean {
  const words = topLevel(statement.text).map(({ word }) => word);
  const at = words.indexOf("ADD");
  if (words[0] !== "ALTER" || at < 0) return false;
  if (words[at + 1] === "CONSTRAINT" || words[at + 1] === "CHECK") return false;
  return words.slice(at).some((word) => DEMANDS.has(word));
}

const DEMANDS: ReadonlySet<string> = new Set([
  "NOT",
  "DEFAULT",
  "AS",
  "CHECK",
  "REFERENCES",
  "UNIQUE",
  "PRIMARY",
]);

export function isSetNotNull(statement: Statement): boolean {
  const words = topLevel(statement.text).map(({ word }) => word);
  return words[0] === "ALTER" && words.slice(-3).join(" ") === "SET NOT NULL";
}

export function isDropColumn(statement: Statement): boolean {
  return (
    alterWords(statement).startsWith("DROP ") &&
    !alterWords(statement).startsWith("DROP CONSTRAINT")
  );
}

/** The names of `ALTER TABLE … RENAME TO name` and `… RENAME COLUMN name TO name`; null for any other statement. */
export function renameOf(
  statement: Statement,
):
  | { readonly kind: "table"; readonly to: string }
  | { readonly kind: "column"; readonly from: string; readonly to: string }
  | null {
  const words = topLevel(statement.text);
  if (words[0]?.word !== "ALTER") return null;
  const at = words.findIndex(({ word }) => word === "RENAME");
  if (at < 0) return null;
  const rest = words.slice(at + 1);
  const to = rest.at(-1)?.name ?? "";
  if (rest[0]?.word === "TO" && rest.length === 2) return { kind: "table", to };
  return { kind: "column", from: rest.at(-3)?.name ?? "", to };
}

/**
 * The table whose every row an `INSERT INTO … SELECT … FROM source` or `CREATE TABLE … AS SELECT` copies;
 * null as soon as anything in the text could leave a row out.
 */
export function fullCopySource(statement: Statement): string | null {
  const words = topLevel(statement.text);
  const select = words.findIndex(({ word }) => word === "SELECT");
  if (select < 0 || !isPlainHead(words.slice(0, select))) return null;
  if (words[select + 1]?.word === "DISTINCT") return null;
  const from = words.findIndex(({ word }, index) => index > select && word === "FROM");
  if (from < 0) return null;
  let at = from + 1;
  if (words[at + 1]?.word === ".") at += 2;
  const source = words[at]?.name;
  if (source === undefined) return null;
  at++;
  const isSorted = (): boolean => words[at]?.word === "ORDER";
  if (words[at]?.word === "AS") at++;
  else if (!isSorted() && CLAUSES.has(words[at]?.word ?? "")) return null;
  if (words[at]?.isWord === true && !isSorted()) at++;
  const isWhole =
    at >= words.length || sortsByCopied(words.slice(at), words.slice(select + 1, from));
  return isWhole ? source : null;
}

/**
 * True for an ORDER BY that names nothing but columns which are copied anyway. It leaves no row out; but a column
 * that it alone reads would pass for one that is copied.
 */
function sortsByCopied(tail: readonly Piece[], selected: readonly Piece[]): boolean {
  if (tail[0]?.word !== "ORDER" || tail[1]?.word !== "BY") return false;
  const copied = new Set(selected.map(({ name }) => name.toLowerCase()));
  return tail
    .slice(2)
    .every(
      ({ word, name, isWord }) =>
        word === "," ||
        word === "ASC" ||
        word === "DESC" ||
        (isWord && (copied.has("*") || copied.has(name.toLowerCase()) || word === "ROWID")),
    );
}

/** What may follow a table instead of an alias. */
const CLAUSES: ReadonlySet<string> = new Set([
  "CROSS",
  "EXCEPT",
  "FULL",
  "GROUP",
  "HAVING",
  "INNER",
  "INTERSECT",
  "JOIN",
  "LEFT",
  "LIMIT",
  "NATURAL",
  "ORDER",
  "OUTER",
  "RIGHT",
  "UNION",
  "WHERE",
  "WINDOW",
  "RETURNING",
  "ON",
  "INDEXED",
  "NOT",
]);

/** `INSERT INTO t` without a conflict clause, or `CREATE [TEMP] TABLE t AS`. */
function isPlainHead(words: readonly Piece[]): boolean {
  const [first, second] = words;
  // A WITH may give the source's name to something else.
  if (words.some(({ word }) => word === "WITH")) return false;
  if (first?.word === "CREATE") return words.at(-1)?.word === "AS";
  if (first?.word !== "INSERT") return false;
  return second?.word === "INTO" || abortsOnConflict(words);
}

/** True for `INSERT OR ABORT`: whatever the table's own conflict clauses say, it takes every row or fails. */
export function takesEveryRowOrFails(statement: Statement): boolean {
  return abortsOnConflict(topLevel(statement.text));
}

function abortsOnConflict(words: readonly Piece[]): boolean {
  const [first, second, third] = words;
  return first?.word === "INSERT" && second?.word === "OR" && third?.word === "ABORT";
}

interface Piece {
  /** In upper case; of an operator the operator, of a quoted name nothing that could pass for a keyword. */
  readonly word: string;
  /** A name without its quotes. */
  readonly name: string;
  readonly isWord: boolean;
}

/** Tokens outside of all brackets. */
function topLevel(sql: string): Piece[] {
  const pieces: Piece[] = [];
  let depth = 0;
  for (let token = nextToken(sql, 0); token !== undefined; token = nextToken(sql, token.end)) {
    const text = sql.slice(token.start, token.end);
    if (text === "(") depth++;
    else if (text === ")") depth--;
    else if (depth === 0 && token.kind !== "comment") pieces.push(pieceOf(token, text));
  }
  return pieces;
}

function pieceOf({ kind }: Token, text: string): Piece {
  if (kind === "word") return { word: text.toUpperCase(), name: text, isWord: true };
  if (kind !== "identifier" && kind !== "string") return { word: text, name: text, isWord: false };
  const quote = text.at(-1) ?? "";
  return { word: "", name: text.slice(1, -1).replaceAll(quote + quote, quote), isWord: true };
}

function alterWords(statement: Statement): string {
  const words = topLevel(statement.text).map(({ word }) => word);
  if (words[0] !== "ALTER") return "";
  const table = words[3] === "." ? 5 : 3;
  return words.slice(table).join(" ");
}
