/** The text of a migration file, split into its up and down sections. */
import { MigrationError, type SourcePosition } from "../errors.ts";
import { canonicalSql } from "./canonical-sql.ts";
import { type Dependent, dependenceIn, dependenciesIn, parseVersions } from "./dependencies.ts";
import { directiveIn } from "./directives.ts";
import { gooseAnnotation, GooseReader } from "./goose.ts";
import { locate, nextToken, ScanError, splitStatements, type Statement } from "./sql-scanner.ts";
import type { SqlBody } from "./migration.ts";

export interface ParsedSqlFile extends Dependent {
  readonly up: SqlBody;
  readonly down: SqlBody | null;
  readonly description: string;
  /** False for plain SQL: everything is up, and it can't be undone. */
  readonly hasSections: boolean;
}

const BYTE_ORDER_MARK = 0xfeff;
/** `migrate:up` and anything a slip of the finger makes of it. */
const MARKER = /^--[ \t]*migrate[ \t]*:[ \t]*(\S*)[ \t]*(.*?)[ \t\r]*$/i;
/** Sections of other tools: read as plain SQL, their down would run right after their up. */
const FOREIGN_MARKER = /^--[ \t]*(\+migrate|rambler|\/\/[ \t]*@undo)\b/i;
/**
 * A comment that says nothing but a misspelt marker (`migrate down`, `migration: up`, `mirgate:down`) or
 * another tool's heading (`Up`, `Down Migration`, `==== DOWN ====`). Taken for a remark, it would leave the
 * down's statements inside the up.
 */
const MISSPELT_MARKER =
  /^(?:--|\/\*)[\s=*#+!@~-]*(?:migrat\w*[\s:;=.,_/-]*|\w{2,}\s*[:;]\s*)?(?:ups?|downs?)(?:\s+migrations?)?[\s:;=*#!@~./-]*$/i;
const DESCRIPTION = /^--[ \t]*Description:[ \t]*(.+?)[ \t\r]*$/im;

/**
 * Parses one `.sql` file that may have `-- migrate:up` and `-- migrate:down` sections, or goose's.
 * @throws {MigrationError} MIGRATION_SECTION_INVALID, MIGRATION_SQL_UNTERMINATED, MIGRATION_SQL_NUL,
 *   MIGRATION_TRANSACTION_CONTROL or MIGRATION_STATEMENT_FORBIDDEN, with file, line and column.
 */
export function parseSqlFile(file: string, content: string): ParsedSqlFile {
  const text = stripByteOrderMark(content);
  const whole: SqlBody = { kind: "sql", sql: text, file, firstLine: 1 };
  const markers = findMarkers(whole);
  const description = DESCRIPTION.exec(text)?.[1] ?? "";
  const up = markers[0];
  if (up === undefined) {
    const plain = storedBody(file, text);
    checkBody(plain);
    return {
      up: plain,
      down: null,
      description,
      hasSections: false,
      ...dependenciesIn(whole),
    };
  }
  if (up.direction !== "up")
    refuseSection(whole, up.start, `the down section comes before any \`${STYLES[up.style].up}\``);
  const [, down, surplus] = markers;
  if (down !== undefined && down.direction === "up")
    refuseSection(whole, down.start, `\`${STYLES[down.style].up}\` appears twice`);
  if (surplus !== undefined) {
    const marker = STYLES[surplus.style][surplus.direction];
    refuseSection(whole, surplus.start, `\`${marker}\` appears twice`);
  }
  if (down !== undefined && down.style !== up.style)
    refuseSection(whole, down.start, "it has the markers of two tools");
  const before: SqlBody = { ...whole, sql: text.slice(0, up.start) };
  const stray = statementsOf(before)[0];
  if (stray !== undefined)
    refuseSection(whole, stray.start, `a statement stands before \`${STYLES[up.style].up}\``);
  const upBody = section(whole, up, down?.start ?? text.length);
  checkBody(upBody);
  const dependent = dependenciesIn({ ...whole, sql: text.slice(0, down?.start) });
  const parsed = { up: upBody, description, hasSections: true, ...dependent };
  if (down === undefined) return { ...parsed, down: null };
  const downBody = section(whole, down, text.length);
  checkBody(downBody);
  // A down section with nothing but comments is a statement of intent, not a way back.
  const isEmpty = statementsOf(downBody).length === 0;
  return { ...parsed, down: isEmpty ? null : downBody };
}

/**
 * Parses one half of a `.up.sql` / `.down.sql` pair, in which section markers have no place.
 * @param runsInTransaction false when something beside the text says so, as Diesel's `metadata.toml` does.
 * @throws {MigrationError} as `parseSqlFile`.
 */
export function parseSqlHalf(
  file: string,
  content: string,
  runsInTransaction = true,
): Dependent & { readonly body: SqlBody; readonly description: string } {
  const text = stripByteOrderMark(content);
  const body: SqlBody = { kind: "sql", sql: text, file, firstLine: 1 };
  const [marker, surplus] = findMarkers(body);
  if (marker !== undefined) {
    const stray = statementsOf({ ...body, sql: text.slice(0, marker.start) })[0];
    const isOption = marker.style === "migrate" && !marker.isTransactional;
    if (!isOption || surplus !== undefined || stray !== undefined)
      refuseSection(body, marker.start, "a section marker stands in one half of a pair");
  }
  if (!runsInTransaction) {
    refuseSection(
      body,
      0,
      "`transaction:false` is said beside the text, where no ledger keeps it",
      "`-- no-transaction` as its first words instead",
    );
  }
  const read = storedBody(file, text);
  checkBody(read);
  return {
    body: read,
    description: DESCRIPTION.exec(text)?.[1] ?? "",
    ...dependenciesIn(read),
  };
}

/** The body of a text from a ledger; its first comments say whether it runs in a transaction. */
export function storedBody(file: string, sql: string): SqlBody {
  const body: SqlBody = { kind: "sql", sql, file, firstLine: 1 };
  const isFree = scanning(body, () => {
    let token = nextToken(sql, 0);
    while (token?.kind === "comment") {
      if (WITHOUT_TRANSACTION.test(sql.slice(token.start, token.end))) return true;
      token = nextToken(sql, token.end);
    }
    return false;
  });
  return isFree ? { ...body, isTransactional: false } : body;
}

/** Ours and dbmate's, goose's annotation, and the first words of a sqlx migration. */
const WITHOUT_TRANSACTION =
  /^--(?:[ \t]*migrate[ \t]*:[ \t]*(?:up|down)[ \t]+transaction:false[ \t\r]*$|[ \t]*\+goose[ \t]+NO[ \t]+TRANSACTION[ \t\r]*$| no-transaction)/i;
/** What heads a section of goose's, whose own annotation may stand anywhere. */
const GOOSE_NO_TRANSACTION = "-- +goose NO TRANSACTION\n";

/**
 * True for a statement that does nothing inside a transaction, or fails there: VACUUM and pragmas that change how
 * the file is built. All of them may be repeated.
 */
export function runsAlone(statement: Statement): boolean {
  const verb = statement.words[0];
  return verb === "VACUUM" || (verb === "PRAGMA" && ALONE_PRAGMAS.has(pragmaOf(statement) ?? ""));
}

/** The name of the pragma that a statement sets, in lower case; undefined for one that only reads. */
export function pragmaOf(statement: Statement): string | undefined {
  // Canonical, because `PRAGMA/**/"user_version"` means the same.
  return PRAGMA_WITH_VALUE.exec(canonicalSql(statement.text))?.[1]?.toLowerCase();
}

/** A body never changes, and is asked for its statements when it is checked and again when it runs. */
const KNOWN_STATEMENTS = new WeakMap<SqlBody, readonly Statement[]>();

/**
 * Splits a body into statements, with scanner problems turned into positions.
 * @throws {MigrationError} MIGRATION_SQL_UNTERMINATED or MIGRATION_SQL_NUL.
 */
export function statementsOf(body: SqlBody): readonly Statement[] {
  const known = KNOWN_STATEMENTS.get(body);
  if (known !== undefined) return known;
  const statements = scanning(body, () => splitStatements(body.sql));
  KNOWN_STATEMENTS.set(body, statements);
  return statements;
}

/** The position of a UTF-16 offset inside `body.sql`, counted in its file. */
export function positionIn(body: SqlBody, offset: number): SourcePosition {
  const at = locate(body.sql, offset);
  return {
    file: body.file,
    line: body.firstLine + at.line - 1,
    column: at.column,
    sourceLine: at.sourceLine,
  };
}

/**
 * Refuses what would end or escape the transaction a migration runs in.
 * @throws {MigrationError} MIGRATION_TRANSACTION_CONTROL or MIGRATION_STATEMENT_FORBIDDEN.
 */
export function checkStatement(body: SqlBody, statement: Statement): void {
  const verb = statement.words[0] ?? "";
  if (TRANSACTION_VERBS.has(verb)) {
    throw refusal("MIGRATION_TRANSACTION_CONTROL", body, statement, `it says ${verb}`);
  }
  const isFree = body.isTransactional === false;
  if (FORBIDDEN_VERBS.has(verb) && !(isFree && isPlainVacuum(statement))) {
    throw refusal("MIGRATION_STATEMENT_FORBIDDEN", body, statement, `it says ${verb}`);
  }
  if (verb !== "PRAGMA") return;
  const pragma = pragmaOf(statement);
  if (pragma === undefined || ALLOWED_PRAGMAS.has(pragma)) return;
  if (isFree && ALONE_PRAGMAS.has(pragma)) return;
  throw refusal("MIGRATION_STATEMENT_FORBIDDEN", body, statement, `it sets PRAGMA ${pragma}`);
}

/** `VACUUM INTO` would write another file. */
function isPlainVacuum({ words, text }: Statement): boolean {
  return words[0] === "VACUUM" && !/\bINTO\b/i.test(canonicalSql(text));
}

const TRANSACTION_VERBS: ReadonlySet<string> = new Set([
  "BEGIN",
  "COMMIT",
  "END",
  "ROLLBACK",
  "SAVEPOINT",
  "RELEASE",
]);
const FORBIDDEN_VERBS: ReadonlySet<string> = new Set(["ATTACH", "DETACH", "VACUUM"]);
/** A pragma with a value or an argument; reading one is always fine. */
const PRAGMA_WITH_VALUE = /^PRAGMA (?:\S+ \. )?["'`[]?(\w+)["'`\]]? [=(]/i;
/**
 * All others are refused: they stay on the connection after the migration, change what later statements mean
 * depending on which migrations ran together, or write into the file's header, which belongs to the ledger.
 */
const ALLOWED_PRAGMAS: ReadonlySet<string> = new Set([
  // Without effect inside a transaction; the driver has them as a migration needs them.
  "foreign_keys",
  "defer_foreign_keys",
  // Undone with the transaction, and the mark of whoever owns the file.
  "application_id",
  // They only look.
  "foreign_key_check",
  "foreign_key_list",
  "index_info",
  "index_list",
  "index_xinfo",
  "integrity_check",
  "quick_check",
  "table_info",
  "table_list",
  "table_xinfo",
]);

/** Allowed where there is no transaction: they change the file, not what later statements mean. */
const ALONE_PRAGMAS: ReadonlySet<string> = new Set([
  "auto_vacuum",
  "incremental_vacuum",
  "journal_mode",
  "optimize",
  "page_size",
  "wal_checkpoint",
]);

/**
 * Checks every statement of a body; for texts that come from a ledger, which anybody may have written.
 * @throws {MigrationError} as `statementsOf` and `checkStatement`.
 */
export function checkBody(body: SqlBody): void {
  for (const statement of statementsOf(body)) checkStatement(body, statement);
}

/** The markers of each tool whose files have both sections, for messages. */
const STYLES = {
  migrate: { up: "-- migrate:up", down: "-- migrate:down" },
  goose: { up: "-- +goose Up", down: "-- +goose Down" },
} as const;

interface Marker {
  readonly style: keyof typeof STYLES;
  readonly direction: "up" | "down";
  readonly start: number;
  /** Offset of the first character of the line after the marker. */
  readonly end: number;
  readonly isTransactional: boolean;
}

function findMarkers(body: SqlBody): Marker[] {
  const text = body.sql;
  // A marker is a comment; what else may be wrong with the text is found when it is split.
  if (!text.includes("--") && !text.includes("/*")) return [];
  return scanning(body, () => {
    const markers: Marker[] = [];
    const goose = new GooseReader();
    const limits: number[] = [];
    let isGooseFree = false;
    for (let token = nextToken(text, 0); token !== undefined; token = nextToken(text, token.end)) {
      if (token.kind !== "comment") continue;
      const comment = text.slice(token.start, token.end);
      if (text[token.start] === "-") refuseLoneReturn(body, token.start, comment);
      const directive = directiveIn(comment);
      if (directive !== null) {
        if (directive.problem !== null) refuseSection(body, token.start, directive.problem);
        if (directive.kind === "touches") limits.push(token.start);
        continue;
      }
      const foreign = FOREIGN_MARKER.exec(comment);
      if (foreign !== null)
        refuseSection(body, token.start, `it has a \`${foreign[1]}\` annotation of another tool`);
      const end = Math.min(token.end + 1, text.length);
      const annotation = gooseAnnotation(comment);
      if (annotation !== null) {
        checkGoose(body, token.start, goose.take(annotation, token.start));
        isGooseFree ||= annotation === "no-transaction";
        if (annotation === "up" || annotation === "down")
          markers.push({
            style: "goose",
            direction: annotation,
            start: token.start,
            end,
            isTransactional: true,
          });
        continue;
      }
      const marker = MARKER.exec(comment);
      if (marker === null) {
        if (MISSPELT_MARKER.test(comment))
          refuseSection(body, token.start, `\`${comment.trim()}\` looks like a misspelt marker`);
        continue;
      }
      if (isDependence(body, token.start, comment)) {
        if (markers.at(-1)?.direction === "down") refuseDependence(body, token.start);
        continue;
      }
      const direction = marker[1];
      if (direction !== "up" && direction !== "down") {
        refuseSection(body, token.start, `\`migrate:${direction}\` is neither up nor down`);
      }
      const option = marker[2]?.toLowerCase() ?? "";
      if (option !== "" && option !== "transaction:false" && option !== "transaction:true")
        refuseOption(body, token.start, marker[2] ?? "");
      if (!isAloneOnLine(text, token.start))
        refuseSection(body, token.start, "a marker stands behind a statement on the same line");
      markers.push({
        style: "migrate",
        direction,
        start: token.start,
        end,
        isTransactional: option !== "transaction:false",
      });
    }
    if (goose.openStatement !== null)
      refuseGoose(body, goose.openStatement, "the statement begun here is never ended");
    // It would limit neither section, in silence.
    const stray = limits.find((start) => start < (markers[0]?.start ?? 0));
    if (stray !== undefined)
      refuseSection(body, stray, "`migrate:touches` stands before `-- migrate:up`");
    // It holds for the whole file.
    if (isGooseFree) return markers.map((marker) => ({ ...marker, isTransactional: false }));
    return markers;
  });
}

/** goose looks for its annotations at the start of a line only: what it would not see is not taken for one. */
function checkGoose(body: SqlBody, offset: number, wrong: string | null): void {
  if (offset > 0 && body.sql[offset - 1] !== "\n")
    refuseGoose(body, offset, "the annotation does not stand at the start of its line");
  if (wrong !== null) refuseGoose(body, offset, wrong);
}

function refuseOption(body: SqlBody, offset: number, option: string): never {
  refuseSection(body, offset, `the option \`${option}\` is not known`);
}

function refuseGoose(body: SqlBody, offset: number, observed: string): never {
  refuseSection(body, offset, observed, "annotations that goose would read the same way");
}

/** True for `-- migrate:depends VERSION`; what names no version would be a dependency on nothing. */
function isDependence(body: SqlBody, offset: number, comment: string): boolean {
  const text = dependenceIn(comment);
  if (text === null) return false;
  const { versions, unknown } = parseVersions(text);
  if (unknown === null && versions.length > 0) return true;
  const observed = unknown === null ? "no version" : JSON.stringify(unknown);
  return refuseSection(body, offset, `\`migrate:depends\` names ${observed}`);
}

/** A rollback goes by the ledger and by order alone. */
export function refuseDependence(body: SqlBody, offset: number): never {
  refuseSection(body, offset, "`migrate:depends` stands in a down section");
}

/** SQLite ends a comment at LF only: in a file with bare CRs, all that follows a `--` would not run. */
function refuseLoneReturn(body: SqlBody, offset: number, comment: string): void {
  const at = comment.search(/\r./);
  if (at < 0) return;
  refuseSection(
    body,
    offset + at,
    "a carriage return without a line feed hides what follows a comment",
  );
}

function isAloneOnLine(text: string, offset: number): boolean {
  const lineStart = text.lastIndexOf("\n", offset - 1) + 1;
  return offset === 0 || text.slice(lineStart, offset).trim() === "";
}

/** What follows a marker; that it is to run without a transaction is part of the text, so that the ledger has it too. */
function section(whole: SqlBody, marker: Marker, end: number): SqlBody {
  const { style, isTransactional } = marker;
  const start = isTransactional || style === "goose" ? marker.end : marker.start;
  const firstLine = locate(whole.sql, start).line;
  const body: SqlBody = { ...whole, sql: whole.sql.slice(start, end), firstLine };
  if (isTransactional) return body;
  if (style === "migrate") return { ...body, isTransactional };
  return {
    ...body,
    sql: GOOSE_NO_TRANSACTION + body.sql,
    firstLine: firstLine - 1,
    isTransactional,
  };
}

function stripByteOrderMark(content: string): string {
  return content.charCodeAt(0) === BYTE_ORDER_MARK ? content.slice(1) : content;
}

function scanning<T>(body: SqlBody, scan: () => T): T {
  try {
    return scan();
  } catch (error) {
    if (!(error instanceof ScanError)) throw error;
    const position = positionIn(body, error.scan.offset);
    const code = error.scan.problem === "nul" ? "MIGRATION_SQL_NUL" : "MIGRATION_SQL_UNTERMINATED";
    const observed =
      error.scan.problem === "nul" ? "a NUL byte" : `an unterminated ${error.scan.what}`;
    throw new MigrationError(
      code,
      `Cannot read ${where(position)}: ${observed}, expected complete SQL`,
      {
        details: { position },
      },
    );
  }
}

function refuseSection(
  body: SqlBody,
  offset: number,
  observed: string,
  expected = "one `-- migrate:up` and at most one `-- migrate:down` after it",
): never {
  const position = positionIn(body, offset);
  throw new MigrationError(
    "MIGRATION_SECTION_INVALID",
    `Cannot read ${where(position)}: ${observed}, expected ${expected}`,
    { details: { position } },
  );
}

function refusal(
  code: "MIGRATION_TRANSACTION_CONTROL" | "MIGRATION_STATEMENT_FORBIDDEN",
  body: SqlBody,
  statement: Statement,
  observed: string,
): MigrationError {
  const position = positionIn(body, statement.start);
  return new MigrationError(
    code,
    `Cannot use the statement at ${where(position)}: ${observed}, expected only statements that stay inside the migration's own transaction`,
    { details: { position } },
  );
}

function where(position: SourcePosition): string {
  return `${position.file}:${position.line}:${position.column}`;
}
