/** The database as a TypeScript migration sees it: the same rules as SQL files, checked statement by statement. */
import { MigrationError } from "../../errors.ts";
import type {
  MigrationDatabase,
  MigrationQuery,
  SqlBody,
  SqlValue,
} from "../../migration/migration.ts";
import { checkStatement } from "../../migration/statement-rules.ts";
import { positionIn, statementsOf } from "../../migration/sql-body.ts";
import type { Statement } from "../../migration/sql-scanner.ts";
import { checkBoundValues } from "./bound-values.ts";
import type { Connection, Prepared, RunResult } from "./connection.ts";

export interface ModuleDatabase {
  readonly database: MigrationDatabase;
  /** The statement last handed to SQLite, for the error that it may have caused. */
  lastStatement(): { readonly body: SqlBody; readonly statement: Statement } | null;
  /** Ends the migration's access: a handle kept beyond `up` must not write outside its transaction. */
  revoke(): void;
}

export interface ModuleDatabaseOptions {
  /** Told of each statement before it runs, of a query when it is prepared. */
  readonly onStatement?: (statement: string) => void;
  /** Refuses what would change the schema: a chunk of a batched migration is no place for it. */
  readonly isDataOnly?: boolean;
}

export function moduleDatabase(
  connection: Connection,
  file: string,
  { onStatement, isDataOnly = false }: ModuleDatabaseOptions = {},
): ModuleDatabase {
  let isRevoked = false;
  let last: ReturnType<ModuleDatabase["lastStatement"]> = null;

  const admit = (sql: string): readonly Statement[] => {
    const body: SqlBody = { kind: "sql", sql, file: `${file} (SQL)`, firstLine: 1 };
    const statements = statementsOf(body);
    for (const statement of statements) {
      checkStatement(body, statement);
      if (isDataOnly && !DATA_VERBS.has(statement.words[0] ?? ""))
        refuseSchemaChange(body, statement);
    }
    if (isRevoked || !connection.inTransaction) {
      throw new MigrationError(
        "MIGRATION_ENDED_TRANSACTION",
        `Cannot run a statement of ${file}: its transaction has ended, expected every statement inside it`,
        { details: { file } },
      );
    }
    last = statements[0] === undefined ? null : { body, statement: statements[0] };
    return statements;
  };
  const admitOne = (sql: string): string => {
    const statements = admit(sql);
    const [statement, surplus] = statements;
    if (statement !== undefined && surplus === undefined) {
      onStatement?.(statement.text);
      return statement.text;
    }
    const body: SqlBody = { kind: "sql", sql, file: `${file} (SQL)`, firstLine: 1 };
    throw new MigrationError(
      "MIGRATION_FAILED",
      `Cannot prepare a statement of ${file}: the text has ${statements.length} statements, expected one`,
      {
        details: { file, position: positionIn(body, surplus?.start ?? 0) },
        hint: "Use exec() for several statements.",
      },
    );
  };
  const action = `run a statement of ${file}`;
  const open = new Set<Prepared<never>>();
  const take = (text: string, values: readonly SqlValue[]): void => {
    admit(text);
    checkBoundValues(values, file);
  };
  const query = <Row>(sql: string): MigrationQuery<Row> => {
    const text = admitOne(sql);
    const prepared = connection.compile<Row>(text, action);
    open.add(prepared as Prepared<unknown> as Prepared<never>);
    return {
      all: (...values: SqlValue[]) => (take(text, values), prepared.all(...values)),
      get: (...values: SqlValue[]) => (take(text, values), prepared.get(...values)),
      run: (...values: SqlValue[]) => (take(text, values), prepared.run(...values)),
    };
  };
  const runOne = (sql: string, ...values: SqlValue[]): RunResult => {
    const prepared = connection.compile(admitOne(sql), action);
    checkBoundValues(values, file);
    try {
      return prepared.run(...values);
    } finally {
      prepared.finalize();
    }
  };
  /** A query that was not read to its end would keep the table locked against DDL; it compiles anew when used. */
  const releaseQueries = (): void => {
    for (const prepared of open) prepared.finalize();
  };
  return {
    database: {
      exec: (sql) => {
        const body: SqlBody = { kind: "sql", sql, file: `${file} (SQL)`, firstLine: 1 };
        for (const statement of admit(sql)) {
          last = { body, statement };
          releaseQueries();
          onStatement?.(statement.text);
          connection.runOnce(statement.text);
        }
      },
      run: runOne,
      query,
      prepare: query,
    },
    lastStatement: () => last,
    revoke: () => {
      isRevoked = true;
      releaseQueries();
    },
  };
}

const DATA_VERBS: ReadonlySet<string> = new Set([
  "DELETE",
  "EXPLAIN",
  "INSERT",
  "PRAGMA",
  "REPLACE",
  "SELECT",
  "UPDATE",
  "VALUES",
  "WITH",
]);

function refuseSchemaChange(body: SqlBody, { words, start }: Statement): never {
  throw new MigrationError(
    "MIGRATION_STATEMENT_FORBIDDEN",
    `Cannot use a statement of ${body.file}: it says ${words[0] ?? ""}, expected statements that change rows only`,
    {
      details: { position: positionIn(body, start) },
      hint: "Change the schema in a migration of its own, before or after the batched one.",
    },
  );
}
