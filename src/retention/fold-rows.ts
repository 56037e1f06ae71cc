/** Adds rows to their sums and deletes them, in one transaction, or does neither. */
import { OperationError } from "../errors.ts";
import type { Binding, Connection } from "../engine/sqlite/connection.ts";
import { forgetFreedIds } from "./retention-progress.ts";
import type { FoldRule } from "./fold-rule.ts";

export interface Removed {
  readonly rows: number;
  /** Of their payloads; 0 where rows have none. */
  readonly bytes: number;
}

/** What still has to be true of a row when the lock is held: somebody may have changed it since it was chosen. */
export interface Guard {
  /** SQL over the table, without an alias; its values are `?2`, `?3`, … */
  readonly condition: string;
  readonly values: readonly number[];
}

interface Sums {
  readonly count: number;
  readonly bytes: number;
}

const NOTHING: Removed = { rows: 0, bytes: 0 };

/**
 * Folds and deletes the rows with these ids that pass the guard; call inside a transaction. The sums are compared with
 * what they were and what was added, and the deleted rows with both.
 * @throws {OperationError} FOLD_MISMATCH, after which the transaction must be rolled back.
 */
export function foldRows(
  connection: Connection,
  rule: FoldRule,
  { ids, guard }: { readonly ids: readonly number[]; readonly guard: Guard },
): Removed {
  const { which, value } = chosenBy(ids);
  const sql = statementsOf(rule, `${which} AND ${guard.condition}`);
  const action = `fold ${rule.table}`;
  const chosen: Binding[] = [value, ...guard.values];
  const [[count, bytes, firstAt, lastAt] = []] = connection
    .prepare(sql.chunk, action)
    .values(...chosen);
  if (Number(count) === 0) return NOTHING;
  const chunk: Sums = { count: Number(count), bytes: Number(bytes) };
  const bucketOf = (at: Binding | undefined): number => Number(at) - (Number(at) % rule.bucket.ms);
  const readSums = (): Sums => {
    const [[total, totalBytes] = []] = connection
      .prepare(sql.sums, action)
      .values(bucketOf(firstAt), bucketOf(lastAt));
    return { count: Number(total), bytes: Number(totalBytes) };
  };
  const before = readSums();
  connection.prepare(sql.fold, action).run(...chosen);
  const after = readSums();
  if (after.count - before.count !== chunk.count || after.bytes - before.bytes !== chunk.bytes)
    refuseMismatch(rule.table, chunk, {
      count: after.count - before.count,
      bytes: after.bytes - before.bytes,
    });
  const deleted = connection.prepare(sql.remove, action).run(...chosen).changes;
  if (deleted !== chunk.count) refuseMismatch(rule.table, chunk, { ...chunk, count: deleted });
  forgetFreedIds(connection, rule.table);
  return { rows: chunk.count, bytes: chunk.bytes };
}

/** Ids in a row are looked up as a range, which takes a tenth off the time of the lock. */
function chosenBy(ids: readonly number[]): { readonly which: string; readonly value: string } {
  const value = JSON.stringify(ids);
  const [first = 0, last = 0] = [ids[0], ids.at(-1)];
  const isRange = last - first === ids.length - 1 && ids.every((id, at) => id === first + at);
  return isRange
    ? {
        which: "id BETWEEN ?1 ->> '$[0]' AND ?1 ->> '$[#-1]'",
        value: JSON.stringify([first, last]),
      }
    : { which: "id IN (SELECT value FROM json_each(?1))", value };
}

/** @throws {OperationError} FOLD_MISMATCH always. */
export function refuseMismatch(table: string, expected: Sums, observed: Sums): never {
  throw new OperationError(
    "FOLD_MISMATCH",
    `Cannot delete rows of ${table}: ${observed.count} row(s) arrived in their sums, expected ${expected.count}; nothing was deleted`,
    { details: { table, expected, observed } },
  );
}

interface FoldStatements {
  readonly chunk: string;
  readonly sums: string;
  readonly fold: string;
  readonly remove: string;
}

function statementsOf(rule: FoldRule, where: string): FoldStatements {
  const { table, at, rollup, bucket, keys, count, bytes, extremes } = rule;
  const keyColumns = [bucket.column, ...Object.keys(keys)];
  const added = [
    [count, "count(*)", "sum"],
    ...(bytes === null ? [] : [[bytes.column, `sum(${bytes.expression})`, "sum"]]),
    ...(extremes === undefined
      ? []
      : [
          [extremes.lowest, `min(${extremes.of})`, "min"],
          [extremes.highest, `max(${extremes.of})`, "max"],
        ]),
    ["first_at", `min(${at})`, "min"],
    ["last_at", `max(${at})`, "max"],
  ] as const;
  const merge = added.map(([column, , how]) =>
    how === "sum"
      ? `${column} = ${column} + excluded.${column}`
      : `${column} = ${how}(${column}, excluded.${column})`,
  );
  return {
    chunk: `SELECT count(*), ${bytes === null ? "0" : `sum(${bytes.expression})`}, min(${at}), max(${at})
      FROM ${table}
      WHERE ${where}`,
    sums: `SELECT coalesce(sum(${count}), 0), ${bytes === null ? "0" : `coalesce(sum(${bytes.column}), 0)`}
      FROM ${rollup}
      WHERE ${bucket.column} BETWEEN ? AND ?`,
    fold: `INSERT INTO ${rollup} (${[...keyColumns, ...added.map(([column]) => column)].join(", ")})
      SELECT ${at} - ${at} % ${bucket.ms}, ${[...Object.values(keys), ...added.map(([, of]) => of)].join(", ")}
      FROM ${table}
      WHERE ${where}
      GROUP BY ${keyColumns.map((_, index) => index + 1).join(", ")}
      ON CONFLICT (${keyColumns.join(", ")}) DO UPDATE SET ${merge.join(", ")}`,
    remove: `DELETE FROM ${table} WHERE ${where}`,
  };
}
