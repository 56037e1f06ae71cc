/** The plans of hot queries, and which indexes and foreign keys they leave without use or help. */
import { comparePlans, type FindingDegree } from "../../migration/query-plan.ts";
import { type HotQuery, NO_STEPS, type QueryFile } from "../../migration/queries.ts";
import type { Connection } from "./connection.ts";
import { ENGINE_TABLES } from "./ledger-tables.ts";
import { quoteIdentifier } from "./quote.ts";
import { isSqliteError, operationalCode } from "./sqlite-errors.ts";

export interface PlanFinding {
  readonly check: "plans" | "unused-index" | "unindexed-key";
  readonly degree: FindingDegree;
  /** The query, the index, or the child's columns. */
  readonly object: string;
  /** `file:line`, where it is something in `queries.sql`. */
  readonly place: string | null;
  readonly observed: string;
  readonly remedy: string;
}

export interface ExplainedQuery extends HotQuery {
  /** Null when it does not compile. */
  readonly plan: readonly string[] | null;
  /** SQLite's reason; null when it compiles. */
  readonly failure: string | null;
}

export interface PlanReport {
  readonly queries: readonly ExplainedQuery[];
  readonly findings: readonly PlanFinding[];
}

/**
 * Asks SQLite how it would run every query on this database, runs none, and compares.
 * A regression is a query that does not compile, or that scans or sorts where it did not; the rest are remarks.
 */
export function checkPlans(connection: Connection, file: QueryFile): PlanReport {
  const queries = file.queries.map((query) => explained(connection, query));
  const indexes = indexesOf(connection);
  const keys = unindexedKeys(connection);
  const used = new Set(queries.flatMap(({ plan }) => indexesIn(plan ?? [])));
  const unused = indexes.filter(
    ({ name, isUnique, servesKey }) => !isUnique && !servesKey && !used.has(name),
  );
  const findings = [
    ...queries.flatMap((query) => queryFinding(file, query)),
    ...unused.map(({ name, table }): PlanFinding => ({
      check: "unused-index",
      degree: "remark",
      object: name,
      place: null,
      observed: `no query of ${file.file} uses this index of ${table}`,
      remedy: `Drop it, add the query that needs it, or write \`-- unused-index: ${name}: WHY\`.`,
    })),
    ...keys.map((key): PlanFinding => ({
      check: "unindexed-key",
      degree: "remark",
      object: key.object,
      place: null,
      observed: `deleting from ${key.parent} reads the whole of ${key.table}`,
      remedy: `Create an index on it, or write \`-- unindexed-key: ${key.object}: WHY\`.`,
    })),
  ];
  return { queries, findings: accepted(file, findings) };
}

function explained(connection: Connection, query: HotQuery): ExplainedQuery {
  try {
    return { ...query, plan: planOf(connection, query.sql), failure: null };
  } catch (error) {
    if (!isSqliteError(error) || operationalCode(error) !== undefined) throw error;
    return { ...query, plan: null, failure: error.message };
  }
}

/** The plan of one statement, a line a step, indented by depth. */
function planOf(connection: Connection, sql: string): string[] {
  const depths = new Map<number, number>();
  const lines = connection.readOnce(`EXPLAIN QUERY PLAN ${sql}`).map(([id, parent, , detail]) => {
    const depth = (depths.get(Number(parent)) ?? -1) + 1;
    depths.set(Number(id), depth);
    return `${"  ".repeat(depth)}${String(detail)}`;
  });
  return lines.length === 0 ? [NO_STEPS] : lines;
}

function queryFinding({ file }: QueryFile, query: ExplainedQuery): PlanFinding[] {
  const found = { check: "plans", object: query.name, place: `${file}:${query.line}` } as const;
  if (query.plan === null) {
    const observed = `it does not compile: ${query.failure ?? ""}`;
    const remedy = "Change the query with the schema, in the code and here.";
    return [{ ...found, degree: "regression", observed, remedy }];
  }
  if (query.expected === null) {
    const remedy = "Run `migrate plans --write` to write it down.";
    return [{ ...found, degree: "remark", observed: "no plan is expected of it", remedy }];
  }
  const difference = comparePlans(query.expected, query.plan);
  if (difference === null) return [];
  const remedy =
    difference.degree === "regression"
      ? "Give the query its index back, or accept the new plan with `migrate plans --write`."
      : "Accept the new plan with `migrate plans --write`.";
  return [{ ...found, ...difference, remedy }];
}

function indexesIn(plan: readonly string[]): string[] {
  return plan.flatMap((line) => / INDEX (.+?)(?: \(|$)/.exec(line)?.[1] ?? []);
}

interface Index {
  readonly name: string;
  readonly table: string;
  readonly isUnique: boolean;
  /** True when it begins with a foreign key's columns: every delete of a parent uses it. */
  readonly servesKey: boolean;
}

function indexesOf(connection: Connection): Index[] {
  const rows = connection.readOnce(
    `SELECT i.name, s.name, i."unique",
       EXISTS (
         SELECT 1 FROM pragma_foreign_key_list(s.name) AS f, pragma_index_info(i.name) AS c
         WHERE c.seqno = 0 AND c.name = f."from" COLLATE NOCASE
       )
     FROM sqlite_schema AS s, pragma_index_list(s.name) AS i
     WHERE s.type = 'table' AND i.origin = 'c'
     ORDER BY s.name, i.name`,
  );
  return rows
    .map(([name, table, isUnique, servesKey]) => ({
      name: String(name),
      table: String(table),
      isUnique: isUnique === 1,
      servesKey: servesKey === 1,
    }))
    .filter(({ table }) => !ENGINE_TABLES.has(table));
}

interface UnindexedKey {
  readonly table: string;
  readonly parent: string;
  /** `table (column, column)`. */
  readonly object: string;
}

/** Foreign keys whose children SQLite can find only by reading the whole table; asked of SQLite itself. */
function unindexedKeys(connection: Connection): UnindexedKey[] {
  const rows = connection.readOnce(
    `SELECT s.name, f."table", json_group_array(f."from" ORDER BY f.seq)
     FROM sqlite_schema AS s, pragma_foreign_key_list(s.name) AS f
     WHERE s.type = 'table'
     GROUP BY s.name, f.id
     ORDER BY s.name, f.id DESC`,
  );
  return rows.flatMap(([child, parent, names]) => {
    const table = String(child);
    const columns = JSON.parse(String(names)) as string[];
    const condition = columns.map((column) => `${quoteIdentifier(column)} = ?`).join(" AND ");
    const plan = planOf(connection, `SELECT 1 FROM ${quoteIdentifier(table)} WHERE ${condition}`);
    if (plan.some((line) => line.startsWith("SEARCH"))) return [];
    return [{ table, parent: String(parent), object: `${table} (${columns.join(", ")})` }];
  });
}

/** Leaves out what the file says is meant to be so, and names what it says without need. */
function accepted(file: QueryFile, findings: readonly PlanFinding[]): PlanFinding[] {
  const isSaid = ({ check, object }: PlanFinding): boolean =>
    file.exceptions.some((exception) => exception.kind === check && exception.object === object);
  const needless = file.exceptions.filter(
    ({ kind, object }) =>
      !findings.some((finding) => finding.check === kind && finding.object === object),
  );
  return [
    ...findings.filter((finding) => !isSaid(finding)),
    ...needless.map(({ kind, object, line }): PlanFinding => ({
      check: kind,
      degree: "remark",
      object,
      place: `${file.file}:${line}`,
      observed: `it is no ${kind === "unused-index" ? "unused index" : "unindexed key"}`,
      remedy: "Remove the line.",
    })),
  ];
}
