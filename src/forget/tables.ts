/** What forgetting does to one database file: rows, free pages, WAL. */
import { withBusyTimeout } from "../engine/sqlite/busy-timeout.ts";
import { checkpoint } from "../engine/sqlite/checkpoint.ts";
import type { Connection } from "../engine/sqlite/connection.ts";
import { OperationError } from "../errors.ts";
import { verifyRollups } from "../report/verify.ts";
import { type ForgottenRows, forgetRows } from "../retention/forget/forget-rows.ts";
import type { ForgetTarget } from "../retention/forget/target.ts";
import type { UsageDb } from "../usage-db.ts";

/** How long others are waited for; a long reader is told of. */
const CHECKPOINT_WAIT_MS = 1000;

/**
 * One transaction, with secure deletion; undone when hours and messages would disagree where they agreed before.
 * @throws {OperationError} FORGET_UNBALANCED.
 */
export function forgetInTables(
  db: UsageDb,
  target: ForgetTarget,
  keepsSums: boolean,
): ForgottenRows {
  const { connection } = db;
  connection.runOnce("PRAGMA temp_store = MEMORY");
  connection.runOnce("PRAGMA secure_delete = ON");
  // Every deleted name would have SQLite look through all messages for it; what is left is checked at once below.
  connection.runOnce("PRAGMA foreign_keys = OFF");
  try {
    return connection.transaction(() => {
      const before = problemsOf(db);
      const rows = forgetRows(db, target, { keepsSums });
      const problems = problemsOf(db);
      if (problems.length > before.length) throw unbalanced(problems);
      return rows;
    }, "forget");
  } finally {
    connection.runOnce("PRAGMA foreign_keys = ON");
  }
}

function problemsOf(db: UsageDb): string[] {
  const orphans = db.connection.readOnce("PRAGMA foreign_key_check");
  return [...verifyRollups(db), ...orphans.map(([table]) => `${String(table)} points at nothing`)];
}

function unbalanced(problems: readonly string[]): OperationError {
  return new OperationError(
    "FORGET_UNBALANCED",
    `Cannot forget: ${problems.length} hour(s) would differ from their messages, expected none; nothing was deleted`,
    { details: { differences: problems.slice(0, 20) } },
  );
}

/** Writes the file anew without anything that was deleted at any time, and empties the WAL. */
export function emptySpace(connection: Connection): {
  readonly isVacuumed: boolean;
  readonly isWalBusy: boolean;
} {
  let isVacuumed = false;
  connection.forgetStatements();
  try {
    withBusyTimeout(connection, CHECKPOINT_WAIT_MS, () => connection.runOnce("VACUUM"));
    isVacuumed = true;
  } catch (error) {
    // Busy or full: the rows are gone all the same, and the report says what is not.
    if (!(error instanceof Error && error.name === "SQLiteError")) throw error;
  }
  return { isVacuumed, isWalBusy: checkpoint(connection, CHECKPOINT_WAIT_MS).isBusy };
}
