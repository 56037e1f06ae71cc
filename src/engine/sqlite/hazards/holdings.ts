/**
 * Who holds the live rows while a plan goes on. A live table's rows start in the table of that name; a full copy
 * gives them a second holder, a rename another name. They are lost when their last holder gives them up, which is
 * what tells a rebuild, or a move into an archive, from a loss.
 */
import type { LiveTables } from "./live-tables.ts";

/** A table of the shadow, whatever it is called at the moment. */
export interface Holder {
  name: string;
  /** False for a table that the plan made. */
  readonly isOriginal: boolean;
  /** Live tables whose every row is in here, each with the live columns (in lower case) that are not. */
  readonly holds: Map<string, Set<string>>;
  /** Columns, in lower case, by the name that they had when the plan began. */
  readonly renamed: Map<string, string>;
  /** Columns, in lower case, that the plan wrote to: what they hold now is not known. */
  readonly updated: Set<string>;
}

/** What is gone when a holder gives up its rows. */
export interface Loss {
  readonly live: string;
  /** Null when the rows themselves are gone, else the live column whose values are. */
  readonly column: string | null;
  readonly count: number;
}

export class Holdings {
  readonly #live: LiveTables;
  readonly #holders = new Map<string, Holder>();

  constructor(live: LiveTables) {
    this.#live = live;
    for (const name of live.names) this.#add(name, true).holds.set(name, new Set());
  }

  find(table: string): Holder | undefined {
    return this.#holders.get(table.toLowerCase());
  }

  create(table: string): void {
    this.#add(table, false);
  }

  rename(from: string, to: string): void {
    const holder = this.find(from);
    if (holder === undefined) return;
    this.#holders.delete(from.toLowerCase());
    holder.name = to;
    this.#holders.set(to.toLowerCase(), holder);
  }

  renameColumn(table: string, from: string, to: string): void {
    const holder = this.find(table);
    if (holder === undefined) return;
    const origin = originOf(holder, from);
    holder.renamed.delete(from.toLowerCase());
    holder.renamed.set(to.toLowerCase(), origin);
    if (holder.updated.delete(from.toLowerCase())) holder.updated.add(to.toLowerCase());
  }

  /** Every row of `from` is in `into` too, with the values of the columns in `read`. */
  copy(from: string, into: string, read: ReadonlySet<string>): void {
    const source = this.find(from);
    const target = this.find(into);
    if (source === undefined || target === undefined) return;
    const carried = new Set([...read].map((column) => originOf(source, column)));
    for (const [live, missing] of source.holds) {
      const lost = this.#live.columns(live).map((column) => column.toLowerCase());
      target.holds.set(live, new Set(lost.filter((c) => missing.has(c) || !carried.has(c))));
    }
  }

  /** The live rows in a table; 0 for one that the plan made and filled with other things. */
  rowCount(table: string): number {
    const lives = [...(this.find(table)?.holds.keys() ?? [])];
    return lives.reduce((sum, live) => sum + this.#live.rowCount(live), 0);
  }

  /** The table no longer exists. */
  drop(table: string): Loss[] {
    const losses = this.empty(table);
    this.#holders.delete(table.toLowerCase());
    return losses;
  }

  /** The table has no rows any more. */
  empty(table: string): Loss[] {
    const holder = this.find(table);
    if (holder === undefined) return [];
    const losses = [...holder.holds].flatMap(([live, missing]) =>
      this.#giveUp(holder, live, missing),
    );
    holder.holds.clear();
    return losses;
  }

  /** Some rows of the table are gone, nobody knows which. */
  thin(table: string): Loss[] {
    const holder = this.find(table);
    if (holder === undefined) return [];
    return [...holder.holds].flatMap(([live, missing]) => {
      // The last holder goes on holding the rest; another one has them all, but perhaps not with every column.
      const isLast = this.#others(holder, live).length === 0;
      const losses = this.#giveUp(holder, live, missing);
      if (!isLast) holder.holds.delete(live);
      return losses;
    });
  }

  dropColumn(table: string, column: string): Loss[] {
    const holder = this.find(table);
    if (holder === undefined) return [];
    const origin = originOf(holder, column);
    return [...holder.holds].flatMap(([live, missing]) => {
      if (missing.has(origin)) return [];
      missing.add(origin);
      const isElsewhere = this.#others(holder, live).some((other) => !other.has(origin));
      const count = isElsewhere ? 0 : this.#live.valueCount(live, origin);
      return count === 0 ? [] : [{ live, column: origin, count }];
    });
  }

  /** The table that has taken over the rows of a live one, when any has. */
  successorOf(live: string): Holder | undefined {
    return [...this.#holders.values()].find((holder) => holder.holds.has(live));
  }

  #add(name: string, isOriginal: boolean): Holder {
    const holder: Holder = {
      name,
      isOriginal,
      holds: new Map(),
      renamed: new Map(),
      updated: new Set(),
    };
    this.#holders.set(name.toLowerCase(), holder);
    return holder;
  }

  #giveUp(holder: Holder, live: string, missing: ReadonlySet<string>): Loss[] {
    const rows = this.#live.rowCount(live);
    if (rows === 0) return [];
    const others = this.#others(holder, live);
    if (others.length === 0) return [{ live, column: null, count: rows }];
    const columns = this.#live.columns(live).filter((column) => {
      const key = column.toLowerCase();
      return !missing.has(key) && others.every((other) => other.has(key));
    });
    return columns
      .map((column) => ({ live, column, count: this.#live.valueCount(live, column) }))
      .filter(({ count }) => count > 0);
  }

  /** What is missing in every other holder of a live table's rows. */
  #others(holder: Holder, live: string): ReadonlySet<string>[] {
    return [...this.#holders.values()].flatMap((other) => {
      const missing = other === holder ? undefined : other.holds.get(live);
      return missing === undefined ? [] : [missing];
    });
  }
}

/** The live name, in lower case, of a column that the plan may have renamed. */
export function originOf(holder: Holder, column: string): string {
  return holder.renamed.get(column.toLowerCase()) ?? column.toLowerCase();
}
