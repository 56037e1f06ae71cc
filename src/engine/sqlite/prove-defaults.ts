/** Rows that migrations insert must come back when everything is undone and done again. */
import type { Migration } from "../../migration/migration.ts";
import { NO_VERSION } from "../../migration/version.ts";
import type { Binding, Connection } from "./connection.ts";
import { labelOf, originOf } from "./prove-position.ts";
import { failed, notTested, passed, type ProofCheck } from "./prove-report.ts";
import type { Sandbox } from "./prove-sandbox.ts";
import { readTables, type TableShape } from "./prove-tables.ts";
import { quoteIdentifier } from "./quote.ts";

interface Content {
  readonly shape: TableShape;
  readonly rows: readonly Binding[][];
}

/** One check a table that has rows after a fresh migration. */
export function proveDefaults(sandbox: Sandbox, migrations: readonly Migration[]): ProofCheck[] {
  const barrier = migrations.findLast(({ down }) => down === null);
  using database = sandbox.openAt();
  const { connection, migrator } = database;
  const first = readContents(connection);
  const withRows = [...first.values()].filter(({ rows }) => rows.length > 0);
  if (withRows.length === 0) {
    return [
      notTested("defaults", "directory", {
        observed: "the migrations insert no rows",
        remedy: null,
      }),
    ];
  }
  if (barrier !== undefined && barrier === migrations.at(-1)) {
    return [
      notTested("defaults", "directory", {
        observed: `${labelOf(barrier)} has no down, so nothing can be done again`,
        remedy: null,
      }),
    ];
  }
  migrator.rollback({ target: barrier?.version ?? NO_VERSION });
  migrator.up();
  const again = readContents(connection);
  return withRows.map((before) => compare(sandbox, migrations, before, again));
}

function compare(
  sandbox: Sandbox,
  migrations: readonly Migration[],
  before: Content,
  again: ReadonlyMap<string, Content>,
): ProofCheck {
  const { name } = before.shape;
  const after = again.get(name);
  const subject = `table ${name}`;
  const count = `${before.rows.length} row(s)`;
  if (after !== undefined && isSame(before, after, []))
    return passed("defaults", subject, `${count} come back`, { table: name });
  const volatile = volatileColumns(sandbox, before);
  if (after !== undefined && isSame(before, after, volatile)) {
    const apart =
      volatile.length === 0 ? "" : `, apart from ${volatile.join(", ")}, new on each run`;
    return passed("defaults", subject, `${count} come back${apart}`, { table: name });
  }
  const changed = before.shape.columns
    .map((column) => column.name)
    .filter((column) => !volatile.includes(column))
    .filter((column) => after === undefined || !isSameColumn(before, after, column));
  const observed =
    after?.rows.length === before.rows.length
      ? `${changed.join(", ")} differ after down and up again`
      : `${before.rows.length} row(s) after a fresh up, ${after?.rows.length ?? 0} after down and up again`;
  return failed(
    "defaults",
    subject,
    { observed, remedy: "Delete in the down what the up inserts, and insert the same again." },
    { table: name, ...originOf(migrations, name) },
  );
}

/** Columns that two fresh databases disagree on: times and random numbers. */
function volatileColumns(sandbox: Sandbox, before: Content): string[] {
  using other = sandbox.openAt();
  const twin = readContents(other.connection).get(before.shape.name);
  if (twin === undefined || twin.rows.length !== before.rows.length) return [];
  return before.shape.columns
    .map(({ name }) => name)
    .filter((name) => !isSameColumn(before, twin, name));
}

function isSameColumn(left: Content, right: Content, column: string): boolean {
  const others = left.shape.columns.map(({ name }) => name).filter((name) => name !== column);
  return isSame(left, right, others);
}

function isSame(left: Content, right: Content, without: readonly string[]): boolean {
  const text = ({ shape, rows }: Content): string => {
    const kept = shape.columns.flatMap(({ name }, index) =>
      without.includes(name) ? [] : [index],
    );
    return rows
      .map((row) => JSON.stringify(kept.map((index) => printable(row[index] ?? null))))
      .sort()
      .join("\n");
  };
  return text(left) === text(right);
}

const printable = (value: Binding): string =>
  value instanceof Uint8Array ? `x'${value.toHex()}'` : `${typeof value} ${String(value)}`;

function readContents(connection: Connection): Map<string, Content> {
  return new Map(
    readTables(connection).map((shape) => {
      const columns = shape.columns.map(({ name }) => quoteIdentifier(name)).join(", ");
      const rows = connection.readOnce(`SELECT ${columns} FROM ${quoteIdentifier(shape.name)}`);
      return [shape.name, { shape, rows }];
    }),
  );
}
