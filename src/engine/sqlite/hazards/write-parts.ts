/** The clauses of INSERT, UPDATE and DELETE, as pieces of text that can be put into other statements. */
import { unquoteName } from "../../../migration/table-definition.ts";
import { type Assignment, ClauseReader } from "./clause-reader.ts";
import { namesIn, piecesOf } from "./pieces.ts";

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

/** Null for anything that does not look like one of the three. */
export function writePartsOf(sql: string): WriteParts | null {
  const pieces = piecesOf(sql);
  const top = pieces.filter(({ depth }) => depth === 0);
  const verbAt = top.findIndex(({ word }) => VERBS.has(word));
  const verb = top[verbAt];
  if (verb === undefined || (verbAt > 0 && top[0]?.word !== "WITH")) return null;
  const rest = top.slice(verbAt + 1);
  const reader = new ClauseReader(sql, pieces, rest);
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
  reader: ClauseReader,
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
    columns: columns?.map(unquoteName) ?? null,
    source: reader.source(upsertAt),
    upsert: upsertAt === null ? null : reader.has("UPDATE") ? "update" : "nothing",
    sets: [],
    from: null,
    where: null,
    hasLimit: false,
  };
}

/** True when a SELECT behind the same WITH could take another relation for the table that is written. */
export function isTargetHidden({ prelude, table }: WriteParts): boolean {
  return prelude !== "" && namesIn(prelude).has(table.toLowerCase());
}

const VERBS: ReadonlySet<string> = new Set(["INSERT", "REPLACE", "UPDATE", "DELETE"]);
