/** bun:sqlite as kysely's SQLite dialect wants it; kysely itself knows better-sqlite3 only. */
import { Database } from "bun:sqlite";
import { Kysely, type SqliteDatabase, SqliteDialect } from "kysely";

type Bindings = Parameters<ReturnType<Database["prepare"]>["all"]>;

export function openKysely(file: string, pragmas: readonly string[] = []): Kysely<unknown> {
  const database = new Database(file);
  for (const pragma of pragmas) database.run(pragma);
  const adapter: SqliteDatabase = {
    close: () => database.close(),
    prepare: (sql) => {
      const statement = database.prepare(sql);
      return {
        reader: statement.columnNames.length > 0,
        all: (parameters) => statement.all(...(parameters as Bindings)),
        run: (parameters) => statement.run(...(parameters as Bindings)),
        iterate: (parameters) =>
          statement.iterate(...(parameters as Bindings)) as IterableIterator<unknown>,
      };
    },
  };
  return new Kysely({ dialect: new SqliteDialect({ database: adapter }) });
}
