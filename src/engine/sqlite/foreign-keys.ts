/** Which rows point at nothing, and which of them a migration is to blame for. */
import type { Connection } from "./connection.ts";

export interface ForeignKeyViolation {
  readonly table: string;
  /** Null in a WITHOUT ROWID table. */
  readonly rowid: number | null;
  readonly parent: string;
}

/** Violations that were there before, so that a migration answers only for its own. */
export type ViolationBaseline = ReadonlyMap<string, number>;

/**
 * Every violation in the database.
 * @throws {SQLiteError} "foreign key mismatch" when a parent key is not unique: a broken schema, not broken rows.
 */
export function readViolations(connection: Connection): ForeignKeyViolation[] {
  return connection.readOnce("PRAGMA foreign_key_check").map(([table, rowid, parent]) => ({
    table: table as string,
    rowid: rowid as number | null,
    parent: parent as string,
  }));
}

export function baselineOf(violations: readonly ForeignKeyViolation[]): ViolationBaseline {
  const counts = new Map<string, number>();
  for (const violation of violations)
    counts.set(keyOf(violation), (counts.get(keyOf(violation)) ?? 0) + 1);
  return counts;
}

/** The violations that the baseline does not account for. */
export function newViolations(
  violations: readonly ForeignKeyViolation[],
  baseline: ViolationBaseline,
): ForeignKeyViolation[] {
  const left = new Map(baseline);
  return violations.filter((violation) => {
    const count = left.get(keyOf(violation)) ?? 0;
    left.set(keyOf(violation), count - 1);
    return count <= 0;
  });
}

function keyOf({ table, rowid, parent }: ForeignKeyViolation): string {
  return `${table}\0${rowid ?? ""}\0${parent}`;
}
