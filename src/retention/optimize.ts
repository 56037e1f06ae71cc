/** The job that renews the statistics by which SQLite chooses its plans. */
import type { Connection } from "../engine/sqlite/connection.ts";
import type { MaintenanceJob } from "./job.ts";

const HOUR_MS = 3_600_000;
/** How many rows of an index ANALYZE looks at; SQLite's own advice is 100 to 1,000. */
const ANALYSIS_LIMIT = 400;
const EXPECTED_MS = 10;
/** `PRAGMA optimize` of every table, not only of those that this connection asked, as a list of what it would run. */
const LIST_ALL_TABLES = 0x10003;

export const optimizeJob: MaintenanceJob = {
  name: "optimize",
  description: "renew the statistics by which queries are planned, where tables changed much",
  everyMs: HOUR_MS,

  estimate({ connection }) {
    return {
      rows: 0,
      bytes: 0,
      expectedMs: countDue(connection) * EXPECTED_MS,
      staysAnswerable: "Everything: no row is changed.",
    };
  },

  /** Table by table with a pause in between, where SQLite's own pragma would do them in one go. */
  async run({ store: { connection }, pace, progress }) {
    const due = dueStatements(connection);
    let done = 0;
    const limitBefore = Number(connection.readOnce("PRAGMA analysis_limit")[0]?.[0] ?? 0);
    connection.readOnce(`PRAGMA analysis_limit = ${ANALYSIS_LIMIT}`);
    try {
      for (const statement of due) {
        await pace.write(() => connection.runOnce(statement), "analyse a table");
        progress(++done, due.length);
        if (done < due.length && !(await pace.after())) break;
      }
    } finally {
      connection.readOnce(`PRAGMA analysis_limit = ${limitBefore}`);
    }
    return {
      outcome: done < due.length ? "partial" : "done",
      rows: 0,
      bytes: 0,
      detail: { tables: done },
    };
  },
};

/** Without statistics the pragma makes their table even when it only lists: then every table is due. */
function countDue(connection: Connection): number {
  const sql = "SELECT count(*), sum(name = 'sqlite_stat1') FROM sqlite_schema WHERE type = 'table'";
  const [tables, hasStatistics] = connection.readOnce(sql)[0] ?? [0, 0];
  return hasStatistics === 1 ? dueStatements(connection).length : Number(tables);
}

function dueStatements(connection: Connection): string[] {
  return connection
    .readOnce(`PRAGMA optimize = ${LIST_ALL_TABLES}`)
    .map(([statement]) => String(statement));
}
