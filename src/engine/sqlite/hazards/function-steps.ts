/** The database that a migration function is given on the shadow: every statement is judged, then run. */
import type {
  MigrationDatabase,
  MigrationQuery,
  SqlBody,
  SqlValue,
} from "../../../migration/migration.ts";
import { checkStatement } from "../../../migration/statement-rules.ts";
import { statementsOf } from "../../../migration/sql-body.ts";
import type { Statement } from "../../../migration/sql-scanner.ts";
import type { Shadow, ShadowValue } from "./shadow.ts";

/** @param admit is told of each statement before it runs. */
export function shadowDatabase(
  shadow: Shadow,
  file: string,
  admit: (statement: Statement) => void,
): MigrationDatabase {
  const checked = (sql: string): readonly Statement[] => {
    const body: SqlBody = { kind: "sql", sql, file: `${file} (SQL)`, firstLine: 1 };
    const statements = statementsOf(body);
    for (const statement of statements) checkStatement(body, statement);
    return statements;
  };
  const query = <Row>(sql: string): MigrationQuery<Row> => {
    for (const statement of checked(sql)) admit(statement);
    // Compiled at each use: the schema may have changed since the last.
    return {
      all: (...values) => shadow.statement(sql).all(...bound(values)) as Row[],
      get: (...values) => (shadow.statement(sql).get(...bound(values)) ?? null) as Row | null,
      run: (...values) => resultOf(shadow.statement(sql).run(...bound(values))),
    };
  };
  return {
    exec: (sql) => {
      for (const statement of checked(sql)) {
        admit(statement);
        const failure = shadow.run(statement.text);
        if (failure !== null) throw new Error(failure);
      }
    },
    run: (sql, ...values) => query(sql).run(...values),
    query,
    prepare: query,
  };
}

const bound = (values: readonly SqlValue[]): ShadowValue[] =>
  values.map((value) => (typeof value === "boolean" ? Number(value) : value));

function resultOf(result: {
  readonly changes: number | bigint;
  readonly lastInsertRowid: number | bigint;
}): ReturnType<MigrationDatabase["run"]> {
  return { changes: Number(result.changes), lastInsertRowid: result.lastInsertRowid };
}
