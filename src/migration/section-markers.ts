/** The comments that divide a migration file into sections: ours, goose's, and what only looks like one. */
import { MigrationError } from "../errors.ts";
import { dependenceIn, parseVersions } from "./dependencies.ts";
import { directiveIn } from "./directives.ts";
import { gooseAnnotation, GooseReader } from "./goose.ts";
import type { SqlBody } from "./migration.ts";
import { nextToken } from "./sql-scanner.ts";
import { positionIn, renderPosition, scanning } from "./sql-body.ts";

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

/** The markers of each tool whose files have both sections, for messages. */
export const MARKER_STYLES = {
  migrate: { up: "-- migrate:up", down: "-- migrate:down" },
  goose: { up: "-- +goose Up", down: "-- +goose Down" },
} as const;

export interface Marker {
  readonly style: keyof typeof MARKER_STYLES;
  readonly direction: "up" | "down";
  readonly start: number;
  /** Offset of the first character of the line after the marker. */
  readonly end: number;
  readonly isTransactional: boolean;
}

/**
 * Finds the markers of sections, in the order of the text; checks the other comments that mean something.
 * @throws {MigrationError} MIGRATION_SECTION_INVALID, MIGRATION_SQL_UNTERMINATED or MIGRATION_SQL_NUL.
 */
export function findMarkers(body: SqlBody): Marker[] {
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

/** @throws {MigrationError} MIGRATION_SECTION_INVALID. */
export function refuseSection(
  body: SqlBody,
  offset: number,
  observed: string,
  expected = "one `-- migrate:up` and at most one `-- migrate:down` after it",
): never {
  const position = positionIn(body, offset);
  throw new MigrationError(
    "MIGRATION_SECTION_INVALID",
    `Cannot read ${renderPosition(position)}: ${observed}, expected ${expected}`,
    { details: { position } },
  );
}
