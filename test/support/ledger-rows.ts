/** Migrations and ledger rows for the pure planner, in one line each. */
import { canonicalSql } from "../../src/migration/canonical-sql.ts";
import type { AppliedMigration, Migration, SqlBody } from "../../src/migration/migration.ts";
import type { Step } from "../../src/migration/plan.ts";

export interface SketchOptions {
  readonly up?: string;
  readonly down?: string | null;
  readonly name?: string;
}

export function sketchMigration(version: number, options: SketchOptions = {}): Migration {
  const {
    up = `CREATE TABLE t${version} (x)`,
    down = `DROP TABLE t${version}`,
    name = `m${version}`,
  } = options;
  const file = `${version}_${name}.sql`;
  const body = (sql: string): SqlBody => ({ kind: "sql", sql, file, firstLine: 1 });
  return {
    version,
    name,
    file,
    up: body(up),
    down: down === null ? null : body(down),
    checksum: `sql1:${canonicalSql(up)}`,
    description: "",
  };
}

export function sketchModule(version: number, hasDown = true): Migration {
  const file = `${version}_m${version}.ts`;
  const body = { kind: "function", run: () => undefined, file } as const;
  return {
    version,
    name: `m${version}`,
    file,
    up: body,
    down: hasDown ? body : null,
    checksum: `module1:${version}`,
    description: "",
  };
}

const sqlOf = (body: Migration["down"]): string | null => (body?.kind === "sql" ? body.sql : null);

/** The ledger row that applying a migration leaves. */
export function rowOf({ version, name, checksum, up, down }: Migration): AppliedMigration {
  return {
    version,
    name,
    applied_at: 1_700_000_000_000 + version,
    checksum,
    up_sql: sqlOf(up),
    down_sql: sqlOf(down),
    execution_time_ms: 1,
    schema_hash: "schema1:0",
    tool_version: "0.0.0",
  };
}

/** What steps do to a ledger; refuses to repeat or to invent one. */
export function applySteps(
  ledger: readonly AppliedMigration[],
  steps: readonly Step[],
): AppliedMigration[] {
  const rows = new Map(ledger.map((row) => [row.version, row]));
  for (const { direction, version, name, ledger: entry } of steps) {
    if (rows.has(version) === (direction === "up"))
      throw new Error(`${direction} ${version} twice`);
    if (direction === "down") rows.delete(version);
    else {
      const sketch = rowOf(sketchMigration(version, { name }));
      rows.set(version, {
        ...sketch,
        checksum: entry.checksum,
        up_sql: entry.upSql,
        down_sql: entry.downSql,
      });
    }
  }
  return [...rows.values()].sort((a, b) => a.version - b.version);
}
