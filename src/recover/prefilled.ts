/** Rows that a new database begins with, which stand in where the damaged one's are lost. */
import type { Binding, Connection } from "../engine/sqlite/connection.ts";
import { quoteIdentifier } from "../engine/sqlite/quote.ts";

export const POLICIES_TABLE = "retention_policies";

/** Whoever kept something for longer than usual would lose it by the usual policy. */
export const switchedOff =
  (now: number) =>
  ([subject = null, rule = null]: readonly Binding[]): Binding[] => [subject, rule, null, now];

/** Rows that migrations put into a new database: settings, for example. */
export function takePrefilled(
  connection: Connection,
  except: readonly string[],
): Map<string, Binding[][]> {
  const tables = connection.readOnce(
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
  );
  const taken = new Map<string, Binding[][]>();
  for (const [name] of tables) {
    const table = String(name);
    if (except.includes(table)) continue;
    const rows = connection.readOnce(`SELECT * FROM ${quoteIdentifier(table)}`);
    if (rows.length === 0) continue;
    taken.set(table, rows);
    connection.runOnce(`DELETE FROM ${quoteIdentifier(table)}`);
  }
  return taken;
}

/** Returns how many were not there. */
export function putBack(connection: Connection, table: string, rows: readonly Binding[][]): number {
  let added = 0;
  for (const row of rows) {
    const places = row.map(() => "?").join(", ");
    added += connection
      .prepare(`INSERT OR IGNORE INTO ${quoteIdentifier(table)} VALUES (${places})`, "recover rows")
      .run(...row).changes;
  }
  return added;
}
