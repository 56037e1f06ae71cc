/** Writing what may as well be left out: whoever holds the lock now, or a full disk, matters more. */
import { OperationError } from "../../errors.ts";
import { withBusyTimeout } from "./busy-timeout.ts";
import type { Connection } from "./connection.ts";

/** Runs `write` in a transaction of its own when the lock is free at once, and else not at all. */
export function writeIfIdle(connection: Connection, write: () => void): void {
  try {
    withBusyTimeout(connection, 0, () => connection.transaction(write, "write the ledger"));
  } catch (error) {
    // Busy, read-only, full: what the ledger says besides is as true as before.
    if (!(error instanceof OperationError)) throw error;
  }
}
