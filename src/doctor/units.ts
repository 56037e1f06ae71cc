/** Times that are no epoch milliseconds. */
import type { Connection } from "../engine/sqlite/connection.ts";
import { timeCheck, timeColumns } from "../store/time-columns.ts";
import { type TopicReport, TopicNotes } from "./finding.ts";

/** How far in the future a time may lie: a reset of a limit, a clock that was corrected. */
const FUTURE_MS = 40 * 86_400_000;

/** Looks at the least and the greatest value of every time column; reads only. */
export function examineUnits(connection: Connection, now: number): TopicReport {
  const notes = new TopicNotes("units");
  const columns = timeColumns(connection);
  notes.fact("timeColumns", columns.length);
  for (const times of columns) {
    const object = `${times.table}.${times.column}`;
    const { sql, values } = timeCheck(times, now + FUTURE_MS);
    const [wrong = 0, future = 0] = connection.readOnce(sql, ...values)[0]?.map(Number) ?? [];
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
