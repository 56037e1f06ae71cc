/** Whether a database is whole, by SQLite's word and by ours. */
import { existsSync } from "node:fs";
import { openUsageDb, type UsageDb, verifyRollups } from "../../src/index.ts";
import type { Connection } from "../../src/engine/sqlite/connection.ts";
import { openConnection } from "../../src/engine/sqlite/open.ts";

/** What SQLite finds wrong, one line each. */
export function problemsOfPages(connection: Connection): string[] {
  const pages = connection.readOnce("PRAGMA integrity_check").flat().map(String);
  const keys = connection.readOnce("PRAGMA foreign_key_check").map((row) => `orphan ${row.join()}`);
  return [...pages.filter((line) => line !== "ok"), ...keys];
}

/** Opens a database of any schema, looks, and closes; what is thrown is a problem too. */
export function lookAt(path: string, look: (connection: Connection) => string[]): string[] {
  try {
    if (!existsSync(path)) return [`${path} is gone`];
    using connection = openConnection(path, { mode: "existing" });
    return [...problemsOfPages(connection), ...look(connection)];
  } catch (error) {
    return [`${path} cannot be read: ${String(error)}`];
  }
}

/** The same for a usage database, with its hours held against its messages. */
export function lookAtUsage(path: string, look: (db: UsageDb) => string[]): string[] {
  try {
    if (!existsSync(path)) return [`${path} is gone`];
    using db = openUsageDb(path, { mode: "existing" });
    return [...problemsOfPages(db.connection), ...verifyRollups(db), ...look(db)];
  } catch (error) {
    return [`${path} cannot be read: ${String(error)}`];
  }
}

/** The first column of the first row. */
export function oneOf(connection: Connection, sql: string): unknown {
  return connection.readOnce(sql)[0]?.[0];
}
