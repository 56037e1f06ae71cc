/** The text of a table after a change: the old one with only that changed which was asked for. */
import { isSameSql } from "../../../migration/canonical-sql.ts";
import { nextToken } from "../../../migration/sql-scanner.ts";
import {
  type ColumnPart,
  type Constraint,
  type ConstraintPart,
  mentions,
  type Span,
  type TableDefinition,
  unquoteName,
} from "../../../migration/table-definition.ts";
import { quoteIdentifier } from "../quote.ts";
import { has, isSame, isSameList } from "./names.ts";
import { type ForeignKey, listOf, refuseChange, type ResolvedChange } from "./table-change.ts";

type Part = ColumnPart | ConstraintPart;

/** One part with what stands around it, so that all of them put together are the old text. */
interface Laid {
  readonly lead: string;
  text: string;
  readonly beforeComma: string;
  readonly afterComma: string;
}

interface Edit extends Span {
  readonly text: string;
}

/** The `CREATE TABLE` of the changed table under the name `newName`. */
export function newDefinition(
  table: string,
  definition: TableDefinition,
  change: ResolvedChange,
  newName: string,
): string {
  const { sql, name, open, close } = definition;
  const editor = new DefinitionEditor(table, definition, change, newName);
  const head = `${sql.slice(0, name.start)}${quoteIdentifier(newName)}${sql.slice(name.end, open)}`;
  return `${head}(${editor.body()})${optionsOf(definition, change, sql.slice(close + 1))}`;
}

class DefinitionEditor {
  readonly #table: string;
  readonly #definition: TableDefinition;
  readonly #change: ResolvedChange;
  readonly #newName: string;

  constructor(table: string, definition: TableDefinition, change: ResolvedChange, newName: string) {
    this.#table = table;
    this.#definition = definition;
    this.#change = change;
    this.#newName = newName;
  }

  body(): string {
    const { parts } = this.#definition;
    const [laid, closing] = layOut(this.#definition);
    const kept: Laid[] = [];
    let columnsEnd = 0;
    for (const [index, part] of parts.entries()) {
      const text = part.is === "column" ? this.#column(part) : this.#constraints(part);
      if (text === null) continue;
      kept.push({ ...(laid[index] as Laid), text });
      if (part.is === "column") columnsEnd = kept.length;
    }
    if (columnsEnd === 0)
      refuseChange(this.#table, "no column would be left", { expected: "one at least" });
    const isBroken = /[\r\n]/.test((laid[0] as Laid).lead);
    const indent = /[\r\n]([ \t]*)$/.exec((laid[0] as Laid).lead)?.[1] ?? "  ";
    const fresh = (text: string): Laid => ({
      lead: isBroken || laid.length === 0 ? `\n${indent}` : " ",
      text,
      beforeComma: "",
      afterComma: "",
    });
    kept.splice(columnsEnd, 0, ...this.#newColumns().map(fresh));
    kept.push(...this.#newConstraints().map(fresh));
    return assemble(kept, closing);
  }

  #column(part: ColumnPart): string | null {
    const change = this.#change;
    if (has(change.dropColumn, part.name)) return null;
    const edits: Edit[] = [];
    const type = change.setType.find(([column]) => isSame(column, part.name))?.[1];
    if (type !== undefined) {
      const span = part.type ?? { start: part.nameEnd, end: part.nameEnd };
      edits.push({ ...span, text: part.type === null && type !== "" ? ` ${type}` : type });
    }
    const typeEnd = part.type?.end ?? part.nameEnd;
    const added: string[] = [];
    if (
      has(change.setNotNull, part.name) &&
      part.constraints.every(({ kind }) => kind !== "not null")
    )
      added.push("NOT NULL");
    const value = change.setDefault.find(([column]) => isSame(column, part.name))?.[1];
    if (value !== undefined && value !== null) added.push(`DEFAULT ${defaultValue(value)}`);
    if (added.length > 0) edits.push({ start: typeEnd, end: typeEnd, text: ` ${added.join(" ")}` });
    for (const constraint of part.constraints) {
      if (this.#goes(constraint, part.name)) edits.push(this.#removal(constraint));
      else this.#refuseUseOfDropped(constraint);
    }
    return this.#rewritten(part, edits);
  }

  #constraints(part: ConstraintPart): string | null {
    const gone = part.constraints.filter((constraint) => this.#goes(constraint, null));
    if (gone.length === part.constraints.length) return null;
    for (const constraint of part.constraints)
      if (!gone.includes(constraint)) this.#refuseUseOfDropped(constraint);
    return this.#rewritten(
      part,
      gone.map((constraint) => this.#removal(constraint)),
    );
  }

  /** True when the change takes a constraint away; `column` is null for one of the table. */
  #goes({ kind, name, columns, inner }: Constraint, column: string | null): boolean {
    const change = this.#change;
    if (name !== null && has(change.dropConstraint, name)) return true;
    switch (kind) {
      case "primary key":
        return change.setPrimaryKey !== undefined;
      case "not null":
        return column !== null && has(change.dropNotNull, column);
      case "null":
        return column !== null && has(change.setNotNull, column);
      case "default":
        return column !== null && change.setDefault.some(([name_]) => isSame(name_, column));
      case "check":
        return change.dropCheck.some((sql) => isSameSql(sql, this.#inside(inner)));
      case "references":
        return change.dropForeignKey.some((key) => column !== null && isSameList(key, [column]));
      case "foreign key":
        return change.dropForeignKey.some((key) => isSameList(key, columns));
      default:
        return false;
    }
  }

  #newColumns(): string[] {
    return this.#change.addColumn.map(([name, sql]) => `${quoteIdentifier(name)} ${sql}`.trim());
  }

  #newConstraints(): string[] {
    const { setPrimaryKey, addCheck, addForeignKey } = this.#change;
    return [
      ...(setPrimaryKey === undefined || setPrimaryKey === null
        ? []
        : [`PRIMARY KEY (${list(setPrimaryKey)})`]),
      ...addCheck.map(([name, sql]) => `CONSTRAINT ${quoteIdentifier(name)} CHECK (${sql})`),
      ...addForeignKey.map(foreignKeyText),
    ];
  }

  /** The own text of a part with its edits; a CHECK that names its table must name the new one for now. */
  #rewritten(part: Part, edits: readonly Edit[]): string {
    const { sql } = this.#definition;
    const isGone = ({ start }: Span): boolean =>
      edits.some((edit) => start >= edit.start && start < edit.end);
    const renames = part.constraints
      .filter((constraint) => constraint.kind === "check" && constraint.inner !== null)
      .filter((constraint) => !isGone(constraint))
      .flatMap(({ inner }) => this.#qualifiers(inner as Span));
    const ordered = [...edits, ...renames].sort((a, b) => a.start - b.start || a.end - b.end);
    let text = "";
    let at = part.start;
    for (const edit of ordered) {
      text += sql.slice(at, edit.start) + edit.text;
      at = Math.max(at, edit.end);
    }
    return (text + sql.slice(at, part.end)).trimEnd();
  }

  #qualifiers({ start, end }: Span): Edit[] {
    const { sql, name } = this.#definition;
    const own = unquoteName(sql.slice(name.start, name.end));
    const edits: Edit[] = [];
    for (let token = nextToken(sql, start); token !== undefined && token.start < end;) {
      const next = nextToken(sql, token.end);
      const isQualifier =
        (token.kind === "word" || token.kind === "identifier") &&
        next !== undefined &&
        sql.slice(next.start, next.end) === "." &&
        isSame(unquoteName(sql.slice(token.start, token.end)), own);
      if (isQualifier)
        edits.push({ start: token.start, end: token.end, text: quoteIdentifier(this.#newName) });
      token = next;
    }
    return edits;
  }

  /** Takes the space before it too, when that is nothing but a space. */
  #removal({ start, end }: Constraint): Edit {
    const isSpaced = /[^\s][ \t]$/.test(this.#definition.sql.slice(0, start));
    return { start: isSpaced ? start - 1 : start, end, text: "" };
  }

  #inside(inner: Span | null): string | null {
    return inner === null ? null : this.#definition.sql.slice(inner.start + 1, inner.end - 1);
  }

  #refuseUseOfDropped({ kind, columns, start, end }: Constraint): void {
    // No default can use a column, and a collation may have the name of one.
    if (kind === "default" || kind === "collate") return;
    const { sql } = this.#definition;
    const column = this.#change.dropColumn.find(
      (dropped) => has(columns, dropped) || mentions(sql, dropped, { start, end }),
    );
    if (column === undefined) return;
    refuseChange(this.#table, `${column} is dropped but \`${sql.slice(start, end)}\` uses it`, {
      expected: "no constraint that uses a dropped column",
      hint: "Drop the constraint in the same change.",
    });
  }
}

/** Cuts the body at its commas; a comment behind a comma belongs to what stands before it on the line. */
function layOut({ sql, open, close, parts }: TableDefinition): [Laid[], string] {
  const laid: Laid[] = [];
  let leadStart = open + 1;
  for (const [index, part] of parts.entries()) {
    const lead = sql.slice(leadStart, part.start);
    const text = sql.slice(part.start, part.end);
    const next = parts[index + 1];
    if (next === undefined) {
      const gap = sql.slice(part.end, close);
      const cut = lineEnd(gap);
      laid.push({ lead, text, beforeComma: "", afterComma: gap.slice(0, cut) });
      return [laid, gap.slice(cut)];
    }
    const comma = nextComma(sql, part.end);
    const gap = sql.slice(comma + 1, next.start);
    const cut = lineEnd(gap);
    laid.push({
      lead,
      text,
      beforeComma: sql.slice(part.end, comma),
      afterComma: gap.slice(0, cut),
    });
    leadStart = comma + 1 + cut;
  }
  return [laid, ""];
}

/** Up to where a gap is the rest of its line; all in the next one when the line goes on with the next part. */
function lineEnd(gap: string): number {
  return Math.max(0, gap.search(/[\r\n]/));
}

function nextComma(sql: string, from: number): number {
  let token = nextToken(sql, from);
  while (token !== undefined && sql[token.start] !== ",") token = nextToken(sql, token.end);
  return token?.start ?? from;
}

function assemble(kept: readonly Laid[], closing: string): string {
  let body = "";
  let gap = "";
  for (const [index, { lead, text, beforeComma, afterComma }] of kept.entries()) {
    const comma = index === kept.length - 1 ? "" : ",";
    body += `${breakAfter(gap, lead)}${lead}${text}${beforeComma}${comma}${afterComma}`;
    gap = `${beforeComma}${comma}${afterComma}`;
  }
  return body + breakAfter(gap, closing) + closing;
}

/** A line comment must end before anything follows it. */
function breakAfter(gap: string, next: string): string {
  return /--[^\n]*$/.test(gap) && !/^[ \t\r]*\n/.test(next) ? "\n" : "";
}

function optionsOf(
  { isStrict, isWithoutRowid }: TableDefinition,
  change: ResolvedChange,
  written: string,
): string {
  const strict = change.strict ?? isStrict;
  const withoutRowid = change.withoutRowid ?? isWithoutRowid;
  if (strict === isStrict && withoutRowid === isWithoutRowid) return written;
  const options = [...(strict ? ["STRICT"] : []), ...(withoutRowid ? ["WITHOUT ROWID"] : [])];
  return options.length === 0 ? "" : ` ${options.join(", ")}`;
}

function foreignKeyText(key: ForeignKey): string {
  const { columns, references, to, onDelete, onUpdate, isDeferred, name } = key;
  return [
    ...(name === undefined ? [] : [`CONSTRAINT ${quoteIdentifier(name)}`]),
    `FOREIGN KEY (${list(listOf(columns))}) REFERENCES ${quoteIdentifier(references)}`,
    ...(to === undefined ? [] : [`(${list(listOf(to))})`]),
    ...(onDelete === undefined ? [] : [`ON DELETE ${onDelete}`]),
    ...(onUpdate === undefined ? [] : [`ON UPDATE ${onUpdate}`]),
    ...(isDeferred === true ? ["DEFERRABLE INITIALLY DEFERRED"] : []),
  ].join(" ");
}

/** A literal as it is; anything else must stand in brackets. */
function defaultValue(sql: string): string {
  const isLiteral =
    /^([+-]?\s*(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|[+-]?0[xX][\da-fA-F]+|[xX]?'([^']|'')*'|NULL|TRUE|FALSE|CURRENT_(TIME|DATE|TIMESTAMP))$/i.test(
      sql,
    );
  return isLiteral ? sql : `(${sql})`;
}

const list = (columns: readonly string[]): string => columns.map(quoteIdentifier).join(", ");
