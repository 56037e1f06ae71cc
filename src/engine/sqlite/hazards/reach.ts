/** Every table that a compiled statement reaches, whatever it does to it: what a limit is held against. */
import type { Report } from "./probe.ts";

export interface Reach {
  readonly table: string;
  /** In words: `reads`, `deletes from`. */
  readonly does: string;
  /** The trigger, view or common table expression that does it. */
  readonly via: string | null;
}

type Names = readonly [first: string, second: string];

/** Where a report of SQLite's authorizer has the table, and the words for what is done; by action code. */
const TABLE_OF: Readonly<Record<number, readonly [does: string, pick: (names: Names) => string]>> =
  {
    1: ["makes an index on", ([, table]) => table],
    2: ["creates", ([table]) => table],
    3: ["makes an index on", ([, table]) => table],
    4: ["creates", ([table]) => table],
    5: ["makes a trigger on", ([, table]) => table],
    6: ["creates", ([view]) => view],
    7: ["makes a trigger on", ([, table]) => table],
    8: ["creates", ([view]) => view],
    9: ["deletes from", ([table]) => table],
    10: ["drops an index of", ([, table]) => table],
    11: ["drops", ([table]) => table],
    12: ["drops an index of", ([, table]) => table],
    13: ["drops", ([table]) => table],
    14: ["drops a trigger of", ([, table]) => table],
    15: ["drops", ([view]) => view],
    16: ["drops a trigger of", ([, table]) => table],
    17: ["drops", ([view]) => view],
    18: ["inserts into", ([table]) => table],
    20: ["reads", ([table]) => table],
    23: ["updates", ([table]) => table],
    26: ["alters", ([, table]) => table],
    28: ["analyses", ([table]) => table],
    29: ["creates", ([table]) => table],
    30: ["drops", ([table]) => table],
  };

const PRAGMA = 19;
const REINDEX = 27;
/** SELECT, a function, a recursive query: they reach tables by reports of their own. */
const HARMLESS: ReadonlySet<number> = new Set([21, 31, 33]);

/**
 * What one report reaches; null for nothing.
 * @param tableOfIndex the table of an index, null for one that is only being made.
 */
export function reachOf(
  [code, first, second, , via]: Report,
  tableOfIndex: (index: string) => string | null,
): Reach | null {
  const known = TABLE_OF[code];
  const names: Names = [first ?? "", second ?? ""];
  if (known !== undefined) return { does: known[0], table: known[1](names), via };
  if (HARMLESS.has(code)) return null;
  if (code === REINDEX) {
    const table = tableOfIndex(names[0]);
    return table === null ? null : { does: "rebuilds an index of", table, via };
  }
  if (code === PRAGMA) {
    const isHeader = /^application_id$/i.test(names[0]) && names[1] !== "";
    return isHeader ? { does: "writes", table: "the file's header", via } : null;
  }
  return { does: `does something (${code}) that no limit knows to`, table: names[0], via };
}
