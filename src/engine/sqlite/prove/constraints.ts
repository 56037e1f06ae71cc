/** Breaks each constraint of each table on purpose: what is declared must be refused. */
import type { Migration } from "../../../migration/migration.ts";
import type { Binding, Connection } from "../connection.ts";
import type { FilledTable, TableFiller } from "./fill.ts";
import {
  insertNow,
  insertRow,
  REFUSED,
  type Refusal,
  refusalOf,
  type Row,
  undone,
} from "./insert.ts";
import { type CheckVerdict, probeCheck } from "./check-probe.ts";
import { originOf } from "./position.ts";
import { failed, notTested, passed, type ProofCheck, type ProofTopic } from "./report.ts";
import type { TableCheck, TableForeignKey, TableKey, TableShape } from "./tables.ts";
import { quoteIdentifier } from "../quote.ts";

/** What became of one violation. */
type Verdict = CheckVerdict;

const REFUSED_AS_IT_SHOULD: Verdict = { verdict: "refused" };
const ACCEPTED: Verdict = { verdict: "accepted" };
const DUPLICATE: readonly number[] = [REFUSED.unique, REFUSED.primaryKey, REFUSED.rowid];
const MAX_TRIALS = 20;
const MAX_LABEL = 60;

export interface ConstraintOptions {
  readonly connection: Connection;
  readonly filler: TableFiller;
  readonly filled: readonly FilledTable[];
  readonly migrations: readonly Migration[];
}

/** NOT NULL, UNIQUE, PRIMARY KEY and CHECK: one check a table, and one for each constraint that did not hold. */
export function proveConstraints(options: ConstraintOptions): ProofCheck[] {
  return options.filled.flatMap(({ shape, rowCount, refusal }) => {
    if (rowCount === 0) return [unfilled("constraints", options, shape, refusal)];
    const probe = new Probe(options, shape);
    const results = [
      ...shape.columns
        .filter(({ isNotNull, isRowid }) => isNotNull && !isRowid)
        .map(({ name }) => ({ what: `NOT NULL of ${name}`, column: name, ...probe.notNull(name) })),
      ...shape.keys.map((key) => ({
        what: `${key.isPrimary ? "PRIMARY KEY" : "UNIQUE"} (${key.columns.map((name) => name ?? "an expression").join(", ")})`,
        column: key.columns[0] ?? undefined,
        ...probe.unique(key),
      })),
      ...shape.checks.map((check) => ({
        what: `CHECK (${check.label.replaceAll(/\s+/g, " ").slice(0, MAX_LABEL)})`,
        column: check.columns[0],
        ...probe.check(check),
      })),
    ];
    return [...verdicts("constraints", options, shape, results), ...probe.nullableKeys()];
  });
}

/** Every foreign key of every table: an orphan must be refused. */
export function proveForeignKeys(options: ConstraintOptions): ProofCheck[] {
  return options.filled
    .filter(({ shape }) => shape.foreignKeys.length > 0)
    .flatMap(({ shape, rowCount, refusal }) => {
      if (rowCount === 0) return [unfilled("foreign-keys", options, shape, refusal)];
      const probe = new Probe(options, shape);
      const results = shape.foreignKeys.map((key) => ({
        what: `FOREIGN KEY (${key.columns.join(", ")}) to ${key.parent}`,
        column: key.columns[0],
        ...probe.foreignKey(key),
      }));
      return verdicts("foreign-keys", options, shape, results);
    });
}

type Result = Verdict & { readonly what: string; readonly column: string | undefined };

function verdicts(
  topic: ProofTopic,
  { migrations }: ConstraintOptions,
  shape: TableShape,
  results: readonly Result[],
): ProofCheck[] {
  const subject = `table ${shape.name}`;
  const checks: ProofCheck[] = [];
  for (const result of results) {
    if (result.verdict === "refused") continue;
    const place = { table: shape.name, ...originOf(migrations, shape.name, result.column) };
    checks.push(
      result.verdict === "accepted"
        ? failed(
            topic,
            subject,
            {
              observed: `${result.what} let a violation in`,
              remedy:
                "Look for a trigger or a conflict clause that changes what the constraint says.",
            },
            place,
          )
        : notTested(
            topic,
            subject,
            { observed: `${result.what}: ${result.reason}`, remedy: "Test this one by hand." },
            place,
          ),
    );
  }
  const refusedCount = results.filter(({ verdict }) => verdict === "refused").length;
  if (refusedCount === 0 && results.length > 0) return checks;
  const observed =
    results.length === 0
      ? "it declares none"
      : `${refusedCount} of ${results.length} violated and refused`;
  return [passed(topic, subject, observed, { table: shape.name }), ...checks];
}

function unfilled(
  topic: ProofTopic,
  { migrations }: ConstraintOptions,
  shape: TableShape,
  refusal: Refusal | null,
): ProofCheck {
  return notTested(
    topic,
    `table ${shape.name}`,
    {
      observed: `no valid row was found by trial; the last was refused with: ${refusal?.message ?? "nothing"}`,
      remedy: "Test this table by hand, or make its CHECKs name the values they allow.",
    },
    { table: shape.name, ...originOf(migrations, shape.name) },
  );
}

/** Violations of one table's constraints; nothing it writes stays. */
class Probe {
  readonly #connection: Connection;
  readonly #filler: TableFiller;
  readonly #migrations: readonly Migration[];
  readonly #table: TableShape;

  constructor({ connection, filler, migrations }: ConstraintOptions, table: TableShape) {
    this.#connection = connection;
    this.#filler = filler;
    this.#migrations = migrations;
    this.#table = table;
  }

  notNull(column: string): Verdict {
    const row = this.#validRow();
    row.set(column, null);
    let verdict: Verdict = REFUSED_AS_IT_SHOULD;
    undone(this.#connection, () => {
      const isNull = `${quoteIdentifier(column)} IS NULL`;
      const before = this.#count(isNull);
      if (insertRow(this.#connection, this.#table, row) === null && this.#count(isNull) > before)
        verdict = ACCEPTED;
    });
    return verdict;
  }

  unique(key: TableKey): Verdict {
    const existing = this.#existingRow(key);
    if (existing === undefined)
      return { verdict: "unclear", reason: "no row has a value in every column of the key" };
    let verdict: Verdict = { verdict: "unclear", reason: "another constraint was first each time" };
    for (let trial = 0; trial < MAX_TRIALS && verdict.verdict === "unclear"; trial++)
      verdict = this.#duplicate(key, existing, this.#mixture(key, existing, trial));
    return verdict;
  }

  check(check: TableCheck): Verdict {
    return probeCheck(this.#connection, this.#table, { check, row: this.#validRow() });
  }

  foreignKey(key: TableForeignKey): Verdict {
    let reason = "no value was found that is not in the parent";
    for (let trial = 0; trial < MAX_TRIALS; trial++) {
      const row = this.#validRow();
      for (const column of key.columns)
        row.set(column, this.#filler.orphan(this.#connection, this.#table, column));
      if (!this.#isOrphan(key, row)) continue;
      const refusal = this.#insertAndCommit(row);
      if (refusal === null) return ACCEPTED;
      if (refusal.errno === REFUSED.foreignKey) return REFUSED_AS_IT_SHOULD;
      reason = `another constraint was first each time: ${refusal.message}`;
    }
    return { verdict: "unclear", reason };
  }

  /** Outside STRICT and WITHOUT ROWID, SQLite lets NULL into a primary key: an old mistake that it keeps. */
  nullableKeys(): ProofCheck[] {
    const { columns, isStrict, isWithoutRowid, name } = this.#table;
    if (isStrict || isWithoutRowid) return [];
    return columns
      .filter(({ primaryKey, isNotNull, isRowid }) => primaryKey > 0 && !isNotNull && !isRowid)
      .map((column) => ({
        ...passed("constraints", `table ${name}`, `PRIMARY KEY (${column.name}) lets NULL in`, {
          table: name,
          ...originOf(this.#migrations, name, column.name),
        }),
        remedy: "Declare it NOT NULL, or the table STRICT: SQLite does not imply it.",
      }));
  }

  /** A row that would be taken; an existing one where the table is full. */
  #validRow(): Row {
    const row = this.#filler.tryRow(this.#connection, this.#table);
    return row instanceof Map ? new Map(row) : (this.#readRow("1", []) ?? new Map());
  }

  #readRow(condition: string, values: readonly Binding[]): Row | undefined {
    const names = this.#table.columns.map(({ name }) => name);
    const sql = `SELECT ${names.map(quoteIdentifier).join(", ")} FROM ${quoteIdentifier(this.#table.name)} WHERE ${condition} LIMIT 1`;
    const row = this.#connection.readOnce(sql, ...values)[0];
    return row === undefined
      ? undefined
      : new Map(names.map((name, index) => [name, row[index] ?? null]));
  }

  /** A row whose key is whole: NULLs are never duplicates. */
  #existingRow({ columns, predicate }: TableKey): Row | undefined {
    const present = columns.flatMap((name) =>
      name === null ? [] : [`${quoteIdentifier(name)} IS NOT NULL`],
    );
    return this.#readRow([...present, `(${predicate ?? "1"})`].join(" AND "), []);
  }

  /** In turns: a new row with the old key, and the old row with new values for its other keys. */
  #mixture(key: TableKey, existing: Row, trial: number): Row {
    const fresh = this.#validRow();
    const isWhole = key.columns.includes(null) || key.predicate !== null || trial % 2 === 1;
    const row = new Map(isWhole ? existing : fresh);
    for (const other of this.#table.keys) {
      for (const name of other === key ? [] : other.columns)
        if (name !== null && isWhole) row.set(name, fresh.get(name) ?? null);
    }
    for (const name of key.columns) if (name !== null) row.set(name, existing.get(name) ?? null);
    return row;
  }

  #duplicate(key: TableKey, existing: Row, row: Row): Verdict {
    let verdict: Verdict = REFUSED_AS_IT_SHOULD;
    undone(this.#connection, () => {
      const refusal = insertRow(this.#connection, this.#table, row);
      if (refusal === null || refusal.errno === 0) verdict = this.#countDuplicates(key, existing);
      else if (!DUPLICATE.includes(refusal.errno))
        verdict = {
          verdict: "unclear",
          reason: `another constraint was first: ${refusal.message}`,
        };
    });
    return verdict;
  }

  /** A conflict clause may replace or ignore: what counts is that the key is there once. */
  #countDuplicates({ columns, predicate }: TableKey, existing: Row): Verdict {
    if (columns.includes(null))
      return { verdict: "unclear", reason: "it is on an expression and took the row" };
    const names = columns.filter((name) => name !== null);
    const condition = names.map((name) => `${quoteIdentifier(name)} = ?`).join(" AND ");
    const count = this.#count(
      `${condition} AND (${predicate ?? "1"})`,
      names.map((name) => existing.get(name) ?? null),
    );
    return count > 1 ? ACCEPTED : REFUSED_AS_IT_SHOULD;
  }

  #isOrphan(key: TableForeignKey, row: Row): boolean {
    const values = key.columns.map((name) => row.get(name) ?? null);
    if (values.includes(null)) return false;
    const condition = key.parentColumns.map((name) => `${quoteIdentifier(name)} = ?`).join(" AND ");
    const sql = `SELECT count(*) FROM ${quoteIdentifier(key.parent)} WHERE ${condition}`;
    const isOwnParent = key.parent.toLowerCase() === this.#table.name.toLowerCase();
    const isSelf =
      isOwnParent && key.parentColumns.every((name, at) => row.get(name) === values[at]);
    return !isSelf && this.#connection.readOnce(sql, ...values)[0]?.[0] === 0;
  }

  /** A deferred key is looked at by the commit, so there has to be one. */
  #insertAndCommit(row: Row): Refusal | null {
    this.#connection.runOnce("BEGIN IMMEDIATE");
    try {
      const refusal = insertNow(this.#connection, this.#table, row);
      if (refusal === null) this.#connection.runOnce("COMMIT");
      return refusal;
    } catch (error) {
      return refusalOf(error);
    } finally {
      if (this.#connection.inTransaction) this.#connection.runOnce("ROLLBACK");
    }
  }

  #count(condition: string, values: readonly Binding[] = []): number {
    const sql = `SELECT count(*) FROM ${quoteIdentifier(this.#table.name)} WHERE ${condition}`;
    return Number(this.#connection.readOnce(sql, ...values)[0]?.[0] ?? 0);
  }
}
