/** The text of a migration file, split into its up and down sections. */
import { type Dependent, dependenciesIn } from "./dependencies.ts";
import type { SqlBody } from "./migration.ts";
import { findMarkers, type Marker, MARKER_STYLES, refuseSection } from "./section-markers.ts";
import { statementsOf, storedBody } from "./sql-body.ts";
import { locate } from "./sql-scanner.ts";
import { checkBody } from "./statement-rules.ts";

export interface ParsedSqlFile extends Dependent {
  readonly up: SqlBody;
  readonly down: SqlBody | null;
  readonly description: string;
  /** False for plain SQL: everything is up, and it can't be undone. */
  readonly hasSections: boolean;
}

const BYTE_ORDER_MARK = 0xfeff;

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
    refuseSection(
      whole,
      up.start,
      `the down section comes before any \`${MARKER_STYLES[up.style].up}\``,
    );
  const [, down, surplus] = markers;
  if (down !== undefined && down.direction === "up")
    refuseSection(whole, down.start, `\`${MARKER_STYLES[down.style].up}\` appears twice`);
  if (surplus !== undefined) {
    const marker = MARKER_STYLES[surplus.style][surplus.direction];
    refuseSection(whole, surplus.start, `\`${marker}\` appears twice`);
  }
  if (down !== undefined && down.style !== up.style)
    refuseSection(whole, down.start, "it has the markers of two tools");
  const before: SqlBody = { ...whole, sql: text.slice(0, up.start) };
  const stray = statementsOf(before)[0];
  if (stray !== undefined)
    refuseSection(
      whole,
      stray.start,
      `a statement stands before \`${MARKER_STYLES[up.style].up}\``,
    );
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

/** What heads a section of goose's, whose own annotation may stand anywhere. */
const GOOSE_NO_TRANSACTION = "-- +goose NO TRANSACTION\n";

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
