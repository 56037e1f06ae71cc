/** A table as it stands, with everything that hangs on it. */
import type { MigrationDatabase, SqlValue } from "../../../migration/migration.ts";
import {
  mayName,
  parseTableDefinition,
  type TableDefinition,
} from "../../../migration/table-definition.ts";
import { quoteIdentifier } from "../quote.ts";
import { refuseChange } from "./table-change.ts";

export interface Column {
  readonly name: string;
  readonly isGenerated: boolean;
}

/** An index, view or trigger, with the text that brings it back. */
export interface Dependent {
  readonly type: "index" | "view" | "trigger";
  readonly name: string;
  /** The table or view that it belongs to. */
  readonly owner: string;
  readonly sql: string;
}

export interface TableFacts {
  /** As it is spelt in the schema. */
  readonly name: string;
  readonly definition: TableDefinition;
  readonly columns: readonly Column[];
  /** In the order in which they were made. */
  readonly indexes: readonly Dependent[];
  /** Views that read the table, be it through another view, and every trigger on it, on them, or that names one. */
  readonly views: readonly Dependent[];
  readonly triggers: readonly Dependent[];
}

/**
 * Reads the facts of a table.
 * @throws {MigrationError} TABLE_CHANGE_REFUSED when there is no such table, or it is no ordinary one.
 */
export function readTable(db: MigrationDatabase, table: string): TableFacts {
  const row = rows(
    db,
    "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name = ? COLLATE NOCASE",
    table,
  )[0];
  if (row === undefined) {
    const tables = rows(db, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name");
    const known = tables.map(([name]) => String(name)).filter((name) => !isSqlites(name));
    refuseChange(table, "there is no such table", {
      expected: known.length === 0 ? "a table" : `one of ${known.join(", ")}`,
    });
  }
  const name = String(row[0]);
  const definition =
    isSqlites(name) || typeof row[1] !== "string" ? null : parseTableDefinition(row[1]);
  if (definition === null)
    return refuseChange(name, "it is a virtual table or SQLite's own", {
      expected: "an ordinary table",
    });
  refuseTemporaries(db, name);
  return {
    name,
    definition,
    columns: readColumns(db, name),
    ...readDependents(db, name),
  };
}

export function readColumns(db: MigrationDatabase, table: string): Column[] {
  return rows(db, "SELECT name, hidden FROM pragma_table_xinfo(?) ORDER BY cid", table).map(
    ([name, hidden]) => ({ name: String(name), isGenerated: hidden === 2 || hidden === 3 }),
  );
}

/** Rows as lists of values, in the order of the columns. */
export function rows(db: MigrationDatabase, sql: string, ...values: SqlValue[]): SqlValue[][] {
  return db
    .query(sql)
    .all(...values)
    .map((row) => Object.values(row));
}

export function countRows(db: MigrationDatabase, table: string): number {
  return Number(rows(db, `SELECT count(*) AS n FROM ${quoteIdentifier(table)}`)[0]?.[0]);
}

const isSqlites = (name: string): boolean => /^sqlite_/i.test(name);

function readDependents(
  db: MigrationDatabase,
  table: string,
): Pick<TableFacts, "indexes" | "views" | "triggers"> {
  const all = rows(
    db,
    `SELECT type, name, tbl_name, sql
     FROM sqlite_schema
     WHERE type <> 'table' AND sql IS NOT NULL
     ORDER BY rowid`,
  ).map(([type, name, owner, sql]) => ({
    type: type as Dependent["type"],
    name: String(name),
    owner: String(owner),
    sql: String(sql),
  }));
  const isSame = (left: string, right: string): boolean =>
    left.toLowerCase() === right.toLowerCase();
  const reached = [table];
  const views = new Set<Dependent>();
  for (let before = -1; before !== views.size;) {
    before = views.size;
    for (const view of all.filter((one) => one.type === "view" && !views.has(one))) {
      if (!reached.some((name) => mayName(view.sql, name))) continue;
      views.add(view);
      reached.push(view.name);
    }
  }
  return {
    indexes: all.filter(({ type, owner }) => type === "index" && isSame(owner, table)),
    views: all.filter((one) => views.has(one)),
    triggers: all.filter(
      ({ type, owner, sql }) =>
        type === "trigger" && reached.some((name) => isSame(owner, name) || mayName(sql, name)),
    ),
  };
}

/** A temporary object of that name would be changed in the table's place; one that uses the table would be lost. */
function refuseTemporaries(db: MigrationDatabase, table: string): void {
  const temporary = rows(db, "SELECT name, sql FROM sqlite_temp_schema WHERE sql IS NOT NULL").find(
    ([name, sql]) => mayName(String(sql), table) || mayName(String(name), table),
  );
  if (temporary === undefined) return;
  refuseChange(table, `the temporary ${String(temporary[0])} mentions it`, {
    expected: "no temporary table, view or trigger that does",
    hint: "Drop it before the change.",
  });
}
