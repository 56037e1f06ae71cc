/**
 * Holds a section to its `-- migrate:touches` lines. Everything that a statement reaches is asked of SQLite's
 * authorizer, with foreign keys off and on, and what it changes in the schema is read back: what is not named is
 * refused, and so is what cannot be found out.
 */
import { MigrationError } from "../../../errors.ts";
import type { SqlBody } from "../../../migration/migration.ts";
import type { Step } from "../../../migration/plan.ts";
import { positionIn, statementsOf } from "../../../migration/sql-body.ts";
import { runsAlone } from "../../../migration/statement-rules.ts";
import type { Statement } from "../../../migration/sql-scanner.ts";
import { hasLimit, touchesOf } from "../../../migration/touches.ts";
import type { Connection } from "../connection.ts";
import { quoteIdentifier } from "../quote.ts";
import { type Reach, reachOf } from "./reach.ts";
import { Shadow } from "./shadow.ts";
import { verbOf } from "./statement-shape.ts";

/**
 * Checks the sections of a plan that have a limit against the schema as it is; nothing is written. The steps before
 * them are run on the shadow; a function is not, so what comes after one is checked when its turn comes.
 * @throws {MigrationError} MIGRATION_TOUCHES.
 */
export function checkLimits(connection: Connection, steps: readonly Step[]): void {
  const last = steps.findLastIndex(({ body }) => hasLimit(body));
  if (last < 0) return;
  using shadow = new Shadow(connection);
  for (const { body } of steps.slice(0, last + 1)) {
    // It changes rows, of which the shadow has none.
    if (body.kind === "batched") continue;
    if (body.kind === "function") return;
    const limit = limitOf(shadow, body);
    for (const statement of statementsOf(body)) {
      if (runsAlone(statement)) continue;
      limit?.admit(statement);
      const failure = shadow.run(statement.text);
      limit?.settle(statement, failure);
    }
  }
}

/** The limit of a section, null when it has none. */
export function limitOf(shadow: Shadow, body: SqlBody): TouchLimit | null {
  const tables = touchesOf(body);
  return tables === null ? null : new TouchLimit(shadow, body, tables);
}

export class TouchLimit {
  readonly #shadow: Shadow;
  readonly #body: SqlBody;
  readonly #tables: ReadonlySet<string>;
  #schema: ReadonlyMap<string, SchemaEntry> = new Map();
  /** What writing to the table of a trigger reached before the trigger was there. */
  #reachedBefore: Footprint | null = null;

  constructor(shadow: Shadow, body: SqlBody, tables: ReadonlySet<string>) {
    this.#shadow = shadow;
    this.#body = body;
    this.#tables = tables;
  }

  /**
   * Refuses a statement that reaches more than the section says; called before it runs on the shadow.
   * @throws {MigrationError} MIGRATION_TOUCHES.
   */
  admit(statement: Statement): void {
    const [missing] = this.#shadow.missing;
    if (missing !== undefined) this.#refuseUnknown(statement, `${missing} could not be copied`);
    const { reached, failure } = this.#reachOf(statement.text);
    if (failure !== null) this.#refuseUnknown(statement, failure);
    // DDL mentions SQLite's own tables by itself; other statements mention them when their author did.
    const isDdl = DDL.has(verbOf(statement));
    this.#refuseBeyond(
      statement,
      reached.filter(({ table }) => !(isDdl && isSqlites(table))),
    );
    this.#schema = this.#readSchema();
    const table = triggerTableOf(statement, reached);
    this.#reachedBefore = table === null ? null : this.#footprintOf(table);
  }

  /**
   * Refuses what a statement did to the schema beyond the section's tables: a rename rewrites triggers and views
   * elsewhere, a new trigger or view may lead anywhere. Called after it ran on the shadow.
   * @throws {MigrationError} MIGRATION_TOUCHES.
   */
  settle(statement: Statement, failure: string | null): void {
    if (!DDL.has(verbOf(statement))) return;
    if (failure !== null) this.#refuseUnknown(statement, failure);
    const after = this.#readSchema();
    const changed = changedTables(this.#schema, after);
    this.#refuseBeyond(
      statement,
      changed.map((table) => ({ table, does: "changes the schema of", via: null })),
    );
    for (const [key, { type, name }] of after) {
      if (type !== "view" || this.#schema.has(key)) continue;
      const { reached } = this.#reachOf(`SELECT * FROM ${quoteIdentifier(name)}`);
      this.#refuseBeyond(statement, reached);
    }
    const before = this.#reachedBefore;
    if (before === null) return;
    const now = this.#footprintOf(before.table);
    if (now.failures.size > before.failures.size)
      this.#refuseUnknown(statement, [...now.failures].join("; "));
    this.#refuseBeyond(
      statement,
      [...now.reached.values()].filter((reach) => !before.reached.has(keyOf(reach))),
    );
  }

  #refuseBeyond(statement: Statement, reached: readonly Reach[]): void {
    const virtual = reached.find(({ table }) => mayLeadOn(this.#shadow.definition(table)));
    if (virtual !== undefined)
      this.#refuseUnknown(statement, `${virtual.table} is a virtual table that may lead anywhere`);
    const beyond = reached.find(
      (reach) => !this.#tables.has(reach.table.toLowerCase()) && !this.#isTableValued(reach),
    );
    if (beyond === undefined) return;
    const by = beyond.via === null ? "" : ` (by ${beyond.via})`;
    this.#refuse(statement, `it ${beyond.does} ${beyond.table}${by}`, beyond.table);
  }

  #refuseUnknown(statement: Statement, reason: string): never {
    this.#refuse(statement, `what it reaches can't be told (${reason})`, null);
  }

  #refuse(statement: Statement, observed: string, table: string | null): never {
    const position = positionIn(this.#body, statement.start);
    const tables = [...this.#tables];
    throw new MigrationError(
      "MIGRATION_TOUCHES",
      `Cannot run ${position.file}:${position.line} \`${firstLineOf(statement)}\`: ${observed}, expected only ${tables.join(", ")}, as its \`migrate:touches\` says`,
      { details: { position, statement: statement.text, table, tables } },
    );
  }

  /** With foreign keys on, a mere look at the key that is pointed at does not count: nothing is done there. */
  #reachOf(sql: string): { readonly reached: readonly Reach[]; readonly failure: string | null } {
    const { off, on, failure } = this.#shadow.reportsOf(sql);
    const tableOf = (index: string): string | null => this.#shadow.tableOfIndex(index);
    const known = new Map<string, Reach>();
    for (const report of off) {
      const reach = reachOf(report, tableOf);
      if (reach !== null) known.set(keyOf(reach), reach);
    }
    for (const report of on) {
      const reach = reachOf(report, tableOf);
      if (reach === null || (reach.does === "reads" && reach.via === null)) continue;
      if (!known.has(keyOf(reach)))
        known.set(keyOf(reach), { ...reach, via: reach.via ?? "a foreign key" });
    }
    return { reached: [...known.values()], failure };
  }

  /** What writing to a table reaches, by triggers and foreign keys. */
  #footprintOf(table: string): Footprint {
    const name = quoteIdentifier(table);
    const columns = this.#shadow.columns(table).filter(({ isGenerated }) => !isGenerated);
    const sets = columns.map((column) => quoteIdentifier(column.name)).map((c) => `${c} = ${c}`);
    const reached = new Map<string, Reach>();
    const failures = new Set<string>();
    for (const sql of [
      `INSERT INTO ${name} DEFAULT VALUES`,
      `UPDATE ${name} SET ${sets.join(", ")}`,
      `DELETE FROM ${name}`,
    ]) {
      const probe = this.#reachOf(sql);
      if (probe.failure !== null) failures.add(probe.failure);
      for (const reach of probe.reached) reached.set(keyOf(reach), reach);
    }
    return { table, reached, failures };
  }

  /** `json_each` and its like are no tables of the database; those that show the file itself count. */
  #isTableValued({ does, table }: Reach): boolean {
    if (does !== "reads" || isSqlites(table) || /^dbstat$/i.test(table)) return false;
    return !this.#shadow.hasRelation(table);
  }

  /** Everything but SQLite's own tables and those that a virtual table keeps. */
  #readSchema(): ReadonlyMap<string, SchemaEntry> {
    return new Map(this.#shadow.schema().map((entry) => [`${entry.type} ${entry.name}`, entry]));
  }
}

/** One row of the schema. */
export interface SchemaEntry {
  readonly type: string;
  readonly name: string;
  /** The table or view that it belongs to. */
  readonly table: string;
  readonly sql: string;
}

interface Footprint {
  readonly table: string;
  readonly reached: ReadonlyMap<string, Reach>;
  readonly failures: ReadonlySet<string>;
}

const DDL: ReadonlySet<string> = new Set(["ALTER", "ANALYZE", "CREATE", "DROP", "REINDEX"]);

/** Modules that keep what they have in tables of their own, unless they are told of another's. */
function mayLeadOn(definition: string): boolean {
  if (!/^CREATE\s+VIRTUAL\b/i.test(definition)) return false;
  return (
    !/\bUSING\s+(fts[345]|rtree|geopoly)\b/i.test(definition) || /\bcontent\s*=/i.test(definition)
  );
}

const isSqlites = (name: string): boolean => /^sqlite_/i.test(name);

const keyOf = ({ table, does, via }: Reach): string =>
  `${does}\0${table.toLowerCase()}\0${via ?? ""}`;

function triggerTableOf(statement: Statement, reached: readonly Reach[]): string | null {
  if (!statement.words.includes("TRIGGER") || statement.words[0] !== "CREATE") return null;
  return reached.find(({ does }) => does === "makes a trigger on")?.table ?? null;
}

function changedTables(
  before: ReadonlyMap<string, SchemaEntry>,
  after: ReadonlyMap<string, SchemaEntry>,
): string[] {
  const tables = new Set<string>();
  for (const [key, { table, sql }] of before) {
    const now = after.get(key);
    if (now?.sql === sql && now.table === table) continue;
    tables.add(table);
    if (now !== undefined) tables.add(now.table);
  }
  for (const [key, { table }] of after) if (!before.has(key)) tables.add(table);
  return [...tables];
}

/** Enough to know a statement by. */
function firstLineOf({ text }: Statement): string {
  const line = text.split("\n", 1)[0]?.trim() ?? "";
  return line.length > 60 ? `${line.slice(0, 59)}…` : line;
}
