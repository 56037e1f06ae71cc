/**
 * The complete rebuild of a table: new table, copy, old one away, rename, and everything that hung on it again.
 *
 * More than SQLite's own recipe asks for: views that read the table go first, because a rename fails while one of
 * them reads nothing; triggers of other tables that mention it too; `sqlite_sequence` and `sqlite_stat1` keep their
 * rows; hidden rowids keep their numbers. The old table is never renamed: other tables' keys would follow it.
 */
import type { MigrationDatabase } from "../../../migration/migration.ts";
import { mentions } from "../../../migration/table-definition.ts";
import { quoteIdentifier } from "../quote.ts";
import { brokenDependents, refuseBroken } from "./dependents.ts";
import { has, isSame } from "./names.ts";
import { newDefinition } from "./new-definition.ts";
import { refuseChange, type ResolvedChange } from "./table-change.ts";
import { countRows, readColumns, readTable, rows, type TableFacts } from "./table-facts.ts";

const ROWID_NAMES = ["rowid", "_rowid_", "oid"];

/** @param execute runs one statement and remembers it. */
export function rebuildTable(
  db: MigrationDatabase,
  facts: TableFacts,
  change: ResolvedChange,
  execute: (sql: string) => void,
): void {
  refuseForeignKeysOn(db, facts.name);
  const table = quoteIdentifier(facts.name);
  const fresh = freeName(db, facts.name);
  const broken = brokenDependents(db, facts);
  const sequence = readSequence(db, facts.name);
  const statistics = readStatistics(db, facts.name);
  const before = countRows(db, facts.name);
  execute(newDefinition(facts.name, facts.definition, change, fresh));
  execute(copyStatement(db, facts, change, fresh));
  const after = countRows(db, fresh);
  if (after !== before)
    refuseChange(facts.name, `${after} of its ${before} row(s) were copied`, { expected: "all" });
  for (const { name } of facts.triggers) execute(`DROP TRIGGER ${quoteIdentifier(name)}`);
  for (const { name } of facts.views) execute(`DROP VIEW ${quoteIdentifier(name)}`);
  execute(`DROP TABLE ${table}`);
  execute(`ALTER TABLE ${quoteIdentifier(fresh)} RENAME TO ${table}`);
  // Ids of rows that are gone must not be given out again; the copy itself made an entry, also for no rows.
  if (sequence !== null && readSequence(db, facts.name) !== null)
    execute(`UPDATE sqlite_sequence SET seq = ${sequence} WHERE name = ${quoteText(facts.name)}`);
  for (const { sql } of [...facts.indexes, ...facts.views, ...facts.triggers]) execute(sql);
  for (const sql of statistics) execute(sql);
  refuseRemains(db, facts.name, fresh);
  refuseBroken(db, readTable(db, facts.name), change, broken);
}

/** With foreign keys on, dropping the old table would delete or clear the rows of its children. */
function refuseForeignKeysOn(db: MigrationDatabase, table: string): void {
  if (rows(db, "PRAGMA foreign_keys")[0]?.[0] !== 1) return;
  refuseChange(table, "foreign keys are on, and its children's rows would go with it", {
    expected: "foreign keys off, as in a migration",
    hint: "Call changeTable inside a migration, or set `PRAGMA foreign_keys = OFF` before BEGIN.",
  });
}

function freeName(db: MigrationDatabase, table: string): string {
  const taken = rows(db, "SELECT name FROM sqlite_schema").map(([name]) => String(name));
  for (let count = 1; ; count++) {
    const name = `${table}__rebuilt${count === 1 ? "" : count}`;
    if (!has(taken, name)) return name;
  }
}

/** OR ABORT, because a conflict clause in the table's definition may leave rows out in silence. */
function copyStatement(
  db: MigrationDatabase,
  facts: TableFacts,
  change: ResolvedChange,
  fresh: string,
): string {
  const targets: string[] = [];
  const values: string[] = [];
  const columns = readColumns(db, fresh);
  const rowid = keptRowid(db, facts, fresh);
  if (rowid !== null) {
    targets.push(rowid);
    values.push(rowid);
  }
  for (const { name, isGenerated } of columns) {
    if (isGenerated) continue;
    const expression = change.copy.find(([column]) => isSame(column, name))?.[1];
    const isOld =
      facts.columns.some((column) => isSame(column.name, name)) &&
      !change.addColumn.some(([added]) => isSame(added, name));
    if (expression === undefined && !isOld) continue;
    targets.push(quoteIdentifier(name));
    values.push(expression === undefined ? quoteIdentifier(name) : `(${expression})`);
  }
  if (targets.length === 0) {
    // Nothing but columns that were added: their defaults, once a row.
    const first = columns.find(({ isGenerated }) => !isGenerated);
    refuseChange(facts.name, "no column would keep a value", {
      expected: `an expression in \`copy\`${first === undefined ? "" : ` for ${first.name}`}`,
    });
  }
  return `INSERT OR ABORT INTO ${quoteIdentifier(fresh)} (${targets.join(", ")}) SELECT ${values.join(", ")} FROM ${quoteIdentifier(facts.name)}`;
}

/** The name by which both tables know their hidden rowid; null when one of them has none to keep. */
function keptRowid(db: MigrationDatabase, facts: TableFacts, fresh: string): string | null {
  const columns = [...facts.columns, ...readColumns(db, fresh)].map(({ name }) => name);
  const name = ROWID_NAMES.find((one) => !has(columns, one));
  if (name === undefined || facts.definition.isWithoutRowid) return null;
  const isGone =
    rows(
      db,
      "SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?",
      fresh,
    )[0]?.[0] === 1;
  return isGone || hasIntegerKey(db, fresh) ? null : name;
}

/** True when a column is the rowid: a key of one INTEGER column, for which SQLite keeps no index of its own. */
function hasIntegerKey(db: MigrationDatabase, table: string): boolean {
  const key = rows(db, "SELECT name FROM pragma_table_xinfo(?) WHERE pk > 0", table);
  const indexes = rows(db, "SELECT name FROM pragma_index_list(?) WHERE origin = 'pk'", table);
  return key.length > 0 && indexes.length === 0;
}

/** As text, because it may be larger than a number holds; null when the table has no entry. */
function readSequence(db: MigrationDatabase, table: string): string | null {
  if (!hasTable(db, "sqlite_sequence")) return null;
  const sql = "SELECT CAST(seq AS TEXT) AS seq FROM sqlite_sequence WHERE name = ?";
  const row = rows(db, sql, table)[0];
  return row === undefined ? null : String(row[0]);
}

/** What ANALYZE found out goes with the old table, and with it the plans of queries. */
function readStatistics(db: MigrationDatabase, table: string): string[] {
  if (!hasTable(db, "sqlite_stat1")) return [];
  return rows(
    db,
    "SELECT quote(tbl) AS tbl, quote(idx) AS idx, quote(stat) AS stat FROM sqlite_stat1 WHERE tbl = ?",
    table,
  ).map((values) => `INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (${values.join(", ")})`);
}

function hasTable(db: MigrationDatabase, name: string): boolean {
  return rows(db, "SELECT 1 AS one FROM sqlite_schema WHERE name = ?", name).length > 0;
}

/** The rename must have reached every place that named the new table. */
function refuseRemains(db: MigrationDatabase, table: string, fresh: string): void {
  const left = rows(db, "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL").find(
    ([, sql]) => mentions(String(sql), fresh),
  );
  if (left !== undefined)
    refuseChange(table, `${String(left[0])} still names ${fresh}`, { expected: "no trace of it" });
}

const quoteText = (text: string): string => `'${text.replaceAll("'", "''")}'`;
