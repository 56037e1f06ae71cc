/** A database opened by hand with the pragmas that usagedb sets. */
import { Database } from "bun:sqlite";

export function openRaw(file: string, isFresh = false): Database {
  const database = new Database(file, { create: true, readwrite: true });
  database.run("PRAGMA busy_timeout = 5000");
  if (isFresh) database.run("PRAGMA auto_vacuum = INCREMENTAL");
  database.run("PRAGMA journal_mode = WAL");
  database.run("PRAGMA foreign_keys = ON");
  database.run("PRAGMA synchronous = NORMAL");
  database.run("PRAGMA trusted_schema = OFF");
  database.run("PRAGMA journal_size_limit = 67108864");
  return database;
}

/** Opened, and asked for its version as a hand-written program does. */
export function openAndReadVersion(file: string): Database {
  const database = openRaw(file);
  const statement = database.prepare("PRAGMA user_version");
  statement.values();
  statement.finalize();
  return database;
}
