/** Whether views and triggers still work: SQLite looks at them only when they are used. */
import type { MigrationDatabase } from "../../../migration/migration.ts";
import { nextToken } from "../../../migration/sql-scanner.ts";
import { quoteIdentifier } from "../quote.ts";
import { isSame } from "./names.ts";
import { refuseChange, type ResolvedChange } from "./table-change.ts";
import { type Dependent, readColumns, type TableFacts } from "./table-facts.ts";

/** The views and triggers of a table that do not compile, with SQLite's reason. */
export function brokenDependents(
  db: MigrationDatabase,
  { views, triggers }: Pick<TableFacts, "views" | "triggers">,
): ReadonlyMap<string, string> {
  const broken = new Map<string, string>();
  const note = ({ name }: Dependent, failure: string | null): void => {
    if (failure !== null) broken.set(name, failure);
  };
  for (const view of views)
    note(view, failureOf(db, `SELECT * FROM ${quoteIdentifier(view.name)}`));
  for (const trigger of triggers) note(trigger, triggerFailure(db, trigger));
  return broken;
}

/**
 * Refuses a change after which a view or trigger no longer works that did before.
 * @throws {MigrationError} TABLE_CHANGE_REFUSED.
 */
export function refuseBroken(
  db: MigrationDatabase,
  facts: TableFacts,
  change: ResolvedChange,
  before: ReadonlyMap<string, string>,
): void {
  for (const [name, reason] of brokenDependents(db, facts))
    if (!before.has(name)) refuseUser(facts.name, name, reason);
  // A double-quoted name that is no column any more is taken for a string, in silence.
  for (const { name, sql } of [...facts.views, ...facts.triggers]) {
    const column = change.dropColumn.find((dropped) => quotes(sql, dropped));
    if (column !== undefined) refuseUser(facts.name, name, `it mentions "${column}"`);
  }
}

function refuseUser(table: string, name: string, reason: string): never {
  refuseChange(table, `${name} would no longer work (${reason})`, {
    expected: "every view and trigger to go on working",
    hint: `Drop ${name} before the change and create it anew after it.`,
  });
}

function quotes(sql: string, column: string): boolean {
  for (let token = nextToken(sql, 0); token !== undefined; token = nextToken(sql, token.end)) {
    const text = sql.slice(token.start, token.end);
    if (text.startsWith('"') && isSame(text, quoteIdentifier(column))) return true;
  }
  return false;
}

/** Compiles what would fire the trigger. */
function triggerFailure(db: MigrationDatabase, { sql, owner, name }: Dependent): string | null {
  const table = quoteIdentifier(owner);
  switch (eventOf(sql, name)) {
    case "INSERT":
      return failureOf(db, `INSERT INTO ${table} DEFAULT VALUES`);
    case "DELETE":
      return failureOf(db, `DELETE FROM ${table}`);
    default: {
      const columns = attempt(() => readColumns(db, owner));
      if (typeof columns === "string") return columns;
      const same = columns
        .filter(({ isGenerated }) => !isGenerated)
        .map((column) => `${quoteIdentifier(column.name)} = ${quoteIdentifier(column.name)}`);
      return failureOf(db, `UPDATE ${table} SET ${same.join(", ")}`);
    }
  }
}

/** `CREATE TRIGGER name [BEFORE | AFTER | INSTEAD OF] event`: the name may be any word. */
function eventOf(sql: string, name: string): string {
  const at = sql.toLowerCase().indexOf(name.toLowerCase(), "CREATE TRIGGER".length);
  for (let token = nextToken(sql, at + name.length); token !== undefined;) {
    const word = token.kind === "word" ? sql.slice(token.start, token.end).toUpperCase() : "";
    if (word === "INSERT" || word === "DELETE" || word === "UPDATE") return word;
    token = nextToken(sql, token.end);
  }
  return "";
}

/** Why a statement does not compile; it is not run. */
function failureOf(db: MigrationDatabase, sql: string): string | null {
  const failure = attempt(() => db.run(`EXPLAIN ${sql}`));
  return typeof failure === "string" ? failure : null;
}

function attempt<T>(work: () => T): T | string {
  try {
    return work();
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return cause instanceof Error ? cause.message : String(cause);
  }
}
