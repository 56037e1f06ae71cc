/** Rows that migrations insert must come back when everything is undone and done again. */
import { UsageDbError } from "../../../errors.ts";
import type { Migration } from "../../../migration/migration.ts";
import { NO_VERSION, type Version } from "../../../migration/version.ts";
import type { Binding, Connection } from "../connection.ts";
import { labelOf, originOf, startOf } from "./position.ts";
import { failed, notTested, passed, type ProofCheck } from "./report.ts";
import type { Sandbox, SandboxDatabase } from "./sandbox.ts";
import { readTables, type TableShape } from "./tables.ts";
import { quoteIdentifier } from "../quote.ts";

interface Content {
  readonly shape: TableShape;
  readonly rows: readonly Binding[][];
}

/**
 * One check a table that has rows after a fresh migration, and one for each version that is alone to blame:
 * a rollback of everything drops the tables, and with them what a single down forgot.
 */
export function proveDefaults(sandbox: Sandbox, migrations: readonly Migration[]): ProofCheck[] {
  const barrier = migrations.findLast(({ down }) => down === null);
  using database = sandbox.openAt();
  const { connection, migrator } = database;
  const withRows = [...readContents(connection).values()].filter(({ rows }) => rows.length > 0);
  const steps = proveSteps(sandbox, migrations);
  if (withRows.length === 0)
    return steps.length > 0 ? steps : [leftOut("the migrations insert no rows")];
  if (barrier !== undefined && barrier === migrations.at(-1)) {
    const reason = `${labelOf(barrier)} has no down, so not everything can be done again`;
    return [...steps, leftOut(reason)];
  }
  try {
    migrator.rollback({ target: barrier?.version ?? NO_VERSION, useFiles: true });
    migrator.up();
  } catch (error) {
    if (!(error instanceof UsageDbError) || error.audience === "operator") throw error;
    return [...steps, leftOut("down and up again does not run")];
  }
  const again = readContents(connection);
  return [
    ...withRows.map((before) => {
      const { name } = before.shape;
      const found = compare(before, again.get(name), () => sandbox.openAt());
      const origin = originOf(migrations, name);
      return found.isSame
        ? passed("defaults", `table ${name}`, found.observed, { table: name })
        : differing(`table ${name}`, found.observed, { table: name, ...origin });
    }),
    ...steps,
  ];
}

const leftOut = (observed: string): ProofCheck =>
  notTested("defaults", "directory", { observed, remedy: null });

const differing = (
  subject: string,
  observed: string,
  place: Parameters<typeof failed>[3],
): ProofCheck =>
  failed(
    "defaults",
    subject,
    { observed, remedy: "Delete in the down what the up inserts, and insert the same again." },
    place,
  );

/** Each version that leaves other rows when it is undone and done again. */
function proveSteps(sandbox: Sandbox, migrations: readonly Migration[]): ProofCheck[] {
  const checks: ProofCheck[] = [];
  let database = sandbox.open();
  try {
    let below: Version = NO_VERSION;
    let known: ReadonlyMap<string, Content> = new Map();
    for (const { version, name, down, up } of migrations) {
      database.migrator.up({ target: version });
      const before = readContents(database.connection, known);
      known = before;
      const hasRows = [...before.values()].some(({ rows }) => rows.length > 0);
      if (down !== null && hasRows) {
        const found = proveStep(sandbox, database, { before, version, below });
        for (const { table, observed } of found ?? [])
          checks.push(
            differing(labelOf({ version, name }), `${table}: ${observed}`, {
              version,
              table,
              position: startOf(down) ?? startOf(up),
            }),
          );
        if (found === null || found.length > 0) {
          database.connection.close();
          database = sandbox.openAt(version);
        }
      }
      below = version;
    }
  } finally {
    database.connection.close();
  }
  return checks;
}

/** The tables that differ after down and up again; null when that does not run, which the round trip reports. */
function proveStep(
  sandbox: Sandbox,
  { connection, migrator }: SandboxDatabase,
  { before, version, below }: StepContents,
): { readonly table: string; readonly observed: string }[] | null {
  try {
    migrator.rollback({ target: below, useFiles: true });
    migrator.up({ target: version });
  } catch (error) {
    if (!(error instanceof UsageDbError) || error.audience === "operator") throw error;
    return null;
  }
  const again = readContents(connection, before);
  return [...before.values()].flatMap((content) => {
    const { name } = content.shape;
    const found = compare(content, again.get(name), () => sandbox.openAt(version));
    return found.isSame ? [] : [{ table: name, observed: found.observed }];
  });
}

interface StepContents {
  readonly before: ReadonlyMap<string, Content>;
  readonly version: Version;
  readonly below: Version;
}

/** @param openTwin makes a second fresh database at the same version. */
function compare(
  before: Content,
  after: Content | undefined,
  openTwin: () => SandboxDatabase,
): { readonly isSame: boolean; readonly observed: string } {
  const count = `${before.rows.length} row(s)`;
  if (after === undefined) return { isSame: false, observed: "the table is gone" };
  if (isSame(before, after, [])) return { isSame: true, observed: `${count} come back` };
  if (after.rows.length !== before.rows.length) {
    const observed = `${count} after a fresh up, ${after.rows.length} after down and up again`;
    return { isSame: false, observed };
  }
  const volatile = volatileColumns(openTwin, before);
  if (isSame(before, after, volatile))
    return {
      isSame: true,
      observed: `${count} come back, apart from ${volatile.join(", ")}, new on each run`,
    };
  const changed = before.shape.columns
    .map((column) => column.name)
    .filter((column) => !volatile.includes(column) && !isSameColumn(before, after, column));
  const columns = changed.length === 0 ? "rows" : changed.join(", ");
  return { isSame: false, observed: `${columns} differ after down and up again` };
}

/** Columns that two fresh databases disagree on: times and random numbers. */
function volatileColumns(openTwin: () => SandboxDatabase, before: Content): string[] {
  using other = openTwin();
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

/** @param known an earlier reading, whose shapes are used again where they are the same. */
function readContents(
  connection: Connection,
  known: ReadonlyMap<string, Content> = new Map(),
): Map<string, Content> {
  const shapes = new Map([...known].map(([name, { shape }]) => [name, shape] as const));
  return new Map(
    readTables(connection, shapes).map((shape) => {
      const columns = shape.columns.map(({ name }) => quoteIdentifier(name)).join(", ");
      const rows = connection.readOnce(`SELECT ${columns} FROM ${quoteIdentifier(shape.name)}`);
      return [shape.name, { shape, rows }];
    }),
  );
}
