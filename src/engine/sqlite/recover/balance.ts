/** Where each row of a damaged table went. */

export interface TableBalance {
  readonly table: string;
  /** Rows that an intact index, or the tree itself, has; null where nothing tells. */
  readonly expected: number | null;
  /** Rows that could be read by whatever means; of those, from pages that SQLite itself gives up. */
  readonly read: number;
  readonly fromPages: number;
  /** Rows that a covering index had and the table had no more. */
  readonly fromIndexes: number;
  readonly saved: number;
  /** Rows in the side file, by reason. */
  readonly refused: Readonly<Record<string, number>>;
  /** Rows that were saved without a reference whose row is lost; as they were in the side file. */
  readonly changed: number;
  /** Rows that others point at, of which no more than their key is known. */
  readonly rebuilt: number;
  /** Records that are there and cannot be read. */
  readonly unreadableRows: number;
  /** First and last, in the damaged file. */
  readonly unreadablePages: readonly (readonly [number, number])[];
  /** True when nothing of the table is missing or other than it was, as far as can be told. */
  readonly isWhole: boolean;
}

/** A balance while it is drawn up. */
export class TableCount {
  readonly table: string;
  expected: number | null = null;
  read = 0;
  fromPages = 0;
  fromIndexes = 0;
  saved = 0;
  changed = 0;
  rebuilt = 0;
  unreadableRows = 0;
  readonly refused = new Map<string, number>();
  readonly damagedPages = new Set<number>();

  constructor(table: string) {
    this.table = table;
  }

  refuse(reason: string): void {
    this.refused.set(reason, (this.refused.get(reason) ?? 0) + 1);
  }

  finish(): TableBalance {
    const { table, expected, read, fromPages, fromIndexes, saved, changed, rebuilt } = this;
    const { unreadableRows } = this;
    return {
      table,
      expected,
      read,
      fromPages,
      fromIndexes,
      saved,
      refused: Object.fromEntries(this.refused),
      changed,
      rebuilt,
      unreadableRows,
      unreadablePages: rangesOf([...this.damagedPages]),
      isWhole:
        this.refused.size === 0 &&
        changed + rebuilt + unreadableRows === 0 &&
        this.damagedPages.size === 0 &&
        (expected === null || read + fromIndexes >= expected),
    };
  }
}

function rangesOf(pages: readonly number[]): [number, number][] {
  const ranges: [number, number][] = [];
  for (const page of pages.toSorted((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === page - 1) last[1] = page;
    else ranges.push([page, page]);
  }
  return ranges;
}
