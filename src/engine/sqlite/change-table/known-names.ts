/** Refuses a change that names what the table does not have, or has already. */
import { isSameSql } from "../../../migration/canonical-sql.ts";
import { nextToken } from "../../../migration/sql-scanner.ts";
import { mentions, type Span } from "../../../migration/table-definition.ts";
import { has, isSameList } from "./names.ts";
import { refuseChange, type ResolvedChange } from "./table-change.ts";
import type { TableFacts } from "./table-facts.ts";

/** @throws {MigrationError} TABLE_CHANGE_REFUSED with the names that there are. */
export function checkNames(facts: TableFacts, change: ResolvedChange): void {
  const columns = facts.columns.map(({ name }) => name);
  const kept = columns.filter((column) => !has(change.dropColumn, column));
  const after = [...kept, ...change.addColumn.map(([name]) => name)];
  const refuse = (observed: string, expected: string): never =>
    refuseChange(facts.name, observed, { expected });
  const known = (key: string, wanted: readonly string[], among: readonly string[]): void => {
    const missing = wanted.find((name) => !has(among, name));
    if (missing !== undefined)
      refuse(`${key} names ${missing}, which it has not`, `one of ${among.join(", ")}`);
  };
  const firsts = (list: readonly (readonly [string, unknown])[]): string[] =>
    list.map(([name]) => name);
  known("dropColumn", change.dropColumn, columns);
  for (const key of ["setType", "setDefault"] as const) known(key, firsts(change[key]), kept);
  for (const key of ["setNotNull", "dropNotNull"] as const) known(key, change[key], kept);
  known("copy", firsts(change.copy), after);
  known("setPrimaryKey", change.setPrimaryKey ?? [], after);
  for (const { columns: own } of change.addForeignKey)
    known("addForeignKey", typeof own === "string" ? [own] : own, after);
  const twice = firsts(change.addColumn).find((name) => has(kept, name));
  if (twice !== undefined) refuse(`it has a column ${twice} already`, "a new name");
  const both = change.setNotNull.find((name) => has(change.dropNotNull, name));
  if (both !== undefined) refuse(`${both} is both set and dropped`, "one of the two");
  checkConstraintNames(facts, change, refuse);
  refuseIndexesOnDropped(facts, change);
}

function checkConstraintNames(
  { definition, name }: TableFacts,
  change: ResolvedChange,
  refuse: (observed: string, expected: string) => never,
): void {
  const constraints = definition.parts.flatMap(({ constraints: own }) => own);
  const named = constraints.flatMap((one) => (one.name === null ? [] : [one.name]));
  const missing = change.dropConstraint.find((one) => !has(named, one));
  if (missing !== undefined)
    refuse(
      `it has no constraint ${missing}`,
      named.length === 0 ? "one with a name" : `one of ${named.join(", ")}`,
    );
  const twice = change.addCheck.find(
    ([one]) => has(named, one) && !has(change.dropConstraint, one),
  )?.[0];
  if (twice !== undefined) refuse(`it has a constraint ${twice} already`, "a new name");
  const checks = constraints.flatMap(({ kind, inner }) =>
    kind === "check" && inner !== null
      ? [definition.sql.slice(inner.start + 1, inner.end - 1)]
      : [],
  );
  const unmatched = change.dropCheck.find((sql) => !checks.some((check) => isSameSql(check, sql)));
  if (unmatched !== undefined)
    refuse(
      `it has no check \`${unmatched}\``,
      checks.length === 0 ? "one that it has" : `one of \`${checks.join("`, `")}\``,
    );
  const keys = foreignKeysOf(definition);
  const lost = change.dropForeignKey.find((key) => !keys.some((own) => isSameList(own, key)));
  if (lost !== undefined)
    refuse(`it has no foreign key over ${lost.join(", ")}`, "the columns of one that it has");
  if (change.setPrimaryKey === null && (change.withoutRowid ?? definition.isWithoutRowid))
    refuseChange(name, "a table WITHOUT ROWID would have no primary key", { expected: "one" });
}

function foreignKeysOf({ parts }: TableFacts["definition"]): (readonly string[])[] {
  return parts.flatMap((part) =>
    part.constraints.flatMap(({ kind, columns }) => {
      if (kind === "foreign key") return [columns];
      return kind === "references" && part.is === "column" ? [[part.name]] : [];
    }),
  );
}

function refuseIndexesOnDropped(
  { name, indexes }: TableFacts,
  { dropColumn }: ResolvedChange,
): void {
  for (const column of dropColumn) {
    const index = indexes.find(({ sql }) => mentions(sql, column, columnsOf(sql)));
    if (index === undefined) continue;
    refuseChange(name, `${column} is dropped but the index ${index.name} uses it`, {
      expected: "no index that uses a dropped column",
      hint: `Run \`DROP INDEX ${index.name}\` before the change.`,
    });
  }
}

/** From the bracket on in which an index names its columns. */
function columnsOf(sql: string): Span {
  let token = nextToken(sql, 0);
  while (token !== undefined && sql.slice(token.start, token.end) !== "(")
    token = nextToken(sql, token.end);
  return { start: token?.start ?? 0, end: sql.length };
}
