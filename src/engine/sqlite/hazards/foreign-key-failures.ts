/** Rows that point at nothing when a step is done: found at its end, as the engine checks them. */
import { quoteIdentifier } from "../quote.ts";
import { type Bench, failing, type Finding } from "./finding.ts";
import { type ForeignKey, foreignKeysOf, type SchemaQuery } from "./table-rules.ts";

/**
 * Rows that break a key which the step adds.
 * @param unknown is told which keys could not be checked.
 */
export function foreignKeyFailuresOf(
  bench: Bench,
  table: string,
  unknown: (reason: string) => void,
): Finding[] {
  const { shadow, live, contents } = bench;
  if (contents.isEmpty(table)) return [];
  const known = new Set(live.foreignKeys(table).map(keyOf));
  return foreignKeysOf((sql, name) => shadow.all(sql, name), table)
    .filter((key) => !known.has(keyOf(key)))
    .flatMap((key) => {
      const orphans = orphansOf(bench, table, key);
      if (orphans === null)
        unknown(`whether every row of ${table} points at a row of ${key.parent}`);
      return orphans === null || orphans === 0
        ? []
        : [
            failing({ table }, orphans, {
              reason: `they point at no row of ${key.parent}`,
              wayOut: `Re-point or delete those rows of ${table} before they get the foreign key.`,
            }),
          ];
    });
}

/**
 * Rows whose parents the step takes away, by keys that neither let them go nor clear them: they stop it.
 * @param parents tables that lost rows, in lower case.
 */
export function strandedRowsOf(bench: Bench, parents: ReadonlySet<string>): Finding[] {
  const { shadow, live, contents } = bench;
  return live.names.flatMap((table) => {
    return (
      live
        .foreignKeys(table)
        .filter(({ parent, isHeld }) => isHeld && parents.has(parent.toLowerCase()))
        // Gone or emptied by the plan, they point at nothing any more.
        .filter(() => shadow.columns(table).length > 0 && !contents.isEmpty(table))
        .flatMap((key) => {
          const before = live.count(
            orphansSql(table, key, {
              all: (sql, name) => live.all(sql, name),
              isParentGone: false,
            }),
          );
          const after = orphansOf(bench, table, key);
          const count = (after ?? 0) - (before ?? 0);
          if (after === null || before === null || count <= 0) return [];
          const reason = `their rows of ${key.parent} are gone`;
          const wayOut = `Delete or re-point those rows of ${table} in the same migration.`;
          return [failing({ table }, count, { reason, wayOut })];
        })
    );
  });
}

function orphansOf({ shadow, contents }: Bench, table: string, key: ForeignKey): number | null {
  const isParentGone = shadow.columns(key.parent).length === 0;
  const sql = orphansSql(table, key, { all: (text, name) => shadow.all(text, name), isParentGone });
  const tables = isParentGone ? [table] : [table, key.parent];
  return sql === null
    ? null
    : contents.count(sql, [...new Set(tables.map((name) => name.toLowerCase()))]);
}

/** Null when the key does not fit its parent. */
function orphansSql(
  table: string,
  { columns, parent, parentColumns }: ForeignKey,
  { all, isParentGone }: { readonly all: SchemaQuery; readonly isParentGone: boolean },
): string | null {
  const child = columns.map((column) => `child.${quoteIdentifier(column)}`);
  const isSet = child.map((column) => `${column} IS NOT NULL`).join(" AND ");
  const rows = `SELECT 1 FROM ${quoteIdentifier(table)} AS child WHERE ${isSet}`;
  if (isParentGone) return rows;
  const primary = all("SELECT name FROM pragma_table_xinfo(?) WHERE pk > 0 ORDER BY pk", parent);
  const targets =
    parentColumns.length > 0 ? parentColumns : primary.map(({ name }) => String(name));
  if (targets.length !== columns.length) return null;
  const pairs = targets.map(
    (column, index) => `parent.${quoteIdentifier(column)} = ${String(child[index])}`,
  );
  return `${rows} AND NOT EXISTS (SELECT 1 FROM ${quoteIdentifier(parent)} AS parent WHERE ${pairs.join(" AND ")})`;
}

const keyOf = ({ columns, parent }: ForeignKey): string =>
  [parent, ...columns].join("\0").toLowerCase();
