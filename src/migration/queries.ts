/**
 * `queries.sql`: the hot queries of a schema, kept beside its migrations with the plans they expect.
 *
 * `-- query: NAME` begins one, `-- expect: LINE` lines hold its plan, then comes its one statement. Two more lines
 * may stand anywhere: `-- unused-index: INDEX: WHY` and `-- unindexed-key: TABLE (COLUMNS): WHY`.
 */
import { MigrationError } from "../errors.ts";
import type { SqlBody } from "./migration.ts";
import { positionIn, renderPosition, statementsOf } from "./sql-body.ts";
import { nextToken } from "./sql-scanner.ts";

/** What `expect` says of a statement that reads no table. */
export const NO_STEPS = "(no table is read)";

export interface HotQuery {
  readonly name: string;
  /** From 1: where `-- query:` stands. */
  readonly line: number;
  readonly sql: string;
  /** The plan's lines, indented by their depth; null when none is written down. */
  readonly expected: readonly string[] | null;
}

/** A finding that the author knows of and wants. */
export interface PlanException {
  readonly kind: "unused-index" | "unindexed-key";
  /** An index, or `table (column, column)`. */
  readonly object: string;
  readonly reason: string;
  readonly line: number;
}

export interface QueryFile {
  readonly file: string;
  readonly queries: readonly HotQuery[];
  readonly exceptions: readonly PlanException[];
}

const QUERY = /^--[ \t]*query[ \t]*:[ \t]*(.*?)[ \t\r]*$/i;
const EXPECT = /^--[ \t]*expect[ \t]*:[ \t]?(.*?)[ \t\r]*$/i;
const EXCEPTION = /^--[ \t]*(unused-index|unindexed-key)[ \t]*:[ \t]*(.*?)[ \t\r]*$/i;
/** Statements that have a plan, and that an application runs again and again. */
const VERBS: ReadonlySet<string> = new Set([
  "DELETE",
  "INSERT",
  "REPLACE",
  "SELECT",
  "UPDATE",
  "VALUES",
  "WITH",
]);

interface Heading {
  readonly name: string;
  readonly start: number;
  readonly expected: string[];
}

/**
 * Reads the text of a `queries.sql`.
 * @throws {MigrationError} QUERIES_INVALID with file, line and column.
 */
export function parseQueries(file: string, text: string): QueryFile {
  const body: SqlBody = { kind: "sql", sql: text, file, firstLine: 1 };
  const statements = statementsOf(body);
  const headings: Heading[] = [];
  const exceptions: PlanException[] = [];
  const hasStatementAfter = (heading: Heading, offset: number): boolean =>
    statements.some(({ start }) => start > heading.start && start < offset);
  for (let token = nextToken(text, 0); token; token = nextToken(text, token.end)) {
    if (token.kind !== "comment") continue;
    const comment = text.slice(token.start, token.end);
    const name = QUERY.exec(comment)?.[1];
    if (name !== undefined) {
      if (name === "") refuse(body, token.start, "a query has no name");
      if (headings.some((heading) => heading.name === name))
        refuse(body, token.start, `the name ${JSON.stringify(name)} is given twice`);
      headings.push({ name, start: token.start, expected: [] });
      continue;
    }
    const exception = readException(body, token.start, comment);
    if (exception !== null) exceptions.push(exception);
    const expected = EXPECT.exec(comment)?.[1];
    if (expected === undefined) continue;
    const heading = headings.at(-1);
    if (heading === undefined || hasStatementAfter(heading, token.start))
      refuse(body, token.start, "`expect` stands outside a query's heading");
    heading.expected.push(expected);
  }
  const [first] = statements;
  if (first !== undefined && first.start < (headings[0]?.start ?? Infinity))
    refuse(body, first.start, "a statement has no `-- query: NAME` before it");
  return { file, queries: headings.map((heading, index) => queryOf(heading, index)), exceptions };

  function queryOf({ name, start, expected }: Heading, index: number): HotQuery {
    const end = headings[index + 1]?.start ?? Infinity;
    const own = statements.filter((statement) => statement.start > start && statement.start < end);
    const [statement, surplus] = own;
    if (statement === undefined) refuse(body, start, "a query has no statement");
    if (surplus !== undefined) refuse(body, surplus.start, "a query has a second statement");
    if (!VERBS.has(statement.words[0] ?? ""))
      refuse(body, statement.start, `${statement.words[0] ?? "the statement"} has no plan`);
    const { line } = positionIn(body, start);
    return { name, line, sql: statement.text, expected: expected.length === 0 ? null : expected };
  }
}

function readException(body: SqlBody, offset: number, comment: string): PlanException | null {
  const [, kind = "", text = ""] = EXCEPTION.exec(comment) ?? [];
  if (kind === "") return null;
  const [object = "", ...reason] = text.split(":");
  if (object.trim() === "" || reason.join(":").trim() === "")
    refuse(body, offset, `\`${kind}\` needs an object, a colon and a reason`);
  return {
    kind: kind.toLowerCase() as PlanException["kind"],
    object: object.trim(),
    reason: reason.join(":").trim(),
    line: positionIn(body, offset).line,
  };
}

/** The same text with these plans as the expected ones, query by query; all else stays as it is. */
export function withExpectedPlans(
  text: string,
  plans: ReadonlyMap<string, readonly string[]>,
): string {
  const lineEnd = text.includes("\r\n") ? "\r\n" : "\n";
  let rewritten = "";
  let at = 0;
  let isReplacing = false;
  for (let token = nextToken(text, 0); token; token = nextToken(text, token.end)) {
    // The scanner leaves the line feed outside a comment.
    const end = Math.min(token.end + 1, text.length);
    const comment = token.kind === "comment" ? text.slice(token.start, token.end) : "";
    const name = QUERY.exec(comment)?.[1];
    const plan = name === undefined ? undefined : plans.get(name);
    if (name !== undefined) isReplacing = plan !== undefined;
    if (plan !== undefined) {
      const lines = plan.map((line) => `-- expect: ${line}${lineEnd}`).join("");
      rewritten += `${text.slice(at, end)}${text[end - 1] === "\n" ? "" : lineEnd}${lines}`;
      at = end;
    } else if (isReplacing && EXPECT.test(comment)) {
      const start = text.lastIndexOf("\n", token.start - 1) + 1;
      rewritten += text.slice(at, start);
      at = end;
    }
  }
  return rewritten + text.slice(at);
}

function refuse(body: SqlBody, offset: number, observed: string): never {
  const position = positionIn(body, offset);
  throw new MigrationError(
    "QUERIES_INVALID",
    `Cannot read ${renderPosition(position)}: ${observed}, expected \`-- query: NAME\`, \`-- expect:\` lines and one statement`,
    { details: { position } },
  );
}
