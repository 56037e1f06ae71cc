/**
 * Compares a table's rows with what they were, inside SQLite: no row is handed out unless it differs, so there is
 * nothing to hash and nothing that two rows could have in common by chance.
 */
import type { Connection } from "../connection.ts";
import { quoteIdentifier } from "../quote.ts";
import { countRows, type TableState } from "./table-state.ts";

export interface RowDifferences {
  /** Rows of before that are no longer there. */
  readonly lost: number;
  /** Rows that were not there before. */
  readonly added: number;
  /** Rows that are there, with other values. */
  readonly changed: number;
  /** Columns in which values differ, with the number of rows. */
  readonly columns: readonly { readonly name: string; readonly rowCount: number }[];
  /** Primary keys of a few rows that are lost, as SQL literals; empty when there is no key. */
  readonly lostKeys: readonly string[];
  readonly changedKeys: readonly string[];
}

const SAME: RowDifferences = {
  lost: 0,
  added: 0,
  changed: 0,
  columns: [],
  lostKeys: [],
  changedKeys: [],
};
const MAX_KEYS = 5;
const MAX_KEY_CHARACTERS = 60;

/**
 * Compares the columns that both have; values are equal when type and bytes are, whatever collation and affinity say.
 * Rows are matched by rowid where that is the key, by the primary key, else by their whole content.
 */
export function compareRows(
  both: Connection,
  before: TableState,
  after: TableState,
): RowDifferences {
  const columns = [...before.columns.keys()].flatMap((name) => {
    const other = [...after.columns.keys()].find((o) => o.toLowerCase() === name.toLowerCase());
    return other === undefined
      ? []
      : [{ name, other, isTyped: isTyped(before, after, name, other) }];
  });
  const comparison = new Comparison(both, before, after, columns);
  return comparison.run();
}

interface ComparedColumn {
  readonly name: string;
  readonly other: string;
  /** False when equal values may still be of unequal types. */
  readonly isTyped: boolean;
}

/** In STRICT tables a column's type says what its values are; ANY says nothing. */
function isTyped(before: TableState, after: TableState, name: string, other: string): boolean {
  const type = before.columns.get(name);
  return before.isStrict && after.isStrict && type !== "ANY" && type === after.columns.get(other);
}

class Comparison {
  readonly #both: Connection;
  readonly #before: TableState;
  readonly #after: TableState;
  readonly #columns: readonly ComparedColumn[];

  constructor(
    both: Connection,
    before: TableState,
    after: TableState,
    columns: readonly ComparedColumn[],
  ) {
    this.#both = both;
    this.#before = before;
    this.#after = after;
    this.#columns = columns;
  }

  run(): RowDifferences {
    const beforeCount = countRows(this.#both, "before", this.#before.name);
    const afterCount = countRows(this.#both, "main", this.#after.name);
    if (beforeCount === 0) return { ...SAME, added: afterCount };
    if (this.#columns.length === 0) return { ...SAME, lost: beforeCount, added: afterCount };
    if (!this.#hasRowids()) return this.#byKey(this.#keyMatch(), beforeCount, afterCount);
    const byRowid = this.#byKey(this.#rowidMatch(), beforeCount, afterCount);
    const isSame = byRowid.lost + byRowid.added + byRowid.changed === 0;
    if (isSame || this.#isRowidTheKey()) return byRowid;
    // Rowids that nobody declared are nobody's: a rebuild may number the rows anew.
    if (this.#hasSameKey()) return this.#byKey(this.#keyMatch(), beforeCount, afterCount);
    return this.#byContent();
  }

  #hasRowids(): boolean {
    const { isWithoutRowid } = this.#before;
    if (isWithoutRowid || this.#after.isWithoutRowid) return false;
    return rowidOf(this.#before) !== null && rowidOf(this.#after) !== null;
  }

  #isRowidTheKey(): boolean {
    return this.#before.isRowidKey && this.#after.isRowidKey && this.#hasSameKey();
  }

  /** With another key on either side a lookup would read the whole table for every row. */
  #hasSameKey(): boolean {
    const lower = ({ primaryKey }: TableState): string => primaryKey.join("\0").toLowerCase();
    return this.#before.primaryKey.length > 0 && lower(this.#before) === lower(this.#after);
  }

  #rowidMatch(): Match {
    const [left, right] = [rowidOf(this.#before) ?? "rowid", rowidOf(this.#after) ?? "rowid"];
    return { condition: `a.${right} = b.${left}`, isMissing: `a.${right} IS NULL` };
  }

  #keyMatch(): Match {
    if (!this.#hasSameKey()) return { condition: null, isMissing: "" };
    const pairs = this.#before.primaryKey.map((name, index) => {
      const [left, right] = [name, this.#after.primaryKey[index] ?? name].map(quoteIdentifier);
      return { left, right };
    });
    // Any column that is not in the table's row can tell; a NULL in the key itself cannot.
    const marker = this.#after.isWithoutRowid
      ? `a.${pairs[0]?.right ?? ""}`
      : `a.${rowidOf(this.#after) ?? "rowid"}`;
    return {
      condition: pairs.map(({ left, right }) => `a.${right} IS b.${left}`).join(" AND "),
      isMissing: `${marker} IS NULL`,
    };
  }

  #byKey({ condition, isMissing }: Match, beforeCount: number, afterCount: number): RowDifferences {
    if (condition === null) return this.#byContent();
    const differs = this.#columns.map(differenceOf).join(" OR ");
    const from = `FROM before.${quoteIdentifier(this.#before.name)} AS b
      LEFT JOIN main.${quoteIdentifier(this.#after.name)} AS a ON ${condition}`;
    const row = this.#both.readOnce(
      `SELECT coalesce(sum(${isMissing}), 0), count(*) ${from} WHERE ${isMissing} OR ${differs}`,
    )[0];
    const lost = Number(row?.[0] ?? 0);
    const changed = Number(row?.[1] ?? 0) - lost;
    const added = afterCount - (beforeCount - lost);
    if (lost === 0 && changed === 0) return { ...SAME, added };
    const isPresent = `NOT (${isMissing})`;
    return {
      lost,
      added,
      changed,
      columns: changed === 0 ? [] : this.#changedColumns(from, isPresent),
      lostKeys: lost === 0 ? [] : this.#keysOf(`${from} WHERE ${isMissing}`),
      changedKeys: changed === 0 ? [] : this.#keysOf(`${from} WHERE ${isPresent} AND (${differs})`),
    };
  }

  #changedColumns(from: string, isPresent: string): RowDifferences["columns"] {
    const sums = this.#columns.map((column) => `sum(${differenceOf(column)})`).join(", ");
    const row = this.#both.readOnce(`SELECT ${sums} ${from} WHERE ${isPresent}`)[0] ?? [];
    return this.#columns
      .map(({ name }, index) => ({ name, rowCount: Number(row[index] ?? 0) }))
      .filter(({ rowCount }) => rowCount > 0);
  }

  #keysOf(rest: string): string[] {
    const { primaryKey } = this.#before;
    if (primaryKey.length === 0) return [];
    const parts = primaryKey.map(
      (name) => `substr(quote(b.${quoteIdentifier(name)}), 1, ${MAX_KEY_CHARACTERS})`,
    );
    return this.#both
      .readOnce(`SELECT ${parts.join(", ")} ${rest} LIMIT ${MAX_KEYS}`)
      .map((row) => (row.length === 1 ? String(row[0]) : `(${row.join(", ")})`));
  }

  /** Rows as a bag: a row that is there twice has to be there twice. Sorts both tables. */
  #byContent(): RowDifferences {
    const side = (schema: string, table: TableState, sign: number): string => {
      const values = this.#columns.flatMap(({ name, other, isTyped: isKnown }, index) => {
        const column = quoteIdentifier(schema === "before" ? name : other);
        return [
          `${column} COLLATE BINARY AS c${index}`,
          ...(isKnown ? [] : [`typeof(${column}) AS t${index}`]),
        ];
      });
      return `SELECT ${values.join(", ")}, ${sign} AS s FROM ${schema}.${quoteIdentifier(table.name)}`;
    };
    const group = this.#columns
      .flatMap(({ isTyped: isKnown }, index) =>
        isKnown ? [`c${index} COLLATE BINARY`] : [`c${index} COLLATE BINARY`, `t${index}`],
      )
      .join(", ");
    const row = this.#both.readOnce(
      `SELECT coalesce(sum(max(d, 0)), 0), coalesce(sum(max(-d, 0)), 0)
       FROM (
         SELECT sum(s) AS d
         FROM (${side("before", this.#before, 1)} UNION ALL ${side("main", this.#after, -1)})
         GROUP BY ${group}
       )`,
    )[0];
    return { ...SAME, lost: Number(row?.[0] ?? 0), added: Number(row?.[1] ?? 0) };
  }
}

interface Match {
  /** Null when there is nothing to match rows by. */
  readonly condition: string | null;
  readonly isMissing: string;
}

/** The comparison takes the left side's collation and the columns' affinities, unless it is told not to. */
function differenceOf({ name, other, isTyped: isKnown }: ComparedColumn): string {
  const [left, right] = [`b.${quoteIdentifier(name)}`, `a.${quoteIdentifier(other)}`];
  const values = `${left} COLLATE BINARY IS NOT ${right}`;
  return isKnown ? `(${values})` : `(${values} OR typeof(${left}) <> typeof(${right}))`;
}

/** A name by which the rowid can be had; null when columns have taken all three. */
function rowidOf({ columns, isWithoutRowid }: TableState): string | null {
  if (isWithoutRowid) return null;
  const taken = new Set([...columns.keys()].map((name) => name.toLowerCase()));
  return ["rowid", "_rowid_", "oid"].find((name) => !taken.has(name)) ?? null;
}
