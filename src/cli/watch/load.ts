/** What a view shows, from the database by the library's own reports. */
import { reportLive } from "../../report/live.ts";
import { reportPeriods } from "../../report/periods.ts";
import { rangeOf, sinceDaysAgo } from "../../report/range.ts";
import { reportSessions } from "../../report/sessions.ts";
import type { UsageDb } from "../../usage-db.ts";
import type { View, WatchData } from "./model.ts";

/** Sessions older than this are history; `report session` has them all. */
export const SESSION_DAYS = 30;
const RECENT_DAYS = 2;
const RECENT_SESSIONS = 40;

export interface LoadOptions {
  readonly view: View;
  readonly timeZone: string;
  readonly resetHour: number;
  /** Null for the one that was active last. */
  readonly agent: string | null;
  /** Epoch milliseconds. */
  readonly nowMs: number;
}

/** Reads one view in one transaction, so that its figures belong together. */
export function loadData(db: UsageDb, options: LoadOptions): WatchData {
  const { agent, nowMs } = options;
  // An unknown zone is refused in the words of every other report.
  rangeOf(options);
  return db.connection.reading(() => ({
    readAt: nowMs,
    live: reportLive(db, { nowMs, ...(agent === null ? {} : { agent }) }),
    page: pageOf(db, options),
  }));
}

function pageOf(db: UsageDb, { view, timeZone, resetHour, nowMs }: LoadOptions): WatchData["page"] {
  const rule = { timeZone, resetHour };
  const since = (days: number): string => sinceDaysAgo(days, nowMs, rule);
  switch (view) {
    case "realtime": {
      const { session } = reportSessions(db, {
        ...rule,
        since: since(RECENT_DAYS),
        last: RECENT_SESSIONS,
        order: "desc",
      });
      return { view, sessions: session };
    }
    case "daily":
    case "monthly":
      return { view, report: reportPeriods(db, { ...rule, period: view }) };
    case "session":
      return {
        view,
        days: SESSION_DAYS,
        report: reportSessions(db, { ...rule, since: since(SESSION_DAYS), order: "desc" }),
      };
  }
}
