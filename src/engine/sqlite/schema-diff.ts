/** How a database's schema differs from the one that its ledger promises, object by object, and how to mend it. */
import type { AppliedMigration, Migration } from "../../migration/migration.ts";
import type { Connection } from "./connection.ts";
import { buildExpectedSchema } from "./expected-schema.ts";
import { type Mend, mendSchema } from "./mend-schema.ts";
import { describeSchema, type SchemaObject } from "./schema.ts";

export interface SchemaDifference {
  readonly type: SchemaObject["type"];
  readonly name: string;
  /** missing: the migrations build it, the database lacks it · surplus: only in the database · changed: in both. */
  readonly state: "missing" | "surplus" | "changed";
  /** What the migrations build and the database lacks, one line each: columns, keys, checks. */
  readonly expected: readonly string[];
  /** What the database has instead. */
  readonly observed: readonly string[];
}

export interface SchemaDiff {
  readonly differences: readonly SchemaDifference[];
  readonly mend: Mend;
  /** Why the schema that the migrations build is not known; null when it is. */
  readonly unknown: string | null;
}

const NOTHING: Mend = { statements: [], cautions: [], isComplete: true };

/**
 * Compares the live schema with what the ledger's migrations build, and writes the SQL that takes the one to the
 * other; reads only. Migrations are needed for functions, of which the ledger has no text.
 */
export function diffSchema(
  live: Connection,
  ledger: readonly AppliedMigration[],
  migrations: readonly Migration[],
): SchemaDiff {
  if (ledger.length === 0) return { differences: [], mend: NOTHING, unknown: null };
  const expected = buildExpectedSchema(live, ledger, migrations);
  if (expected.database === null)
    return { differences: [], mend: NOTHING, unknown: expected.failure };
  using database = expected.database;
  const differences = compare(describeSchema(database), describeSchema(live));
  const mend = differences.length === 0 ? NOTHING : mendSchema(live, database, differences);
  return { differences, mend, unknown: null };
}

function compare(
  expected: readonly SchemaObject[],
  observed: readonly SchemaObject[],
): SchemaDifference[] {
  const keyOf = ({ type, name }: SchemaObject): string => `${type} ${name}`;
  const rest = new Map(observed.map((object) => [keyOf(object), object]));
  const differences = expected.flatMap((object): SchemaDifference[] => {
    const { type, name, description } = object;
    const other = rest.get(keyOf(object));
    rest.delete(keyOf(object));
    if (other === undefined)
      return [{ type, name, state: "missing", expected: description, observed: [] }];
    const lost = description.filter((line) => !other.description.includes(line));
    const gained = other.description.filter((line) => !description.includes(line));
    if (lost.length + gained.length === 0) return [];
    return [{ type, name, state: "changed", expected: lost, observed: gained }];
  });
  for (const { type, name, description } of rest.values())
    differences.push({ type, name, state: "surplus", expected: [], observed: description });
  return differences;
}
