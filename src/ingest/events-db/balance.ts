/** Where every old row went: counted while rows are brought in, and compared with the tables before COMMIT. */
import { UsageDbError } from "../../errors.ts";
import type { OldTable } from "./source.ts";

export interface TableBalance {
  readonly table: OldTable;
  /** Rows of the old table; the next three add up to it. */
  readonly read: number;
  readonly broughtIn: number;
  /** Rows that an earlier run brought in, or that were here anyway. */
  readonly known: number;
  /** Rows that stay in the old file only; `reasons` says why. */
  readonly left: number;
  /** Rows among those brought in that could not be stored as they were. */
  readonly repaired: number;
  /** Rows by what was repaired; a row may have several repairs. */
  readonly repairs: Readonly<Record<string, number>>;
  /** Rows brought in by what else is worth knowing of them. */
  readonly remarks: Readonly<Record<string, number>>;
  /** Why rows were left, and what was not taken from those brought in. */
  readonly reasons: readonly string[];
}

/** Counts the rows of one table. */
export class Tally {
  readonly #table: OldTable;
  readonly #repairs = new Map<string, number>();
  readonly #remarks = new Map<string, number>();
  readonly #reasons: string[] = [];
  #broughtIn = 0;
  #known = 0;
  #left = 0;
  #repaired = 0;

  constructor(table: OldTable) {
    this.#table = table;
  }

  addBroughtIn(repairs: Iterable<string>, remarks: Iterable<string>): void {
    this.#broughtIn++;
    let isRepaired = false;
    for (const repair of repairs) {
      isRepaired = true;
      increment(this.#repairs, repair);
    }
    if (isRepaired) this.#repaired++;
    for (const remark of remarks) increment(this.#remarks, remark);
  }

  addKnown(): void {
    this.#known++;
  }

  addLeft(count: number, reason: string): void {
    if (count === 0) return;
    this.#left += count;
    this.explain(reason);
  }

  explain(reason: string): void {
    this.#reasons.push(reason);
  }

  /** @param read what the old table itself says it has. */
  balance(read: number): TableBalance {
    return {
      table: this.#table,
      read,
      broughtIn: this.#broughtIn,
      known: this.#known,
      left: this.#left,
      repaired: this.#repaired,
      repairs: Object.fromEntries([...this.#repairs].sort()),
      remarks: Object.fromEntries([...this.#remarks].sort()),
      reasons: this.#reasons,
    };
  }
}

/**
 * Checks that every old row is accounted for.
 * @throws {UsageDbError} ADOPT_UNBALANCED naming the table and both figures.
 */
export function checkBalance({ table, read, broughtIn, known, left }: TableBalance): void {
  if (read === broughtIn + known + left) return;
  refuseBalance(
    table,
    `${read} row(s) read are not ${broughtIn} brought in + ${known} known + ${left} left`,
  );
}

/**
 * Checks that a table of ours grew by as many rows as were brought in.
 * @throws {UsageDbError} ADOPT_UNBALANCED naming the table and both figures.
 */
export function checkGrowth(table: string, grown: number, expected: number): void {
  if (grown === expected) return;
  refuseBalance(table, `it grew by ${grown} row(s) while ${expected} were brought in`);
}

function refuseBalance(table: string, observed: string): never {
  throw new UsageDbError(
    "ADOPT_UNBALANCED",
    `Cannot adopt ${table}: ${observed}, expected every row accounted for`,
    { details: { table, observed } },
  );
}

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
