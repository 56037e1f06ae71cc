/** How long a connection waits for others, changed for one piece of work. */
import type { Connection } from "./connection.ts";

/** Runs `work` with another time-out, in milliseconds; the one before is back whatever becomes of it. */
export function withBusyTimeout<T>(connection: Connection, timeoutMs: number, work: () => T): T {
  const before = Number(connection.readOnce("PRAGMA busy_timeout")[0]?.[0] ?? 0);
  connection.runOnce(`PRAGMA busy_timeout = ${timeoutMs}`);
  try {
    return work();
  } finally {
    connection.runOnce(`PRAGMA busy_timeout = ${before}`);
  }
}
