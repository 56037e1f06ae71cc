/** Cascades that a person allowed: foreign keys are off while a migration runs, so the engine does them itself. */
import type { Connection } from "./connection.ts";
import {
  type ForeignKeyViolation,
  newViolations,
  readViolations,
  type ViolationBaseline,
} from "./foreign-keys.ts";
import { quoteIdentifier } from "./quote.ts";

/**
 * Does what ON DELETE would have done with foreign keys on, in the tables named and nowhere else: rows that came to
 * point at nothing go, or point at NULL or at their default instead; then those that pointed at rows that went,
 * until nothing is left to do. Rows that were orphans before stay as they are, and so do rows that no key lets go:
 * the check that follows has the words for those. Rows of a WITHOUT ROWID table have no number to find them by;
 * they are carried along when the table had no orphans before.
 */
export function carryOutCascades(
  connection: Connection,
  tables: readonly string[],
  baseline: ViolationBaseline,
): void {
  const names = new Set(tables.map((table) => table.toLowerCase()));
  const done = new Set<string>();
  for (;;) {
    const orphans = newViolations(readViolations(connection), baseline).filter(
      ({ table, key }) => key !== null && names.has(table.toLowerCase()),
    );
    let changed = 0;
    for (const orphan of orphans) {
      // A default may point at nothing too: once is enough.
      const id = `${orphan.table}\0${String(orphan.rowid)}\0${String(orphan.key)}`;
      if (done.has(id)) continue;
      done.add(id);
      changed += letGo(connection, orphan, baseline);
    }
    connection.forgetStatements();
    if (changed === 0) return;
  }
}

interface Key {
  readonly columns: readonly string[];
  readonly onDelete: string;
}

/** The number of rows that were changed; 0 when the key has no answer to a lost parent. */
function letGo(
  connection: Connection,
  { table, rowid, parent, key }: ForeignKeyViolation,
  baseline: ViolationBaseline,
): number {
  const { columns, onDelete } = keyOf(connection, table, key);
  const action = actionOf(connection, table, { columns, onDelete });
  if (action === null) return 0;
  const what = `carry out ON DELETE ${onDelete} in ${table}`;
  if (rowid !== null)
    return connection.prepare(`${action} WHERE rowid = ?`, what).run(rowid).changes;
  const hadOrphans = [...baseline.keys()].some((known) => known.startsWith(`${table}\0`));
  const orphaned = hadOrphans ? null : orphanedSql(connection, table, { parent, key, columns });
  return orphaned === null
    ? 0
    : connection.prepare(`${action} WHERE ${orphaned}`, what).run().changes;
}

function actionOf(
  connection: Connection,
  table: string,
  { columns, onDelete }: Key,
): string | null {
  const name = quoteIdentifier(table);
  if (onDelete === "CASCADE") return `DELETE FROM ${name}`;
  if (onDelete !== "SET NULL" && onDelete !== "SET DEFAULT") return null;
  const defaults = new Map(
    connection
      .prepare("SELECT name, dflt_value FROM pragma_table_xinfo(?)", "read the schema")
      .values(table)
      .map(([column, value]) => [column, value]),
  );
  const sets = columns.map((column) => {
    const value = onDelete === "SET NULL" ? null : (defaults.get(column) ?? null);
    return `${quoteIdentifier(column)} = ${value === null ? "NULL" : `(${String(value)})`}`;
  });
  return `UPDATE ${name} SET ${sets.join(", ")}`;
}

function keyOf(connection: Connection, table: string, key: number | null): Key {
  const rows = connection
    .prepare(
      'SELECT "from", on_delete FROM pragma_foreign_key_list(?) WHERE id = ? ORDER BY seq',
      "read foreign keys",
    )
    .values(table, key);
  return {
    columns: rows.map(([column]) => String(column)),
    onDelete: String(rows[0]?.[1] ?? "NO ACTION"),
  };
}

/** Which rows point at nothing by one key; null when it can't be said. */
function orphanedSql(
  connection: Connection,
  table: string,
  {
    parent,
    key,
    columns,
  }: { readonly parent: string; readonly key: number | null; readonly columns: readonly string[] },
): string | null {
  const child = columns.map((column) => `${quoteIdentifier(table)}.${quoteIdentifier(column)}`);
  const isSet = child.map((column) => `${column} IS NOT NULL`).join(" AND ");
  const named = connection
    .prepare(
      'SELECT "to" FROM pragma_foreign_key_list(?) WHERE id = ? AND "to" IS NOT NULL ORDER BY seq',
      "read foreign keys",
    )
    .values(table, key);
  const primary = connection
    .prepare("SELECT name FROM pragma_table_xinfo(?) WHERE pk > 0 ORDER BY pk", "read the schema")
    .values(parent);
  const columnsOfParent = connection
    .prepare("SELECT 1 FROM pragma_table_xinfo(?) LIMIT 1", "read the schema")
    .values(parent);
  if (columnsOfParent.length === 0) return isSet;
  const targets = (named.length > 0 ? named : primary).map(([column]) => String(column));
  if (targets.length !== columns.length) return null;
  const pairs = targets.map(
    (column, index) => `there.${quoteIdentifier(column)} = ${String(child[index])}`,
  );
  return `${isSet} AND NOT EXISTS (SELECT 1 FROM ${quoteIdentifier(parent)} AS there WHERE ${pairs.join(" AND ")})`;
}
