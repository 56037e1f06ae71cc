/** Foreign keys that a step adds and that rows break: found at its end, as the engine checks them. */
import { quoteIdentifier } from "../quote.ts";
import { type Bench, failing, type Finding } from "./finding.ts";
import { type ForeignKey, foreignKeysOf } from "./table-rules.ts";

/** @param unknown is told which keys could not be checked. */
export function foreignKeyFailuresOf(
  bench: Bench,
  table: string,
  unknown: (reason: string) => void,
): Finding[] {
  const { shadow, live, contents } = bench;
  if (contents.isEmpty(table)) return [];
  const known = new Set(foreignKeysOf((sql, name) => live.all(sql, name), table).map(keyOf));
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

function orphansOf({ shadow, contents }: Bench, table: string, key: ForeignKey): number | null {
  const { columns, parent } = key;
  const parents =
    key.parentColumns.length > 0
      ? key.parentColumns
      : shadow
          .columns(parent)
          .filter(({ isPrimaryKey }) => isPrimaryKey)
          .map(({ name }) => name);
  if (parents.length !== columns.length) return null;
  const child = columns.map((column) => `child.${quoteIdentifier(column)}`);
  const pairs = parents.map(
    (column, index) => `parent.${quoteIdentifier(column)} = ${String(child[index])}`,
  );
  return contents.count(
    `SELECT 1 FROM ${quoteIdentifier(table)} AS child
     WHERE ${child.map((column) => `${column} IS NOT NULL`).join(" AND ")}
       AND NOT EXISTS (SELECT 1 FROM ${quoteIdentifier(parent)} AS parent WHERE ${pairs.join(" AND ")})`,
    [...new Set([table.toLowerCase(), parent.toLowerCase()])],
  );
}

const keyOf = ({ columns, parent }: ForeignKey): string =>
  [parent, ...columns].join("\0").toLowerCase();
