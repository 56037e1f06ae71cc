/** The clauses of INSERT, UPDATE, DELETE and CREATE INDEX, as pieces of text that can be put into other statements. */
import { nextToken, type Token } from "../../../migration/sql-scanner.ts";

export interface WriteParts {
  readonly verb: "INSERT" | "UPDATE" | "DELETE";
  /** `WITH …`, empty when there is none. */
  readonly prelude: string;
  /** The word behind OR; `REPLACE` for REPLACE INTO; null when there is none. */
  readonly conflict: string | null;
  readonly table: string;
  /** What the clauses call the table. */
  readonly alias: string;
  /** The columns that an INSERT names; null when it names none. */
  readonly columns: readonly string[] | null;
  /** The SELECT or VALUES of an INSERT. */
  readonly source: string | null;
  /** What an INSERT's ON CONFLICT clauses do. */
  readonly upsert: "nothing" | "update" | null;
  readonly sets: readonly Assignment[];
  /** Behind FROM in an UPDATE. */
  readonly from: string | null;
  readonly where: string | null;
  readonly hasLimit: boolean;
}

export interface Assignment {
  readonly columns: readonly string[];
  readonly value: string;
}

export interface IndexParts {
  readonly table: string;
  /** Each column or expression, without its order and collation. */
  readonly terms: readonly string[];
  readonly where: string | null;
}

interface Piece {
  /** In upper case when it may be a keyword; else as it is. */
  readonly word: string;
  readonly name: string;
  readonly depth: number;
  readonly start: number;
  readonly end: number;
}

/** Null for anything that does not look like one of the three. */
export function writePartsOf(sql: string): WriteParts | null {
  const pieces = piecesOf(sql);
  const top = pieces.filter(({ depth }) => depth === 0);
  const verbAt = top.findIndex(({ word }) => VERBS.has(word));
  const verb = top[verbAt];
  if (verb === undefined || (verbAt > 0 && top[0]?.word !== "WITH")) return null;
  const rest = top.slice(verbAt + 1);
  const reader = new Reader(sql, pieces, rest);
  const common = {
    prelude: sql.slice(0, verb.start),
    conflict: verb.word === "REPLACE" ? "REPLACE" : reader.takeConflict(),
  };
  if (verb.word === "INSERT" || verb.word === "REPLACE") return insertOf(reader, common);
  if (verb.word === "DELETE" && !reader.take("FROM")) return null;
  const table = reader.takeName();
  if (table === null) return null;
  const alias = reader.takeAlias() ?? table;
  const sets = verb.word === "UPDATE" ? reader.assignments() : [];
  if (sets === null) return null;
  return {
    ...common,
    verb: verb.word === "UPDATE" ? "UPDATE" : "DELETE",
    table,
    alias,
    columns: null,
    source: null,
    upsert: null,
    sets,
    from: verb.word === "UPDATE" ? reader.clause("FROM") : null,
    where: reader.clause("WHERE"),
    hasLimit: reader.has("LIMIT"),
  };
}

function insertOf(
  reader: Reader,
  common: Pick<WriteParts, "prelude" | "conflict">,
): WriteParts | null {
  if (!reader.take("INTO")) return null;
  const table = reader.takeName();
  if (table === null) return null;
  const alias = reader.take("AS") ? (reader.takeName() ?? table) : table;
  const columns = reader.takeList();
  const upsertAt = reader.upsertAt();
  return {
    ...common,
    verb: "INSERT",
    table,
    alias,
    columns: columns?.map(unquoted) ?? null,
    source: reader.source(upsertAt),
    upsert: upsertAt === null ? null : reader.has("UPDATE") ? "update" : "nothing",
    sets: [],
    from: null,
    where: null,
    hasLimit: false,
  };
}

/** The parts of `CREATE [UNIQUE] INDEX`; null for any other statement. */
export function indexPartsOf(sql: string): IndexParts | null {
  const pieces = piecesOf(sql);
  const top = pieces.filter(({ depth }) => depth === 0);
  const on = top.findIndex(({ word }) => word === "ON");
  if (top[0]?.word !== "CREATE" || on < 0) return null;
  const reader = new Reader(sql, pieces, top.slice(on + 1));
  const table = reader.takeName();
  const terms = reader.takeList();
  if (table === null || terms === null) return null;
  return { table, terms: terms.map(withoutOrder), where: reader.clause("WHERE") };
}

/** The SELECT of `CREATE TABLE … AS SELECT`; null for a table that begins empty. */
export function copiedSelectOf(sql: string): string | null {
  const as = piecesOf(sql).find(({ word, depth }) => word === "AS" && depth === 0);
  return as === undefined ? null : sql.slice(as.end);
}

/** The table and the columns, `*` among them, of a SELECT that takes columns as they are; null for any other. */
export function plainSelectOf(
  sql: string,
): { readonly table: string; readonly columns: readonly string[] } | null {
  const pieces = piecesOf(sql);
  const from = pieces.findIndex(({ word, depth }) => word === "FROM" && depth === 0);
  const table = pieces[from + 1];
  const isJoined = pieces.slice(from + 2).some(({ word, depth }) => depth === 0 && JOINS.has(word));
  if (pieces[0]?.word !== "SELECT" || from < 0 || table === undefined || isJoined) return null;
  const items = pieces.slice(1, from).map(({ word, name }) => (name === "" ? word : name));
  const columns = items
    .join("\0")
    .split("\0,\0")
    .map((item) => item.split("\0"));
  // `a`, `t.a`, `a AS b`, `*`; the column is in front of AS and behind the point.
  const names = columns.map((item) => {
    const end = item.findIndex((word) => word.toUpperCase() === "AS");
    const bare = end < 0 ? item : item.slice(0, end);
    return bare.length === 1 ? bare[0] : bare.length === 3 && bare[1] === "." ? bare[2] : undefined;
  });
  const known = names.filter((name) => name !== undefined);
  return known.length === names.length ? { table: table.name, columns: known } : null;
}

const JOINS: ReadonlySet<string> = new Set([",", ".", "JOIN", "UNION", "EXCEPT", "INTERSECT"]);

/** The text in each `CHECK (…)` of a definition. */
export function checksOf(sql: string): string[] {
  const pieces = piecesOf(sql);
  return pieces.flatMap(({ word }, index) => {
    const open = pieces[index + 1];
    if (word !== "CHECK" || open?.word !== "(") return [];
    const close = pieces.findIndex(
      ({ word: other, depth }, at) => at > index + 1 && other === ")" && depth === open.depth,
    );
    return close < 0 ? [] : [sql.slice(open.end, pieces[close]?.start)];
  });
}

/** True when a SELECT behind the same WITH could take another relation for the table that is written. */
export function isTargetHidden({ prelude, table }: WriteParts): boolean {
  return prelude !== "" && namesIn(prelude).has(table.toLowerCase());
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
const VERBS: ReadonlySet<string> = new Set(["INSERT", "REPLACE", "UPDATE", "DELETE"]);
/** Where a clause of UPDATE or DELETE ends. */
const CLAUSES: ReadonlySet<string> = new Set([
  "FROM",
  "WHERE",
  "ORDER",
  "LIMIT",
  "RETURNING",
  "SET",
]);

/** Reads the outermost words from left to right; what stands in brackets is skipped over. */
class Reader {
  readonly #sql: string;
  readonly #all: readonly Piece[];
  readonly #top: readonly Piece[];
  #at = 0;

  constructor(sql: string, all: readonly Piece[], top: readonly Piece[]) {
    this.#sql = sql;
    this.#all = all;
    this.#top = top;
  }

  take(word: string): boolean {
    if (this.#top[this.#at]?.word !== word) return false;
    this.#at++;
    return true;
  }

  takeConflict(): string | null {
    return this.take("OR") ? (this.#top[this.#at++]?.word ?? null) : null;
  }

  /** A name; of `main.t` the second. */
  takeName(): string | null {
    const first = this.#top[this.#at++];
    if (first === undefined || first.name === "") return null;
    if (!this.take(".")) return first.name;
    return this.#top[this.#at++]?.name ?? null;
  }

  takeAlias(): string | null {
    if (this.take("AS")) return this.takeName();
    const next = this.#top[this.#at];
    const isName = next !== undefined && next.name !== "" && !CLAUSES.has(next.word);
    if (!isName || next.word === "INDEXED" || next.word === "NOT") return null;
    return this.takeName();
  }

  /** What is in the brackets that come next, divided at its commas; null when none come. */
  takeList(): string[] | null {
    if (!this.take("(")) return null;
    const open = this.#top[this.#at - 1] as Piece;
    const close = this.#top[this.#at++];
    return close === undefined ? null : this.#divided(open.end, close.start, 1);
  }

  has(word: string): boolean {
    return this.#top.some((piece) => piece.word === word);
  }

  /** The text from behind a word to the next clause. */
  clause(word: string): string | null {
    const at = this.#top.findIndex((piece) => piece.word === word);
    if (at < 0) return null;
    const end = this.#top.slice(at + 1).find((piece) => CLAUSES.has(piece.word));
    return this.#sql.slice(this.#top[at]?.end, end?.start);
  }

  assignments(): Assignment[] | null {
    const at = this.#top.findIndex(({ word }) => word === "SET");
    const set = this.#top[at];
    if (set === undefined) return null;
    const end = this.#top.slice(at + 1).find(({ word }) => CLAUSES.has(word));
    return this.#divided(set.end, end?.start ?? this.#sql.length, 0).map((text) => {
      const equals = piecesOf(text).find(({ word, depth }) => depth === 0 && word === "=");
      const left = text.slice(0, equals?.start ?? 0).trim();
      const names = left.startsWith("(") ? left.slice(1, -1).split(",") : [left];
      return {
        columns: names.map((name) => unquoted(name.trim())),
        value: text.slice(equals?.end ?? 0).trim(),
      };
    });
  }

  /** Where the first ON CONFLICT begins. */
  upsertAt(): number | null {
    const at = this.#top.findIndex(
      ({ word }, index) => word === "ON" && this.#top[index + 1]?.word === "CONFLICT",
    );
    return this.#top[at]?.start ?? null;
  }

  source(end: number | null): string | null {
    const first = this.#top[this.#at];
    if (first === undefined || !SOURCES.has(first.word)) return null;
    const returning = this.#top.find(({ word }) => word === "RETURNING")?.start;
    return this.#sql.slice(first.start, end ?? returning).trim();
  }

  #divided(start: number, end: number, depth: number): string[] {
    const commas = this.#all.filter(
      (piece) =>
        piece.word === "," && piece.depth === depth && piece.start >= start && piece.end <= end,
    );
    const starts = [start, ...commas.map((comma) => comma.end)];
    const ends = [...commas.map((comma) => comma.start), end];
    return starts.map((from, index) => this.#sql.slice(from, ends[index]).trim());
  }
}

const SOURCES: ReadonlySet<string> = new Set(["SELECT", "VALUES", "WITH"]);

function piecesOf(sql: string): Piece[] {
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
  if (kind === "identifier" || kind === "string") return { word: "", name: unquoted(text) };
  return { word: text, name: "" };
}

function unquoted(text: string): string {
  const quote = text.at(-1) ?? "";
  if (!/^["'`[]/.test(text)) return text;
  return text.slice(1, -1).replaceAll(quote + quote, quote);
}

function withoutOrder(term: string): string {
  const pieces = piecesOf(term).filter(({ depth }) => depth === 0);
  const end = pieces.find(({ word }, index) => index > 0 && ORDERS.has(word));
  return term.slice(0, end?.start).trim();
}

const ORDERS: ReadonlySet<string> = new Set(["ASC", "DESC", "COLLATE"]);
