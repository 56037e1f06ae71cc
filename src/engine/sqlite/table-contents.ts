/** What a table holds, as two numbers that change with it. */
import type { Binding, Connection } from "./connection.ts";
import { quoteIdentifier } from "./quote.ts";

export interface TableContents {
  readonly rowCount: number;
  /** The sum of its rows' hashes: it does not depend on their order, nor on row numbers that nobody sees. */
  readonly digest: bigint;
}

/** Rows that are read at once, so that a large table does not fill the memory. */
const ROWS_PER_READ = 5000;
const DIGEST_BITS = 64;

/** Reads every row of a table. */
export function readContents(connection: Connection, table: string): TableContents {
  let rowCount = 0;
  let digest = 0n;
  for (const [text] of rowsOf(connection, table)) {
    rowCount++;
    digest = BigInt.asUintN(DIGEST_BITS, digest + BigInt(Bun.hash(String(text))));
  }
  return { rowCount, digest };
}

function* rowsOf(connection: Connection, table: string): Generator<Binding[]> {
  const name = quoteIdentifier(table);
  const columns = connection
    .readOnce("SELECT name FROM pragma_table_xinfo(?) WHERE hidden IN (0, 2, 3)", table)
    .map(([column]) => quoteIdentifier(String(column)));
  // Exact for every value: quote() cuts text at a NUL, hex() rounds what is REAL.
  const row = columns
    .map(
      (column) =>
        `CASE typeof(${column}) WHEN 'real' THEN quote(${column}) ELSE typeof(${column}) || hex(${column}) END`,
    )
    .join(" || ' ' || ");
  const rowid = rowidOf(connection, table);
  if (rowid === null) {
    yield* connection.readOnce(`SELECT ${row} FROM ${name}`);
    return;
  }
  let after: Binding | null = null;
  for (;;) {
    const where: string = after === null ? "" : `WHERE ${rowid} > CAST(? AS INTEGER)`;
    const rows: Binding[][] = connection.readOnce(
      `SELECT ${row}, CAST(${rowid} AS TEXT) FROM ${name} ${where} ORDER BY ${rowid} LIMIT ${ROWS_PER_READ}`,
      ...(after === null ? [] : [after]),
    );
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < ROWS_PER_READ) return;
    after = last[1] as Binding;
  }
}

/** A name for the rows' numbers that no column has taken; null where rows have none. */
function rowidOf(connection: Connection, table: string): string | null {
  const [type, withoutRowid] =
    connection.readOnce(
      "SELECT type, wr FROM pragma_table_list WHERE schema = 'main' AND name = ? COLLATE NOCASE",
      table,
    )[0] ?? [];
  if (type !== "table" || withoutRowid === 1) return null;
  const taken = connection
    .readOnce("SELECT lower(name) FROM pragma_table_xinfo(?)", table)
    .map(([column]) => column);
  return ["rowid", "oid", "_rowid_"].find((name) => !taken.includes(name)) ?? null;
}
