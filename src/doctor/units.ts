/** Times that are no epoch milliseconds. */
import type { Connection } from "../engine/sqlite/connection.ts";
import { quoteIdentifier } from "../engine/sqlite/quote.ts";
import { type TopicReport, TopicNotes } from "./finding.ts";

/** 1973 to 9999: seconds of our age lie far below. */
const FIRST_MS = 100_000_000_000;
const LAST_MS = 253_402_300_799_999;
/** How far in the future a time may lie: a reset of a limit, a clock that was corrected. */
const FUTURE_MS = 40 * 86_400_000;

/** Columns of times are known by name: `timestamp`, `hour`, `…_at`, `…_since`, `…At`. */
const TIME_COLUMN = /^(?:timestamp|hour)$|_(?:at|since)$|[a-z]At$/;
/** Market data goes back before 1973. */
const ANY_AGE = new Set(["bars_cache.timestamp"]);

/** Looks at the least and the greatest value of every time column; reads only. */
export function examineUnits(connection: Connection, now: number): TopicReport {
  const notes = new TopicNotes("units");
  const columns = timeColumns(connection);
  notes.fact("timeColumns", columns.length);
  for (const { table, column } of columns) {
    const object = `${table}.${column}`;
    const name = quoteIdentifier(column);
    const from = quoteIdentifier(table);
    const least = ANY_AGE.has(object) ? -62_135_596_800_000 : FIRST_MS;
    const [wrong = 0, future = 0] =
      connection
        .readOnce(
          `SELECT count(*) FILTER (WHERE typeof(${name}) <> 'integer' OR ${name} NOT BETWEEN ? AND ?),
             count(*) FILTER (WHERE ${name} > ?)
           FROM ${from} WHERE ${name} IS NOT NULL`,
          least,
          LAST_MS,
          now + FUTURE_MS,
        )[0]
        ?.map(Number) ?? [];
    if (wrong > 0) {
      notes.problem(object, {
        observed: `${wrong} value(s) are no epoch milliseconds (seconds, most likely)`,
        remedy: "Find the program that writes them; multiply seconds by 1000 in a migration.",
      });
    }
    if (future > wrong) {
      notes.problem(object, {
        observed: `${future - wrong} value(s) lie more than 40 days in the future`,
        remedy: "Check the clock of the machine that wrote them; no prune touches them.",
      });
    }
  }
  return notes.report();
}

function timeColumns(connection: Connection): { table: string; column: string }[] {
  return connection
    .readOnce(
      `SELECT t.name, c.name
       FROM pragma_table_list AS t, pragma_table_info(t.name) AS c
       WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
       ORDER BY 1, c.cid`,
    )
    .map(([table, column]) => ({ table: String(table), column: String(column) }))
    .filter(({ column }) => TIME_COLUMN.test(column));
}
