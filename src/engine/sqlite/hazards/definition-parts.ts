/** The parts of CREATE INDEX and of a table's definition that rows may fail on, as pieces of text. */
import { ClauseReader } from "./clause-reader.ts";
import { piecesOf } from "./pieces.ts";

export interface IndexParts {
  readonly table: string;
  /** Each column or expression, without its order and collation. */
  readonly terms: readonly string[];
  readonly where: string | null;
}

/** The parts of `CREATE [UNIQUE] INDEX`; null for any other statement. */
export function indexPartsOf(sql: string): IndexParts | null {
  const pieces = piecesOf(sql);
  const top = pieces.filter(({ depth }) => depth === 0);
  const on = top.findIndex(({ word }) => word === "ON");
  if (top[0]?.word !== "CREATE" || on < 0) return null;
  const reader = new ClauseReader(sql, pieces, top.slice(on + 1));
  const table = reader.takeName();
  const terms = reader.takeList();
  if (table === null || terms === null) return null;
  return { table, terms: terms.map(withoutOrder), where: reader.clause("WHERE") };
}

function withoutOrder(term: string): string {
  const pieces = piecesOf(term).filter(({ depth }) => depth === 0);
  const end = pieces.find(({ word }, index) => index > 0 && ORDERS.has(word));
  return term.slice(0, end?.start).trim();
}

const ORDERS: ReadonlySet<string> = new Set(["ASC", "DESC", "COLLATE"]);

/** The text in each `CHECK (…)` of a definition. */
export function checksOf(sql: string): string[] {
  const pieces = piecesOf(sql);
  return pieces.flatMap(({ word }, index) => {
    const open = pieces[index + 1];
    if (word !== "CHECK" || open?.word !== "(") return [];
    const close = pieces.findIndex(
      ({ word: other, depth }, at) => at > index + 1 && other === ")" && depth === open.depth,
    );
    return close < 0 ? [] : [sql.slice(open.end, pieces[close]?.start)];
  });
}
