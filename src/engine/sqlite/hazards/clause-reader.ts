/** Takes a statement apart into its clauses, each a piece of its text. */
import { unquoteName } from "../../../migration/table-definition.ts";
import { type Piece, piecesOf } from "./pieces.ts";

export interface Assignment {
  readonly columns: readonly string[];
  readonly value: string;
}

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
export class ClauseReader {
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
        columns: names.map((name) => unquoteName(name.trim())),
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
