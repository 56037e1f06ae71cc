/**
 * What a table lost when it was rebuilt: `DROP TABLE` takes triggers and indexes with it without a word, and what the
 * new definition does not repeat is gone. Round trips do not see it, because the down often puts it back.
 */
import type { MigrationBody } from "../../migration/migration.ts";
import { statementsOf } from "../../migration/sql-body.ts";
import type { Connection } from "./connection.ts";
import { ENGINE_TABLES_SQL } from "./ledger-tables.ts";
import { namesIn } from "./prove/position.ts";
import { describeSchema, type SchemaObject } from "./schema.ts";

export interface SchemaMoment {
  readonly objects: readonly SchemaObject[];
  /** Triggers and indexes with the table they are on and their text. */
  readonly dependents: readonly Dependent[];
}

interface Dependent {
  readonly type: "trigger" | "index";
  readonly name: string;
  readonly table: string;
  readonly sql: string;
}

export interface RebuildLoss {
  readonly table: string;
  /** dropped: a trigger or an index that no statement drops by name · loosened: a part of the definition. */
  readonly kind: "dropped" | "loosened";
  /** `trigger audit`, `CHECK (a > 0)`, `STRICT`. */
  readonly what: string;
}

export function readSchemaMoment(connection: Connection): SchemaMoment {
  const rows = connection.readOnce(
    `SELECT type, name, tbl_name, sql
     FROM sqlite_schema
     WHERE type IN ('trigger', 'index') AND sql IS NOT NULL AND tbl_name NOT IN (${ENGINE_TABLES_SQL})`,
  );
  return {
    objects: describeSchema(connection),
    dependents: rows.map(([type, name, table, sql]) => ({
      type: type as Dependent["type"],
      name: String(name),
      table: String(table),
      sql: String(sql),
    })),
  };
}

/**
 * What tables that are still there have lost in one step, without a statement that says so: `DROP TRIGGER`, `DROP
 * INDEX` and `DROP CONSTRAINT` are decisions, and so is dropping a column that the lost part is about. A check or a key
 * that stands there with other words was changed, not lost.
 */
export function rebuildLosses(
  before: SchemaMoment,
  after: SchemaMoment,
  body: MigrationBody,
): RebuildLoss[] {
  const said = saidBy(body);
  const tables = tablesOf(after);
  return [...tablesOf(before)].flatMap(([name, lines]) => {
    const now = tables.get(name);
    if (now === undefined) return [];
    const gone = new Set(columnsOf(lines).filter((column) => !columnsOf(now).includes(column)));
    const isDecided = (text: string): boolean =>
      [...namesIn(text).keys()].some((word) => gone.has(word));
    const dropped = before.dependents
      .filter(
        (one) => one.table.toLowerCase() === name && !said.dropped.has(one.name.toLowerCase()),
      )
      .filter((one) => !after.dependents.some((other) => isSameObject(one, other)))
      // Under another name it was replaced.
      .filter((one) => !after.dependents.some((other) => isRenamed(one, other)))
      .filter((one) => !isDecided(one.sql))
      .map((one) => ({
        kind: "dropped" as const,
        table: one.table,
        what: `${one.type} ${one.name}`,
      }));
    if (said.altered.has(name)) return dropped;
    const table = before.objects.find((o) => o.type === "table" && o.name.toLowerCase() === name);
    const loosened = lines
      .filter((line) => !now.includes(line) && !isDecided(line))
      .flatMap((line) =>
        partOf(line, {
          gained: now.filter((other) => !lines.includes(other)),
          columns: columnsOf(lines),
        }),
      )
      .map((what) => ({ kind: "loosened" as const, table: table?.name ?? name, what }));
    return [...dropped, ...loosened];
  });
}

const isSameObject = (one: Dependent, other: Dependent): boolean =>
  one.type === other.type && one.name.toLowerCase() === other.name.toLowerCase();

/** The same text but for the name, on the same table. */
function isRenamed(one: Dependent, other: Dependent): boolean {
  const plain = ({ sql, name }: Dependent): string =>
    sql
      .replaceAll(name, "")
      .replaceAll(/["`[\]\s]/g, "")
      .toLowerCase();
  return one.type === other.type && plain(one) === plain(other);
}

/** What the body drops by name, and the tables whose constraints it drops by name; a function says nothing. */
function saidBy(body: MigrationBody): {
  readonly dropped: ReadonlySet<string>;
  readonly altered: ReadonlySet<string>;
} {
  const dropped = new Set<string>();
  const altered = new Set<string>();
  for (const { words, text } of body.kind === "sql" ? statementsOf(body) : []) {
    const names = [...namesIn(text).keys()];
    if (words[0] === "DROP" && (words[1] === "TRIGGER" || words[1] === "INDEX"))
      for (const name of names) dropped.add(name);
    if (words[0] === "ALTER" && names.includes("constraint"))
      for (const name of names) altered.add(name);
  }
  return { dropped, altered };
}

function tablesOf({ objects }: SchemaMoment): Map<string, readonly string[]> {
  return new Map(
    objects
      .filter(({ type }) => type === "table")
      .map(({ name, description }) => [name.toLowerCase(), description]),
  );
}

const columnsOf = (lines: readonly string[]): string[] =>
  lines.flatMap((line) => /^column (\S+) .* pk=/.exec(line)?.[1]?.toLowerCase() ?? []);

/** The words for a line of a table's description that is gone; none when a new line is about the same. */
function partOf(
  line: string,
  { gained, columns }: { readonly gained: readonly string[]; readonly columns: readonly string[] },
): string[] {
  if (line.startsWith("check ")) {
    const about = (text: string): string[] =>
      [...namesIn(text.slice("check ".length)).keys()].filter((word) => columns.includes(word));
    const words = about(line);
    const isChanged = gained.some(
      (other) => other.startsWith("check ") && about(other).some((word) => words.includes(word)),
    );
    return isChanged ? [] : [`CHECK ${line.slice("check ".length)}`];
  }
  if (line.startsWith("foreign key ")) {
    const [, parent = "", pairs = ""] = /^foreign key (.+) (\S+>\S*) /.exec(line) ?? [];
    const from = pairs.split(",").map((pair) => pair.split(">", 1)[0] ?? "");
    const isChanged = gained.some(
      (other) => other.startsWith("foreign key ") && from.some((c) => other.includes(`${c}>`)),
    );
    return isChanged ? [] : [`FOREIGN KEY (${from.join(", ")}) to ${parent}`];
  }
  if (line.startsWith("unique ")) return [`UNIQUE ${line.slice("unique ".length)}`];
  if (line.startsWith("options ")) {
    const now = gained.find((other) => other.startsWith("options ")) ?? "";
    return [
      ...(line.includes("strict=1") && !now.includes("strict=1") ? ["STRICT"] : []),
      ...(line.includes("rowid=1") && !now.includes("rowid=1") ? ["WITHOUT ROWID"] : []),
    ];
  }
  if (/^column \S+ AUTOINCREMENT$/.test(line)) return ["AUTOINCREMENT"];
  return [];
}
