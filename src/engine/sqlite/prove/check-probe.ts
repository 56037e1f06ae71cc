/** Values that a CHECK should refuse, tried until one is. */
import type { Binding, Connection } from "../connection.ts";
import { quoteIdentifier } from "../quote.ts";
import { insertRow, REFUSED, type Row, undone } from "./insert.ts";
import type { TableCheck, TableShape } from "./tables.ts";
import { literalsOf } from "./values.ts";

export type CheckVerdict =
  | { readonly verdict: "refused" }
  | { readonly verdict: "accepted" }
  | { readonly verdict: "unclear"; readonly reason: string };

/** Nothing sensible: wrong in sign, size, type or form. */
const WRONG: readonly Binding[] = [
  -1,
  0,
  2,
  -Number.MAX_SAFE_INTEGER,
  Number.MAX_SAFE_INTEGER,
  0.5,
  -1e300,
  1e300,
  "",
  " ",
  "?",
  "not valid {",
  "x".repeat(5000),
  "0",
  "1970-01-01",
  new Uint8Array([0]),
  null,
];

/** Puts each wrong value into each column of a row that is valid, and both into two columns at once. */
export function probeCheck(
  connection: Connection,
  table: TableShape,
  { check, row }: { readonly check: TableCheck; readonly row: Row },
): CheckVerdict {
  if (check.columns.length === 0) return { verdict: "unclear", reason: "it is about no column" };
  let verdict: CheckVerdict = {
    verdict: "unclear",
    reason: "no value was found that it refuses; if it can refuse none, it checks nothing",
  };
  const violations = `SELECT count(*) FROM ${quoteIdentifier(table.name)} WHERE NOT (${check.sql})`;
  const count = (): unknown => connection.readOnce(violations)[0]?.[0];
  for (const changed of mutations(check, row)) {
    undone(connection, () => {
      const before = count();
      const refusal = insertRow(connection, table, changed);
      if (refusal?.errno === REFUSED.check && refusal.message.endsWith(`: ${check.label}`))
        verdict = { verdict: "refused" };
      else if (refusal === null && count() !== before) verdict = { verdict: "accepted" };
    });
    if (verdict.verdict !== "unclear") return verdict;
  }
  return verdict;
}

function* mutations(check: TableCheck, row: Row): Generator<Row> {
  const { numbers, texts, divisors } = literalsOf([check]);
  const near = [...numbers, ...divisors].flatMap((number) => [
    number - 1,
    number + 1,
    number + 0.5,
  ]);
  const values: Binding[] = [...near, ...WRONG, ...texts.map((text) => `${text}?`)];
  for (const value of values) {
    for (const column of check.columns) yield new Map(row).set(column, value);
  }
  // `low < high` holds for many single changes; not for the same value twice.
  for (const value of values) {
    const all = new Map(row);
    for (const column of check.columns) all.set(column, value);
    yield all;
  }
}
