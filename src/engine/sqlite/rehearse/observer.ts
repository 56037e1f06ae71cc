/** Looks at the copy: what it was, what it is, and what SQLite's own checks say of it. */
import {
  baselineOf,
  newViolations,
  readViolations,
  type ViolationBaseline,
} from "../foreign-keys.ts";
import { quoteIdentifier } from "../quote.ts";
import { readSchemaMoment, type SchemaMoment } from "../rebuild-losses.ts";
import { countingTables, loweredSequences, readSequences } from "../sequences.ts";
import { compareRows, type RowDifferences } from "./compare-rows.ts";
import type { PrivateCopy } from "./private-copy.ts";
import { countRows, listTables, type TableState } from "./table-state.ts";
import type { Connection } from "../connection.ts";
import { PageOwners } from "./written-pages.ts";

/** What the copy was when a stretch began, or is at a later moment. */
export interface Moment {
  readonly schema: SchemaMoment;
  readonly rowCounts: ReadonlyMap<string, number>;
}

export interface TableComparison {
  readonly table: string;
  /** Null when the table is gone. */
  readonly differences: RowDifferences | null;
  readonly rowCount: number;
}

export interface Soundness {
  readonly integrity: readonly { readonly table: string | null; readonly message: string }[];
  readonly violations: readonly {
    readonly table: string;
    readonly parent: string;
    readonly count: number;
  }[];
  readonly sequences: ReturnType<typeof loweredSequences>;
}

const MAX_MESSAGES = 20;
const MAX_OLD_MESSAGES = 1_000_000;

export class Observer {
  readonly #copy: PrivateCopy;
  #owners: PageOwners | null = null;
  #hasOwners = false;
  #violations: ViolationBaseline = new Map();
  #sequences: ReadonlyMap<string, number> = new Map();

  constructor(copy: PrivateCopy) {
    this.#copy = copy;
    this.#look();
  }

  /** From here on, "before" is what the copy is now. */
  settle(): void {
    this.#copy.settle();
    this.#hasOwners = false;
    this.#owners = null;
    this.#look();
  }

  #look(): void {
    this.#violations = baselineOf(readViolations(this.#copy.connection));
    this.#sequences = readSequences(this.#copy.connection);
  }

  /** The schema and the rows of every table at this moment. */
  moment(): Moment {
    const { connection } = this.#copy;
    const names = [...listTables(connection, "main").tables.keys()];
    return {
      schema: readSchemaMoment(connection),
      rowCounts: new Map(names.map((name) => [name, countRows(connection, "main", name)])),
    };
  }

  /** Tables of before that cannot be compared row by row. */
  get incomparable(): readonly string[] {
    return listTables(this.#copy.connection, "main").virtual;
  }

  /** Compares the tables of before that `isWanted`; those of which no page was written are left out as equal. */
  compare(isWanted: (table: string) => boolean): TableComparison[] {
    return this.#copy.compare((both) => {
      const after = listTables(both, "main").tables;
      return this.#written(both)
        .filter(({ name }) => isWanted(name))
        .map((before) => {
          const now = after.get(before.name) ?? findTable(after, before.name);
          return {
            table: before.name,
            rowCount: countRows(both, "before", before.name),
            differences: now === undefined ? null : compareRows(both, before, now),
          };
        });
    });
  }

  /**
   * What SQLite finds wrong that was not before. `thorough` looks at every page and row, and at the rows of suspect
   * tables against their indexes where an index was written; otherwise at suspect tables only, a tenth of the time.
   * Looking everything up in every index, written or not, would take longer than the copy.
   */
  check(thoroughness: "thorough" | "quick", isSuspect: (table: string) => boolean): Soundness {
    return this.#copy.compare((both) => {
      const written = new Set(this.#written(both).map(({ name }) => name));
      const known = new Set(listTables(both, "before").tables.keys());
      const suspects = [...listTables(both, "main").tables.keys()].filter((name) =>
        known.has(name) ? written.has(name) && isSuspect(name) : true,
      );
      const isThorough = thoroughness === "thorough";
      const pages = isThorough ? this.#newMessages(both, "quick_check", null) : [];
      const check = isThorough ? "integrity_check" : "quick_check";
      const doubtful = isThorough
        ? suspects.filter((name) => this.#hasWrittenIndex(both, name))
        : suspects;
      return {
        integrity: [
          ...pages.map((message) => ({ table: null, message })),
          ...doubtful.flatMap((table) =>
            this.#newMessages(both, check, { table, isOld: known.has(table) })
              .filter((message) => !pages.includes(message))
              .map((message) => ({ table, message })),
          ),
        ],
        violations: grouped(newViolations(readViolations(this.#copy.connection), this.#violations)),
        sequences: loweredSequences(
          this.#sequences,
          readSequences(both),
          countingTables(this.#copy.connection),
        ),
      };
    });
  }

  /** What a check says of the copy and did not say of what it was, which is asked only when there is something. */
  #newMessages(
    both: Connection,
    check: "quick_check" | "integrity_check",
    of: { readonly table: string; readonly isOld: boolean } | null,
  ): string[] {
    const pragma = (schema: string, limit: number): string =>
      `PRAGMA ${schema}.${check}(${of === null ? limit : quoteIdentifier(of.table)})`;
    const now = messagesOf(both, pragma("main", MAX_MESSAGES));
    if (now.length === 0 || of?.isOld === false) return now;
    const before = this.#copy.checkBefore((old) =>
      messagesOf(old, pragma("main", MAX_OLD_MESSAGES)),
    );
    return now.filter((message) => !before.includes(message));
  }

  /** True when the table has an index that is new, was moved or had a page written. */
  #hasWrittenIndex(both: Connection, table: string): boolean {
    const trees = this.#writtenTrees(both);
    const changed = both.readOnce(
      `SELECT i.name, i.rootpage IS o.rootpage
       FROM main.sqlite_schema AS i
       LEFT JOIN before.sqlite_schema AS o ON o.type = 'index' AND o.name = i.name
       WHERE i.type = 'index' AND i.tbl_name = ? COLLATE NOCASE`,
      table,
    );
    return changed.some(([name, isSame]) => isSame !== 1 || (trees?.has(String(name)) ?? true));
  }

  /** Trees of before of which a page was written; undefined where SQLite does not tell. */
  #writtenTrees(both: Connection): ReadonlySet<string> | undefined {
    if (!this.#hasOwners) {
      this.#owners = PageOwners.read(both);
      this.#hasOwners = true;
    }
    return this.#owners?.written(this.#copy.walPath);
  }

  /** Tables of before of which a page was written, or whose definition is another. */
  #written(both: Connection): TableState[] {
    const { tables } = listTables(both, "before");
    const written = this.#writtenTrees(both);
    if (written === undefined) return [...tables.values()];
    const after = listTables(both, "main").tables;
    return [...tables.values()].filter(({ name, sql, rootPage }) => {
      const now = after.get(name);
      return written.has(name) || now?.rootPage !== rootPage || now.sql !== sql;
    });
  }
}

function findTable(tables: ReadonlyMap<string, TableState>, name: string): TableState | undefined {
  return [...tables.values()].find((table) => table.name.toLowerCase() === name.toLowerCase());
}

function messagesOf(both: Connection, sql: string): string[] {
  return both
    .readOnce(sql)
    .map(([message]) => String(message))
    .filter((message) => message !== "ok");
}

function grouped(violations: ReturnType<typeof readViolations>): Soundness["violations"] {
  const counts = new Map<string, { table: string; parent: string; count: number }>();
  for (const { table, parent } of violations) {
    const key = `${table}\0${parent}`;
    const known = counts.get(key) ?? { table, parent, count: 0 };
    counts.set(key, { ...known, count: known.count + 1 });
  }
  return [...counts.values()];
}
