/** One call for every change of a table, by ALTER TABLE where that can do it and by a rebuild where it cannot. */
import type { MigrationDatabase } from "../../../migration/migration.ts";
import { quoteIdentifier } from "../quote.ts";
import { brokenDependents, refuseBroken } from "./dependents.ts";
import { checkNames } from "./known-names.ts";
import { nativeChange } from "./method.ts";
import { newDefinition } from "./new-definition.ts";
import { rebuildTable } from "./rebuild.ts";
import { resolveChange, type TableChange } from "./table-change.ts";
import { readTable, rows } from "./table-facts.ts";

export interface TableChangeReport {
  readonly method: "native" | "rebuild";
  /** Why this way was chosen. */
  readonly reason: string;
  /** What was run, in order. */
  readonly statements: readonly string[];
}

/**
 * Changes one table inside a migration, and says how.
 *
 * ALTER TABLE is used when this SQLite has it for everything that was asked; otherwise the table is rebuilt with
 * its rows, rowids, indexes, triggers, views, sequence and options, and only what was asked for differs. A rebuild
 * fires no triggers. It copies every row with the lock held: see `migrate plan` for how many there are.
 * @throws {InputError} OPTION_UNKNOWN or VALUE_INVALID for a misspelt or malformed change; nothing was done.
 * @throws {MigrationError} TABLE_CHANGE_REFUSED when the table, or what uses it, does not allow the change; what
 *   was done so far goes with the migration's transaction.
 */
export function changeTable(
  db: MigrationDatabase,
  table: string,
  change: TableChange,
): TableChangeReport {
  const resolved = resolveChange(change);
  const statements: string[] = [];
  const execute = (sql: string): void => {
    db.exec(sql);
    statements.push(sql);
  };
  const before = readTable(db, table);
  // Natively always: SQLite carries the new name into triggers, views, indexes and other tables' keys.
  for (const [from, to] of resolved.renameColumn)
    execute(
      `ALTER TABLE ${quoteIdentifier(before.name)} RENAME COLUMN ${quoteIdentifier(from)} TO ${quoteIdentifier(to)}`,
    );
  const facts = resolved.renameColumn.length === 0 ? before : readTable(db, table);
  checkNames(facts, resolved);
  // For its refusals: ALTER TABLE has fewer words for a constraint in the way.
  newDefinition(facts.name, facts.definition, resolved, facts.name);
  const version = String(rows(db, "SELECT sqlite_version() AS version")[0]?.[0]);
  const native = nativeChange(facts, resolved, version);
  if (native.obstacles.length > 0) {
    rebuildTable(db, facts, resolved, execute);
    return { method: "rebuild", reason: native.obstacles.join("; "), statements };
  }
  const broken = brokenDependents(db, facts);
  for (const sql of native.statements) execute(sql);
  refuseBroken(db, readTable(db, facts.name), resolved, broken);
  const reason =
    statements.length === 0
      ? "there is nothing to change"
      : `SQLite ${version} has ALTER TABLE for it`;
  return { method: "native", reason, statements };
}
