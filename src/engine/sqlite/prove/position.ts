/** Where in the migrations an object was made. */
import type { SourcePosition } from "../../../errors.ts";
import type { Migration, MigrationBody } from "../../../migration/migration.ts";
import { positionIn, statementsOf } from "../../../migration/sql-body.ts";
import { scanTokens, type Statement } from "../../../migration/sql-scanner.ts";
import { unquoteName } from "../../../migration/table-definition.ts";
import { formatVersion, type Version } from "../../../migration/version.ts";

export interface Origin {
  readonly version: Version | null;
  readonly position: SourcePosition | null;
}

export const labelOf = ({ version, name }: Pick<Migration, "version" | "name">): string =>
  `${formatVersion(version)}_${name}`;

/**
 * The newest statement that creates or alters `object` and mentions `member` (a column), else the newest that
 * creates or alters it at all; nulls when only a function could have made it.
 */
export function originOf(
  migrations: readonly Migration[],
  object: string,
  member?: string,
): Origin {
  let fallback: Origin = { version: null, position: null };
  for (const migration of migrations.toReversed()) {
    const { up, version } = migration;
    if (up.kind !== "sql") continue;
    for (const statement of statementsOf(up).toReversed()) {
      const verb = statement.words[0];
      if (verb !== "CREATE" && verb !== "ALTER") continue;
      const names = namesIn(statement.text);
      const named = names.get(object.toLowerCase());
      if (named === undefined) continue;
      // A trigger or an index mentions tables that it does not make.
      if (verb === "CREATE" && createdName(statement.text) !== object.toLowerCase()) continue;
      if (member === undefined)
        return { version, position: positionIn(up, statement.start + named) };
      const offset = names.get(member.toLowerCase());
      if (offset !== undefined)
        return { version, position: positionIn(up, statement.start + offset) };
      if (fallback.version === null)
        fallback = { version, position: positionIn(up, statement.start + named) };
    }
  }
  return fallback;
}

/** True when a body has a DELETE that mentions the table; a function may do anything, so it counts as true. */
export function deletesFrom(body: MigrationBody, table: string): boolean {
  if (body.kind !== "sql") return true;
  return statementsOf(body).some(
    ({ words, text }) => words[0] === "DELETE" && namesIn(text).has(table.toLowerCase()),
  );
}

/** True when a body has a statement that says that values of the table change or go; a function may do anything. */
export function overwrites(body: MigrationBody, table: string): boolean {
  if (body.kind !== "sql") return true;
  return statementsOf(body).some(({ words, text }) => {
    const names = namesIn(text);
    if (!names.has(table.toLowerCase())) return false;
    if (words[0] === "ALTER") return names.has("drop");
    if (words[0] === "INSERT") return names.has("conflict") || names.has("replace");
    return words[0] === "UPDATE" || words[0] === "REPLACE" || words[0] === "WITH";
  });
}

export interface DifferingObject {
  readonly type: string;
  readonly name: string;
  /** True when it is there and should not be. */
  readonly isLeftBehind: boolean;
}

/** The object that a line of `diffSchemas` is about. */
export function objectOf(difference: string): DifferingObject {
  const [, type = "", name = "", verb = ""] =
    /^(\w+) (.+?) (is new|is gone|lost: |gained: )/s.exec(difference) ?? [];
  return { type, name, isLeftBehind: verb === "is new" };
}

/** The position at which a body begins, for what can be pinned to no statement. */
export function startOf(body: MigrationBody | null): SourcePosition | null {
  if (body?.kind !== "sql") return null;
  const first = statementsOf(body)[0];
  return first === undefined ? null : positionIn(body, first.start);
}

/**
 * The last statement of a body that creates, alters, drops or writes `object`; null when none does. A trigger or an
 * index on a table is about the table only when it has its name.
 */
export function statementAbout(body: MigrationBody | null, object: string): SourcePosition | null {
  return lastStatement(body, object, ({ words, text }) => {
    if (words[0] === "SELECT") return false;
    const isDependent = words[0] === "CREATE" && !words.slice(1, 4).includes("TABLE");
    return !isDependent || createdName(text) === object.toLowerCase();
  });
}

/** The last statement of a body that moves or changes rows and mentions the table; null when none does. */
export function writeAbout(body: MigrationBody | null, table: string): SourcePosition | null {
  return lastStatement(body, table, ({ words }) => ROW_VERBS.has(words[0] ?? ""));
}

const ROW_VERBS: ReadonlySet<string> = new Set(["INSERT", "UPDATE", "DELETE", "REPLACE", "WITH"]);

function lastStatement(
  body: MigrationBody | null,
  object: string,
  isWanted: (statement: Statement) => boolean,
): SourcePosition | null {
  if (body?.kind !== "sql") return null;
  for (const statement of statementsOf(body).toReversed()) {
    const at = namesIn(statement.text).get(object.toLowerCase());
    if (at !== undefined && isWanted(statement)) return positionIn(body, statement.start + at);
  }
  return null;
}

/** The last statement about `object`, or where the body begins. */
export function placeIn(body: MigrationBody | null, object: string): SourcePosition | null {
  return statementAbout(body, object) ?? startOf(body);
}

const CREATE_WORDS: ReadonlySet<string> = new Set(
  "CREATE TEMP TEMPORARY UNIQUE VIRTUAL TABLE INDEX VIEW TRIGGER IF NOT EXISTS".split(" "),
);

/** What a CREATE statement makes, in lower case and unquoted. */
function createdName(sql: string): string {
  let name = "";
  for (const { kind, start, end } of scanTokens(sql)) {
    const text = sql.slice(start, end);
    if (kind === "comment" || (kind === "word" && CREATE_WORDS.has(text.toUpperCase()))) continue;
    if (kind === "operator" && text === ".") continue;
    // `main.users` is two names, and the second one counts.
    if (kind !== "word" && kind !== "identifier") return name;
    const isQualified = name === "" || sql.slice(0, start).trimEnd().endsWith(".");
    if (!isQualified) return name;
    name = (kind === "word" ? text : unquoteName(text)).toLowerCase();
  }
  return name;
}

/** Every name of a statement, in lower case and unquoted, with the offset at which it stands first. */
export function namesIn(sql: string): Map<string, number> {
  const names = new Map<string, number>();
  for (const { kind, start, end } of scanTokens(sql)) {
    if (kind !== "word" && kind !== "identifier") continue;
    const text = sql.slice(start, end);
    const name = kind === "word" ? text : unquoteName(text);
    if (!names.has(name.toLowerCase())) names.set(name.toLowerCase(), start);
  }
  return names;
}
