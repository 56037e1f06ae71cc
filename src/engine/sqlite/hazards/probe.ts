/** What SQLite's authorizer says of a statement while it is compiled. */

/** Action codes of sqlite3_set_authorizer that concern tables. */
const ACTION = {
  createTable: 2,
  createTempTable: 4,
  delete: 9,
  dropTable: 11,
  dropTempTable: 13,
  insert: 18,
  read: 20,
  update: 23,
  alterTable: 26,
  createVirtualTable: 29,
  dropVirtualTable: 30,
  function: 31,
} as const;

const DENY = 1;
/** ATTACH and DETACH: nothing on the shadow may reach a file. */
const FORBIDDEN: ReadonlySet<number> = new Set([24, 25]);

/** One thing that a compiled statement may do to a table; SQLite's own tables are left out. */
export interface Access {
  readonly does: "create" | "drop" | "alter" | "read" | "insert" | "update" | "delete" | "call";
  /** The table; of a call the function. */
  readonly table: string;
  /** What is read, updated or altered; empty when that is no single column. */
  readonly column: string;
  /** The trigger or view that does it. */
  readonly via: string | null;
}

/** What a statement does, with foreign keys off as the engine has them, and what they would add. */
export interface Probe {
  readonly accesses: readonly Access[];
  /** Writes that happen only with foreign keys on. */
  readonly cascades: readonly Access[];
  /** Why the statement does not compile; null when it does. */
  readonly failure: string | null;
}

export type Report = [
  code: number,
  first: string | null,
  second: string | null,
  database: string | null,
  via: string | null,
];

/** Collects what the authorizer reports between `start()` and `stop()`. */
export class ReportRecorder {
  #reports: Report[] | null = null;

  readonly authorize = (...report: Report): number => {
    if (FORBIDDEN.has(report[0])) return DENY;
    this.#reports?.push(report);
    return 0;
  };

  start(): void {
    this.#reports = [];
  }

  stop(): readonly Report[] {
    const reports = this.#reports ?? [];
    this.#reports = null;
    return reports;
  }
}

/** What reports say of tables. */
export function accessesOf(reports: readonly Report[]): Access[] {
  return reports.map(accessOf).filter((access) => access !== null);
}

function accessOf([code, first, second, third, via]: Report): Access | null {
  const does = VERBS[code];
  if (does === undefined) return null;
  // ALTER TABLE reports database, table, column; a call its function; all others table and column.
  const table = (does === "alter" || does === "call" ? second : first) ?? "";
  if (/^sqlite_/i.test(table)) return null;
  const column = (does === "alter" ? third : does === "call" ? null : second) ?? "";
  return { does, table, column, via };
}

const VERBS: Readonly<Record<number, Access["does"]>> = {
  [ACTION.createTable]: "create",
  [ACTION.createTempTable]: "create",
  [ACTION.createVirtualTable]: "create",
  [ACTION.dropTable]: "drop",
  [ACTION.dropTempTable]: "drop",
  [ACTION.dropVirtualTable]: "drop",
  [ACTION.alterTable]: "alter",
  [ACTION.read]: "read",
  [ACTION.insert]: "insert",
  [ACTION.update]: "update",
  [ACTION.delete]: "delete",
  [ACTION.function]: "call",
};
